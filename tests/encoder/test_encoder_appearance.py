"""What trained encoders keep beside an embedding is what their middle stage gives, for any batch and thread."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import timm
import torch

from reid_engine.encoder import IMAGENET_ENCODER, find_spec, load_encoder
from reid_engine.encoder.appearance import WatchedNetwork
from reid_engine.encoder.model import load_spec
from reid_engine.scan import Scan


def made(architecture, **options):
    torch.manual_seed(0)
    return timm.create_model(architecture, pretrained=False, num_classes=0, **options).eval()


def scan(seed, modality="CXR", slices=1):
    return Scan(values=np.random.default_rng(seed).random((slices, 70, 80), dtype=np.float32), modality=modality)


def hooked(network, names, inputs):
    """Give what the stages of those names put out."""
    found = []
    for name in names:
        network.get_submodule(name).register_forward_hook(lambda module, given, output: found.append(output))
    network(inputs)
    return found


@pytest.mark.parametrize(
    ("architecture", "stages", "width"),
    [
        ("mobilenetv2_035", ("blocks.2", "blocks.3"), 16 + 24),
        ("convnext_atto", ("stages.1", "stages.2"), 80 + 160),
        ("resnet10t", ("layer1", "layer2"), 64 + 128),
    ],
)
def test_it_is_the_mean_of_the_middle_stages(architecture, stages, width):
    watched = WatchedNetwork(made(architecture), half_way=64)
    inputs = torch.rand(3, 3, 96, 96)
    with torch.inference_mode():
        found = watched(inputs)
        features = made(architecture)(inputs)
        means = [output.mean(dim=(2, 3)) for output in hooked(made(architecture), stages, inputs)]
    assert watched.width == width
    torch.testing.assert_close(found, torch.cat([features, *means], dim=1), rtol=1e-4, atol=1e-5)


def test_of_a_transformer_it_is_the_mean_of_its_tokens():
    network = made("vit_tiny_patch16_224", img_size=64)
    watched = WatchedNetwork(network, half_way=64)
    inputs = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        found = watched(inputs)
        means = [
            output.mean(dim=1)
            for output in hooked(made("vit_tiny_patch16_224", img_size=64), ("blocks.5", "blocks.6"), inputs)
        ]
    assert watched.width == 2 * 192
    torch.testing.assert_close(found[:, 192:], torch.cat(means, dim=1), rtol=1e-4, atol=1e-5)


def test_channels_may_come_last():
    watched = WatchedNetwork(made("swin_tiny_patch4_window7_224"), half_way=224)
    assert watched.width == 192 + 384
    assert watched(torch.rand(2, 3, 224, 224)).shape == (2, 768 + 576)


def test_a_network_whose_stages_are_not_told_gives_its_features_alone():
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 5))
    watched = WatchedNetwork(network, half_way=2)
    assert watched.width == 0
    assert watched(torch.rand(2, 3, 2, 2)).shape == (2, 5)


def test_further_looks_leave_it_as_it_is():
    inputs = torch.rand(2, 3, 96, 96)
    with torch.inference_mode():
        once = WatchedNetwork(made("mobilenetv2_035"), half_way=64)(inputs)
        twice = WatchedNetwork(made("mobilenetv2_035"), half_way=64, second_size=64, mirror=True)(inputs)
    torch.testing.assert_close(once[:, 1280:], twice[:, 1280:])
    assert (once[:, :1280] - twice[:, :1280]).abs().max() > 1e-3


def test_only_encoders_that_were_trained_to_know_people_keep_it(encoder):
    assert load_encoder(IMAGENET_ENCODER).identity.appearance == 0
    assert encoder.identity.appearance == 120
    assert encoder.identity.width == 1400
    assert load_encoder("reid-oct").identity.appearance == 120


def test_an_embedding_is_the_same_with_it_and_without(encoder):
    for modality in ("CXR", "OCT", "CFP"):
        one = scan(1, modality, slices=3 if modality == "OCT" else 1)
        seen = encoder.take_in(one)
        assert seen.shape == (1400,)
        np.testing.assert_array_equal(seen[:1280], encoder.embed(one))
        prepared = encoder.prepare(one)
        slices = np.concatenate([encoder.perceive(prepared[k : k + 1]) for k in range(len(prepared))])
        np.testing.assert_allclose(seen, slices.mean(axis=0), rtol=1e-4, atol=1e-4)


def test_each_modality_has_the_appearance_of_its_own_network(encoder):
    of = {name: load_encoder(name) for name in ("reid-cxr", "reid-oct")}
    for modality, name in (("CXR", "reid-cxr"), ("OCT", "reid-oct")):
        one = scan(2, modality)
        np.testing.assert_allclose(encoder.take_in(one), of[name].take_in(one), rtol=1e-4, atol=1e-4)


def test_threads_do_not_get_each_others(encoder):
    scans = [scan(seed) for seed in range(8)]
    expected = [encoder.take_in(one) for one in scans]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            for found, right in zip(pool.map(encoder.take_in, scans), expected, strict=True):
                np.testing.assert_allclose(found, right, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["reid-oct", "reid-lite0"])
def test_a_whole_beside_its_parts_counts_in_the_features_and_not_in_the_appearance(name):
    """Squeezed to a square a b-scan looks otherwise, and everything would look more like it."""
    parts, both = (with_whole(find_spec(name), whole) for whole in (False, True))
    wide = Scan(values=np.random.default_rng(3).random((1, 60, 170), dtype=np.float32), modality="OCT")
    square = Scan(values=wide.values[..., :60], modality="OCT")
    prepared = both.prepare(wide)
    assert len(prepared) == len(parts.prepare(wide)) + 1
    found, plain = both.take_in(wide), parts.take_in(wide)
    np.testing.assert_allclose(found[both.dim :], plain[parts.dim :], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found[: both.dim], both.forward(prepared).mean(axis=0), rtol=1e-4, atol=1e-5)
    assert np.abs(found[: both.dim] - plain[: parts.dim]).max() > 1e-3
    np.testing.assert_allclose(both.take_in(square), parts.take_in(square), rtol=1e-5, atol=1e-6)
    rounded = prepared.copy()
    rounded[:, 3] -= 1e-3  # as a blur does
    np.testing.assert_array_equal(np.isnan(both.perceive(rounded)), np.isnan(both.perceive(prepared)))
    np.testing.assert_array_equal(both.forward(rounded), both.forward(prepared))


def with_whole(spec, whole):
    """Load an encoder whose network for OCT looks at the whole, or does not."""
    if spec.branches:
        return load_spec(replace(spec, branches={"OCT": whole_spec(spec.branches["OCT"], whole)}), device="cpu")
    return load_spec(whole_spec(spec, whole), device="cpu")


def whole_spec(spec, whole):
    return replace(spec, recipe=replace(spec.recipe, whole=whole))
