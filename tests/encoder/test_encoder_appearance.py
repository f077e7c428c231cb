"""What trained encoders keep beside an embedding is what their middle stage gives, for any batch and thread."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import timm
import torch

from reid_engine.encoder import IMAGENET_ENCODER, load_encoder
from reid_engine.encoder.appearance import WatchedNetwork
from reid_engine.scan import Scan


def made(architecture, **options):
    torch.manual_seed(0)
    return timm.create_model(architecture, pretrained=False, num_classes=0, **options).eval()


def scan(seed, modality="CXR", slices=1):
    return Scan(values=np.random.default_rng(seed).random((slices, 70, 80), dtype=np.float32), modality=modality)


@pytest.mark.parametrize(
    ("architecture", "size", "index", "width"),
    [("mobilenetv2_035", 64, 2, 16), ("resnet10t", 64, 2, 128), ("convnext_atto", 64, 2, 160)],
)
def test_it_is_the_mean_of_the_middle_stage_as_timm_gives_that_stage(architecture, size, index, width):
    network = made(architecture)
    watched = WatchedNetwork(network)
    inputs = torch.rand(3, 3, size, size)
    with torch.inference_mode():
        found = watched(inputs)
        stages = made(architecture).forward_intermediates(inputs, intermediates_only=True)
        features = made(architecture)(inputs)
    assert watched.width == width
    torch.testing.assert_close(found[:, :-width], features)
    torch.testing.assert_close(found[:, -width:], stages[index].mean(dim=(2, 3)), rtol=1e-4, atol=1e-5)


def test_of_a_transformer_it_is_the_mean_of_its_tokens():
    network = made("vit_tiny_patch16_224", img_size=64)
    watched = WatchedNetwork(network)
    inputs = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        found = watched(inputs)
        tokens = network._pos_embed(network.patch_embed(inputs))
        for block in network.blocks[: len(network.blocks) // 2 + 1]:
            tokens = block(tokens)
    assert watched.width == 192
    torch.testing.assert_close(found[:, 192:], tokens.mean(dim=1), rtol=1e-4, atol=1e-5)


def test_a_network_whose_stages_are_not_told_gives_its_features_alone():
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 5))
    watched = WatchedNetwork(network)
    assert watched.width == 0
    assert watched(torch.rand(2, 3, 2, 2)).shape == (2, 5)


def test_only_encoders_that_were_trained_to_know_people_keep_it(encoder):
    assert load_encoder(IMAGENET_ENCODER).identity.appearance == 0
    assert encoder.identity.appearance == 40
    assert encoder.identity.width == 1320
    assert load_encoder("reid-oct").identity.appearance == 40


def test_an_embedding_is_the_same_with_it_and_without(encoder):
    for modality in ("CXR", "OCT", "CFP"):
        one = scan(1, modality, slices=3 if modality == "OCT" else 1)
        seen = encoder.take_in(one)
        assert seen.shape == (1320,)
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
