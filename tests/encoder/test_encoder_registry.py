"""What is known of encoders before one is loaded."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

import reid_engine.encoder
from reid_engine.encoder import DEFAULT_ENCODER, find_spec, load_encoder, specs
from reid_engine.encoder.spec import HubWeights, LinkedWeights
from reid_engine.errors import EncoderError

HEAVY = {"torch", "timm", "torchvision", "numpy", "PIL", "pandas", "sklearn", "scipy", "faiss", "itk", "pydicom"}


def loaded_by(code):
    """Give the top-level modules that a fresh interpreter has loaded after the code."""
    code += "\nimport sys, json; print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(out.stdout.splitlines()[-1]))


def test_importing_the_package_costs_nothing():
    assert not loaded_by("import reid_engine.encoder") & HEAVY


def test_listing_the_encoders_needs_neither_torch_nor_timm():
    code = "from reid_engine.encoder import specs, find_spec, DEFAULT_ENCODER, EncoderIdentity, EncoderSpec\n"
    code += "from reid_engine.encoder import choose_spec; choose_spec('CFP')\n"
    code += "[spec.describe() for spec in specs()]; find_spec(DEFAULT_ENCODER)"
    assert not loaded_by(code) & HEAVY


def test_everything_promised_is_there():
    for name in reid_engine.encoder.__all__:
        assert getattr(reid_engine.encoder, name) is not None
    assert set(reid_engine.encoder.__all__) == set(reid_engine.encoder._HOMES)
    assert set(dir(reid_engine.encoder)) == set(reid_engine.encoder.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        reid_engine.encoder.nonsense  # noqa: B018


def test_names_are_unique_and_the_default_comes_first():
    names = [spec.name for spec in specs()]
    assert len(set(names)) == len(names)
    assert names[0] == DEFAULT_ENCODER


@pytest.mark.parametrize("spec", specs(), ids=lambda spec: spec.name)
def test_every_spec_says_what_a_user_must_know(spec):
    told = spec.describe()
    assert json.loads(json.dumps(told)) == told
    for key in (
        "name",
        "architecture",
        "modalities",
        "dim",
        "licence",
        "where",
        "citation",
        "preprocessing",
        "pooling",
    ):
        assert told[key], key
    assert isinstance(told["weights_at_hand"], bool)
    assert told["weights_at_hand"] or "FILE" in told["advice"] or "pip install" in told["advice"]
    assert timm.is_model(spec.architecture)


@pytest.mark.parametrize("spec", specs(), ids=lambda spec: spec.name)
def test_every_spec_is_in_the_documentation_under_its_modality(spec):
    text = (Path(__file__).parents[2] / "docs" / "encoders.md").read_text(encoding="utf-8")
    rows = [line.split("|") for line in text.splitlines() if line.startswith("| `")]
    short = spec.name.removeprefix("dinov2")
    (row,) = [row for row in rows if f"`{spec.name}`" in row[1] or (short != spec.name and f"`{short}`" in row[1])]
    assert row[2].strip() == ", ".join(spec.modalities)
    assert str(spec.recipe.size) in row[3]
    assert spec.licence.removesuffix(" (CNCRL)") in row[5]


def test_the_default_is_at_hand():
    told = find_spec(DEFAULT_ENCODER).describe()
    assert told["weights_at_hand"]
    assert told["advice"] is None


@pytest.mark.parametrize("name", [spec.name for spec in specs() if not spec.at_hand])
def test_an_encoder_without_weights_says_what_to_do(name):
    with pytest.raises(EncoderError) as caught:
        load_encoder(name)
    message = str(caught.value)
    assert message.startswith(f"{name}: its weights are not on this machine; ")
    assert "\n" not in message
    assert find_spec(name).advice in message


def test_any_timm_model_by_name():
    spec = find_spec("timm:resnet18")
    assert spec == find_spec("resnet18")
    assert (spec.name, spec.architecture, spec.recipe.size) == ("timm:resnet18", "resnet18", 224)
    assert spec.recipe.mean == pytest.approx((0.485, 0.456, 0.406))


def test_an_unknown_name_is_answered_with_close_ones():
    with pytest.raises(EncoderError, match="did you mean efficientnet-lite0"):
        find_spec("efficientnet_lite-0")
    with pytest.raises(EncoderError, match=r"no encoder is called 'timm:resnet1888'.*resnet18"):
        find_spec("timm:resnet1888")
    with pytest.raises(EncoderError, match="reid-engine encoders"):
        find_spec("§§§")


@pytest.mark.parametrize("spec", [spec for spec in specs() if "dinov2-" in spec.name], ids=lambda spec: spec.name)
def test_dinov2_is_described_as_timm_describes_it(spec):
    config = timm.get_pretrained_cfg(f"{spec.architecture}.lvd142m")
    if isinstance(spec.source, HubWeights) and not spec.source.gated:
        assert (spec.source.repository, spec.licence.lower()) == (config.hf_hub_id, config.license)
        assert (spec.recipe.mean, spec.recipe.std, spec.recipe.interpolation) == (
            config.mean,
            config.std,
            config.interpolation,
        )
    assert timm.is_model_pretrained(spec.architecture)


@pytest.mark.parametrize("spec", [spec for spec in specs() if "YukunZhou" in spec.url], ids=lambda spec: spec.name)
def test_gated_weights_say_where_to_ask_and_what_to_type(spec):
    advice = spec.advice
    steps = (
        f"ask for access at {spec.url}",
        "hf auth login",
        f"reid-engine encoders --download {spec.name}",
        "--weights",
    )
    places = [advice.index(step) for step in steps]
    assert places == sorted(places)
    assert spec.files[0] in advice


def test_access_that_is_not_granted_yet_is_one_line(monkeypatch):
    import huggingface_hub
    from huggingface_hub.errors import GatedRepoError

    class Gated(GatedRepoError):
        def __init__(self):
            Exception.__init__(self, "403\nmany\nlines")

    def refuse(*_):
        raise Gated

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", refuse)
    with pytest.raises(EncoderError) as caught:
        load_encoder("retfound-meh", download=True)
    message = str(caught.value)
    assert message.startswith("retfound-meh: YukunZhou/RETFound_mae_meh: the hub doesn't give its weights to you yet; ")
    assert find_spec("retfound-meh").advice in message
    assert "\n" not in message


def test_linked_weights_are_fetched_once_and_only_when_asked(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    (tmp_path / "w.pth").write_bytes(b"weights")
    source = LinkedWeights((tmp_path / "w.pth").as_uri())
    assert source.locate() is None
    assert source.fetch() == source.locate() == tmp_path / "torch" / "hub" / "checkpoints" / "w.pth"
    assert source.locate().read_bytes() == b"weights"
    gone = LinkedWeights((tmp_path / "gone.pth").as_uri())
    with pytest.raises(EncoderError, match=r"gone\.pth: could not be downloaded"):
        gone.fetch()
    assert [path.name for path in source.locate().parent.iterdir()] == ["w.pth"]


def test_a_mirror_in_the_hubs_cache_is_used(tmp_path):
    cached(tmp_path, "facebook/dinov2-with-registers-base", {"x": torch.zeros(1)})
    code = "from reid_engine.encoder import specs; print(*[spec.name for spec in specs() if spec.at_hand])"
    environment = os.environ | {"HF_HUB_CACHE": str(tmp_path), "HF_HUB_OFFLINE": "1", "TORCH_HOME": str(tmp_path)}
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert "dinov2-b-reg" in out.stdout.split()
    assert "dinov2-b" not in out.stdout.split()


def cached(root, repository, state):
    """Lay a file into a hub cache as the hub's client does."""
    folder = root / ("models--" + repository.replace("/", "--"))
    snapshot = folder / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("0" * 40)
    save_file(state, snapshot / "model.safetensors")


def test_weights_in_the_hubs_cache_are_used(tmp_path):
    torch.manual_seed(4)
    network = timm.create_model("resnet10t", pretrained=False)
    cached(tmp_path, "timm/resnet10t.c3_in1k", network.state_dict())
    code = (
        "from reid_engine.encoder import find_spec, load_encoder\n"
        "spec = find_spec('timm:resnet10t'); assert spec.at_hand, spec\n"
        "encoder = load_encoder('timm:resnet10t', device='cpu')\n"
        "print(float(encoder.network.conv1[0].weight.detach()[0, 0, 0, 0]))"
    )
    environment = os.environ | {"HF_HUB_CACHE": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert float(out.stdout) == pytest.approx(float(network.conv1[0].weight.detach()[0, 0, 0, 0]), rel=1e-6)


def test_a_download_that_fails_is_one_line(tmp_path, monkeypatch):
    """The tests keep the hub's client offline, so that it can only fail."""
    with pytest.raises(EncoderError) as caught:
        load_encoder("timm:resnet26t", download=True)
    message = str(caught.value)
    assert "could not be downloaded" in message
    assert "--weights FILE" in message
    assert "\n" not in message
