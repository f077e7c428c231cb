"""Weights files: what is taken, what is refused, and that nothing in one is ever run."""

import argparse
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from reid_engine.encoder.model import load_encoder, load_spec
from reid_engine.encoder.registry import find_spec
from reid_engine.encoder.weights import hash_state, read_state
from reid_engine.errors import EncoderError

TINY = "timm:resnet10t"


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(3)
    return timm.create_model("resnet10t", pretrained=False)


def refusal(**kwargs) -> str:
    with pytest.raises(EncoderError) as caught:
        load_encoder(TINY, device="cpu", **kwargs)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_default_weights_come_from_the_installed_package():
    path = find_spec("efficientnet-lite0").source.locate()
    assert path.name.startswith("efficientnet-lite0")
    assert "_conv_stem.weight" in read_state(path)


@pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
@pytest.mark.parametrize("prefix", ["", "module.", "module.backbone."])
def test_checkpoints_are_unwrapped(tmp_path, network, wrapper, prefix):
    state = {prefix + key: value for key, value in network.state_dict().items()}
    path = tmp_path / "checkpoint.pt"
    torch.save({wrapper: state, "epoch": 4, "arch": "resnet10t"} if wrapper else state, path)
    read = read_state(path)
    assert set(read) == set(network.state_dict())


def test_safetensors_and_torch_files_of_one_network_are_one_encoder(tmp_path, network):
    save_file(network.state_dict(), tmp_path / "a.safetensors")
    torch.save(network.state_dict(), tmp_path / "b.pth")
    one = load_encoder(TINY, weights=tmp_path / "a.safetensors", device="cpu")
    other = load_encoder(TINY, weights=tmp_path / "b.pth", device="cpu")
    assert one.identity == other.identity
    assert one.dim == 512
    assert one.notes == ("left out of the file: fc.bias, fc.weight",)
    x = np.random.default_rng(0).standard_normal((2, 3, 176, 176), dtype=np.float32)
    with torch.inference_mode():
        network.eval()
        expected = network.forward_head(network.forward_features(torch.from_numpy(x)), pre_logits=True)
    np.testing.assert_allclose(one.forward(x), expected.numpy(), rtol=1e-5, atol=1e-5)


def test_half_precision_files_are_taken(tmp_path, network):
    save_file({k: v.half() if v.is_floating_point() else v for k, v in network.state_dict().items()}, tmp_path / "h")
    encoder = load_encoder(TINY, weights=tmp_path / "h", device="cpu")
    assert encoder.network.conv1[0].weight.dtype == torch.float32


def test_missing_keys_are_listed(tmp_path, network):
    state = network.state_dict()
    del state["layer1.0.conv1.weight"]
    torch.save(state, tmp_path / "w.pth")
    assert "1 missing (layer1.0.conv1.weight)" in refusal(weights=tmp_path / "w.pth")


def test_unexpected_keys_are_listed_with_a_count(tmp_path, network):
    state = network.state_dict() | {f"extra.{n}": torch.zeros(1) for n in range(7)}
    torch.save(state, tmp_path / "w.pth")
    assert "7 unexpected (extra.0, extra.1, extra.2, extra.3 and 3 more)" in refusal(weights=tmp_path / "w.pth")


def test_another_shape_is_listed(tmp_path, network):
    state = network.state_dict() | {"layer1.0.conv1.weight": torch.zeros(2, 2, 3, 3)}
    torch.save(state, tmp_path / "w.pth")
    assert "layer1.0.conv1.weight (2, 2, 3, 3) for (64, 64, 3, 3)" in refusal(weights=tmp_path / "w.pth")


def test_weights_of_another_network_are_refused(tmp_path):
    other = timm.create_model("mobilenetv3_small_050", pretrained=False)
    save_file(other.state_dict(), tmp_path / "w.safetensors")
    message = refusal(weights=tmp_path / "w.safetensors")
    assert "missing" in message
    assert "unexpected" in message
    assert len(message) < 600


def test_weights_that_are_not_numbers_are_refused(tmp_path, network):
    state = network.state_dict()
    state["layer1.0.conv1.weight"] = state["layer1.0.conv1.weight"] * float("nan")
    save_file(state, tmp_path / "w.safetensors")
    assert "not finite" in refusal(weights=tmp_path / "w.safetensors")


