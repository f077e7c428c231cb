"""Patch tokens: what a vision transformer knows of each patch, where the patch lies."""

from dataclasses import replace

import numpy as np
import pytest
import timm
import torch
from published_vits import dinov2_features, dinov2_state, timm_state
from safetensors.torch import save_file
from small_vits import KINDS, PATCHES, small_vit

from reid_engine.encoder.model import load_spec
from reid_engine.encoder.patches import has_patches, patch_tokens
from reid_engine.encoder.spec import FolderWeights
from reid_engine.scan import Scan


def batch_for(encoder, count=2):
    size = encoder.preprocessing.recipe.size
    return np.random.default_rng(0).standard_normal((count, 3, size, size), dtype=np.float32)


@pytest.mark.parametrize("kind", KINDS)
def test_patches_are_the_last_layers_without_class_token_and_registers(kind):
    """As timm gives them in another way, channels first."""
    encoder = small_vit(kind)
    batch = batch_for(encoder)
    assert encoder.has_patches
    found = encoder.patches(batch)
    assert found.shape == (2, PATCHES, PATCHES, 64)
    assert found.dtype == np.float32
    with torch.inference_mode():
        (expected,) = encoder.network.forward_intermediates(
            torch.from_numpy(batch), indices=1, norm=True, output_fmt="NCHW", intermediates_only=True
        )
    np.testing.assert_allclose(found, expected.permute(0, 2, 3, 1), rtol=1e-4, atol=1e-5)


def test_patches_are_those_of_dinov2_in_plain_algebra():
    """Their mean is; with registers, which a wrong count of tokens before the patches would mix in."""
    encoder = small_vit("registers")
    state = dinov2_state(64, 2, grid=PATCHES, registers=4, scale=0.1)
    encoder.network.load_state_dict(timm_state(state))
    batch = batch_for(encoder)
    expected = dinov2_features(state, torch.from_numpy(batch), 2, "patches").numpy()
    np.testing.assert_allclose(encoder.patches(batch).mean(axis=(1, 2)), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", [(0, 0), (2, 9), (11, 4)])
def test_a_patch_lies_where_its_pixels_lie(kind, place):
    encoder = small_vit(kind)
    batch = batch_for(encoder, 1)
    side = batch.shape[-1] // PATCHES
    changed = batch.copy()
    rows, columns = (slice(side * first, side * (first + 1)) for first in place)
    changed[:, :, rows, columns] += 3
    moved = np.linalg.norm(encoder.patches(changed) - encoder.patches(batch), axis=-1)[0]
    assert np.unravel_index(moved.argmax(), moved.shape) == place


@pytest.mark.parametrize(
    ("name", "prefix"), [("deit_tiny_distilled_patch16_224", 2), ("test_vit", 1), ("test_vit_relpos", 0)]
)
def test_transformers_are_known_by_what_they_have(name, prefix):
    network = timm.create_model(name, num_classes=0).eval()
    size = network.pretrained_cfg["input_size"][-1]
    inputs = torch.zeros(1, 3, size, size)
    assert has_patches(network)
    with torch.inference_mode():
        found = patch_tokens(network, inputs)
        assert found.shape[1:3] == network.patch_embed.grid_size
        assert torch.equal(found.flatten(1, 2), network.forward_features(inputs)[:, prefix:])


@pytest.mark.parametrize("name", ["test_convnext", "test_efficientnet", "swin_s3_tiny_224"])
def test_other_networks_have_none(name):
    """A Swin has a grid of patches, and merges them on the way."""
    network = timm.create_model(name, num_classes=0).eval()
    assert not has_patches(network)
    assert patch_tokens(network, torch.zeros(1, 3, 224, 224)) is None


def test_tokens_that_do_not_fill_the_grid_are_not_laid_on_it():
    network = small_vit("masked").network
    network.patch_embed.grid_size = (PATCHES, PATCHES + 1)
    size = 16 * PATCHES
    assert patch_tokens(network, torch.zeros(1, 3, size, size)) is None


def test_a_branched_encoder_asks_each_modalitys_own_network(tmp_path):
    encoder = small_vit("masked")
    sources = {}
    for seed, name in enumerate(("any", "CXR")):
        torch.manual_seed(seed)
        state = timm.create_model(
            encoder.spec.architecture, num_classes=0, depth=2, embed_dim=64, num_heads=2, **encoder.spec.options
        ).state_dict()
        save_file(state, tmp_path / f"{name}.safetensors")
        sources[name] = FolderWeights(tmp_path / f"{name}.safetensors")
    options = {**encoder.spec.options, "depth": 2, "embed_dim": 64, "num_heads": 2}
    plain = replace(encoder.spec, source=sources["any"], options=options)
    branched = load_spec(replace(plain, branches={"CXR": replace(plain, source=sources["CXR"])}), device="cpu")
    alone = {
        "OCT": load_spec(plain, device="cpu"),
        "CXR": load_spec(replace(plain, source=sources["CXR"]), device="cpu"),
    }
    pixels = np.random.default_rng(0).random((1, 70, 70), dtype=np.float32)
    scans = {modality: Scan(values=pixels, modality=modality) for modality in alone}
    together = branched.patches(np.concatenate([branched.prepare(scan) for scan in scans.values()]))
    assert np.abs(together[0] - together[1]).max() > 0.1
    for found, (modality, scan) in zip(together, scans.items(), strict=True):
        expected = alone[modality].patches(alone[modality].prepare(scan))[0]
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
