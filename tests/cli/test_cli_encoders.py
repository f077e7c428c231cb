"""``reid-engine encoders``, weights by folder and download, and ``--encoder auto``."""

import json
from pathlib import Path

import pytest

from reid_engine.encoder import specs
from reid_engine.encoder.spec import EncoderSpec, HubWeights, Recipe
from reid_engine.phantom import write_phantom_cohort

GREY = (0.5, 0.5, 0.5)
TINY = EncoderSpec(
    name="tiny-cxr",
    architecture="resnet10t",
    dim=512,
    modalities=("CXR",),
    recipe=Recipe(size=64, mean=GREY, std=GREY),
    source=HubWeights("nobody/tiny-cxr", ("tiny_cxr.pth",)),
)


@pytest.fixture
def tiny(tmp_path, monkeypatch) -> Path:
    """Give a folder with the weights of a small encoder for chest x-rays, which is registered."""
    import timm
    import torch

    torch.manual_seed(2)
    folder = tmp_path / "weights"
    folder.mkdir()
    torch.save(timm.create_model("resnet10t", pretrained=False).state_dict(), folder / "tiny_cxr.pth")
    (folder / "other.pth").write_bytes(b"of somebody else")
    monkeypatch.setattr("reid_engine.encoder.registry._SPECS", (*specs(), TINY))
    return folder


def test_every_encoder_is_listed_with_what_a_user_must_know(invoke):
    told = json.loads(invoke("encoders", "--json").stdout)
    assert (told["schema"], told["default"]) == ("reid-encoders/1", "reid-lite0")
    assert [row["name"] for row in told["encoders"]] == [spec.name for spec in specs()]
    row = next(row for row in told["encoders"] if row["name"] == "retfound-dinov2-meh")
    assert (row["modalities"], row["licence"], row["pooling"]) == (["CFP"], "CC BY-NC 4.0", "norm, patch mean, norm")
    assert row["preprocessing"]["standardise"] == "image"
    shown = invoke("encoders").stdout
    for name in (spec.name for spec in specs()):
        assert name in shown


def test_weights_at_hand_are_not_fetched_again(invoke):
    told = json.loads(invoke("encoders", "--download", "efficientnet-lite0", "--json").stdout)
    assert told["schema"] == "reid-weights/1"
    assert Path(told["path"]).is_file()
    assert "Apache-2.0" in invoke("encoders", "--download", "efficientnet-lite0").stdout


def test_a_download_that_fails_says_what_to_do(invoke, refused):
    """The tests keep the hub's client offline, so that it can only fail."""
    line = refused(invoke("encoders", "--download", "retfound-shanghai"))
    assert "ask for access at https://huggingface.co/YukunZhou/RETFound_mae_shanghai" in line
    assert "hf auth login" in line
    assert "no encoder is called 'rad-dio'; did you mean rad-dino" in refused(
        invoke("encoders", "--download", "rad-dio")
    )


def test_auto_takes_the_default_where_nothing_better_is_at_hand(invoke, small_cohort, tmp_path):
    done = invoke("enrol", small_cohort, "--gallery", tmp_path / "g", "--encoder", "auto", "--json")
    assert json.loads(done.stdout)["encoder"]["name"] == "reid-lite0"
    assert done.stderr == (
        "reid-engine: --encoder auto is reid-lite0: the default, which has weights of its own for CXR\n"
    )


def test_auto_takes_the_encoder_made_for_the_cohorts_modality(invoke, refused, small_cohort, tiny, tmp_path):
    words = ("enrol", small_cohort, "--gallery", tmp_path / "g", "--encoder", "auto", "--json")
    done = invoke(*words, "--weights", tiny)
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["encoder"]["name"] == "tiny-cxr"
    assert done.stderr.splitlines() == [
        "reid-engine: --encoder auto is tiny-cxr: made for CXR",
        "reid-engine: tiny-cxr: left out of the file: fc.bias, fc.weight",
    ]
    again = invoke(*words, "--weights", tiny / "tiny_cxr.pth")
    assert json.loads(again.stdout)["skipped"] == 6, "a gallery keeps its encoder, whatever auto would choose now"
    assert "tiny-cxr: its weights are not on this machine" in refused(invoke(*words[:-1]))
    scan = small_cohort / "cxr_P001_s1.png"
    check = invoke("check", scan, "--gallery", tmp_path / "g", "--weights", tiny, "--json")
    assert json.loads(check.stdout)["encoder"]["name"] == "tiny-cxr"


def test_auto_takes_the_default_for_a_mixed_cohort(invoke, tiny, tmp_path):
    write_phantom_cohort(tmp_path / "c", subjects=3, sessions=2, modalities=("CXR", "OCT"), size=96)
    done = invoke(
        "enrol", tmp_path / "c", "--gallery", tmp_path / "g", "--encoder", "auto", "--weights", tiny, "--json"
    )
    assert json.loads(done.stdout)["encoder"]["name"] == "reid-lite0"
    assert "several modalities" in done.stderr


def test_auto_in_an_evaluation(invoke, small_cohort, tiny, tmp_path):
    words = ("evaluate", small_cohort, "--out", tmp_path / "r", "--no-baselines", "--json")
    done = invoke(*words, "--encoder", "auto", "--weights", tiny)
    assert done.exit_code == 0, done.stderr
    rows = json.loads(done.stdout)["results"]
    assert {row["encoder"] for row in rows if row["kind"] == "encoder"} == {"tiny-cxr"}
    assert "--encoder auto is tiny-cxr: made for CXR" in done.stderr


def test_auto_where_it_makes_no_sense(invoke, refused, small_cohort, phantom_gallery, tiny, tmp_path):
    words = ("enrol", small_cohort, "--gallery", tmp_path / "g", "--encoder", "auto")
    assert "takes a folder of weights" in refused(invoke(*words, "--weights", tiny / "tiny_cxr.pth"))
    scan = small_cohort / "cxr_P001_s1.png"
    assert "leave it out" in refused(invoke("check", scan, "--gallery", phantom_gallery, "--encoder", "auto"))
    assert not (tmp_path / "g").exists()


def test_a_folder_that_would_be_a_guess(invoke, refused, small_cohort, tiny, tmp_path):
    (tiny / "tiny_cxr.pth").rename(tiny / "renamed.pth")
    words = ("enrol", small_cohort, "--gallery", tmp_path / "g", "--encoder", "tiny-cxr", "--weights", tiny)
    assert "holds 2 weights files (other.pth, renamed.pth)" in refused(invoke(*words))