@pytest.mark.parametrize(
    "content",
    [b"", b"garbage" * 100, b"PK\x03\x04" + bytes(200), b"\x80\x02}q\x00.", (10**9).to_bytes(8, "little") + b"{}"],
    ids=["empty", "garbage", "broken-zip", "empty-dict", "broken-safetensors"],
)
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_garbage_is_refused_in_one_line(tmp_path, content, suffix):
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(content)
    assert str(path) in refusal(weights=path)


def test_a_missing_file_is_refused(tmp_path):
    assert "no such weights file" in refusal(weights=tmp_path / "none.pth")


def test_a_list_of_tensors_is_refused(tmp_path):
    torch.save([torch.zeros(3)], tmp_path / "w.pth")
    assert "not named tensors" in refusal(weights=tmp_path / "w.pth")


def test_a_training_scripts_arguments_do_no_harm(tmp_path, network):
    arguments = argparse.Namespace(lr=1e-3, output_dir="./out", layers=[1, 2])
    torch.save({"model": network.state_dict(), "args": arguments, "epoch": 7}, tmp_path / "w.pth")
    assert load_encoder(TINY, weights=tmp_path / "w.pth", device="cpu").dim == 512


class Bomb:
    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self):
        return (Path.touch, (self.mark,))


@pytest.mark.parametrize("zipped", [True, False])
def test_a_malicious_file_is_refused_and_not_run(tmp_path, network, zipped):
    mark = tmp_path / "executed"
    path = tmp_path / "w.pth"
    content = {"state_dict": network.state_dict(), "optimizer": Bomb(mark)}
    if zipped:
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps({"x": Bomb(mark)}))
    assert "read safely" in refusal(weights=path)
    assert not mark.exists()
    torch.load(path, weights_only=False) if zipped else pickle.loads(path.read_bytes())
    assert mark.exists(), "the file must be one that does run when it is read carelessly"


def test_fingerprint_follows_the_weights(tmp_path, network):
    state = {key: value.clone() for key, value in network.state_dict().items()}
    torch.save(state, tmp_path / "a.pth")
    state["layer1.0.conv1.weight"][0, 0, 0, 0] += 1e-3
    torch.save(state, tmp_path / "b.pth")
    prints = [load_encoder(TINY, weights=tmp_path / f, device="cpu").identity.fingerprint for f in ("a.pth", "b.pth")]
    assert prints[0] != prints[1]


@pytest.mark.parametrize(
    "change",
    [
        {"size": 200},
        {"crop": False},
        {"tiles": 2},
        {"interpolation": "area"},
        {"mean": (0.5, 0.5, 0.4)},
        {"std": (0.5, 0.5, 0.4)},
        {"standardise": "image"},
        {"slices": 3},
    ],
    ids=lambda change: next(iter(change)),
)
def test_fingerprint_follows_every_parameter_of_the_preprocessing(change):
    spec = find_spec("efficientnet-lite0")
    encoder = load_encoder("efficientnet-lite0", device="cpu")
    changed = load_spec(replace(spec, recipe=replace(spec.recipe, **change)), device="cpu")
    assert changed.identity.fingerprint != encoder.identity.fingerprint


def test_fingerprint_follows_the_version_of_the_preprocessing(encoder, monkeypatch):
    monkeypatch.setattr("reid_engine.encoder.model.PREPROCESSING_VERSION", 10**6)
    assert load_encoder(device="cpu").identity.fingerprint != encoder.identity.fingerprint


def test_fingerprint_is_the_same_in_another_process(encoder):
    code = "from reid_engine.encoder import load_encoder; print(load_encoder().identity.fingerprint)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == encoder.identity.fingerprint


def test_hash_sees_names_shapes_and_values_and_not_the_order():
    a, b = torch.arange(6.0), torch.ones(2)
    base = hash_state({"a": a, "b": b})
    assert hash_state({"b": b, "a": a.clone()}) == base
    assert hash_state({"a": a.reshape(2, 3), "b": b}) != base
    assert hash_state({"a": b, "b": a}) != base
    assert hash_state({"a": a + 1e-6, "b": b}) != base
    assert hash_state({"a": a.t().reshape(2, 3).t().contiguous().t(), "b": b}) == hash_state(
        {"a": a.reshape(2, 3), "b": b}
    )


def test_unknown_device_is_one_line():
    with pytest.raises(EncoderError, match="device 'warp:9'"):
        load_encoder(device="warp:9")
