"""Weights given as a folder: the encoder's own file is found, and nothing is guessed."""

import pytest
import timm
import torch
from safetensors.torch import save_file

from reid_engine.encoder import find_spec, load_encoder
from reid_engine.encoder.weights_folder import find_weights, named_weights
from reid_engine.errors import EncoderError


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_a_file_is_itself(tmp_path):
    touch(tmp_path, "x.pth")
    assert find_weights(tmp_path / "x.pth", find_spec("rad-dino")) == tmp_path / "x.pth"


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("retfound-cfp", "RETFound_mae_natureCFP.pth"),
        ("retfound-dinov2-shanghai", "RETFound_dinov2_shanghai.pth"),
        ("retfound-green", "retfoundgreen_statedict.pth"),
        ("rad-dino", "backbone_compatible.safetensors"),
        ("rad-dino", "rad-dino/model.safetensors"),
        ("dinov2-s", "vit_small_patch14_dinov2.lvd142m/model.safetensors"),
        ("biomedclip", "open_clip_pytorch_model.bin"),
    ],
)
def test_each_encoder_finds_its_own_among_others(tmp_path, name, file):
    touch(tmp_path, file, "RETFound_mae_natureOCT.pth", "RETFound_mae_meh.pth", "something.pt", "README.md")
    assert find_weights(tmp_path, find_spec(name)) == tmp_path / file
    assert named_weights(tmp_path, find_spec(name)) == tmp_path / file


def test_a_copied_repository_and_a_lone_file_are_taken(tmp_path):
    touch(tmp_path / "a", "config.json", "model.safetensors", "pytorch_model.bin")
    touch(tmp_path / "b", "mine.pth", "notes.txt")
    spec = find_spec("dinov2-s")
    assert find_weights(tmp_path / "a", spec).name == "model.safetensors"
    assert find_weights(tmp_path / "b", spec).name == "mine.pth"
    assert named_weights(tmp_path / "a", spec) is None, "such a name says nothing about whose the weights are"
    assert named_weights(tmp_path / "b", spec) is None


def test_what_would_be_a_guess_is_refused(tmp_path):
    with pytest.raises(EncoderError, match=r"holds no weights for retfound-meh; it would be RETFound_mae_meh\.pth"):
        find_weights(tmp_path, find_spec("retfound-meh"))
    touch(tmp_path, "one.pth", "two.safetensors")
    with pytest.raises(EncoderError, match=r"holds 2 weights files \(one\.pth, two\.safetensors\); name one of them"):
        find_weights(tmp_path, find_spec("retfound-meh"))


def test_a_network_is_loaded_from_a_folder(tmp_path):
    torch.manual_seed(3)
    network = timm.create_model("resnet10t", pretrained=False)
    save_file(network.state_dict(), tmp_path / "model.safetensors")
    here = load_encoder("timm:resnet10t", weights=tmp_path, device="cpu")
    assert here.identity == load_encoder("timm:resnet10t", weights=tmp_path / "model.safetensors").identity
