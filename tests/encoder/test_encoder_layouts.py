"""Weights under every key name that circulates give the features of the published network."""

from dataclasses import replace

import pytest
import torch
from published_vits import (
    dinov2_features,
    dinov2_state,
    hugging_face_state,
    mae_features,
    mae_state,
)
from safetensors.torch import save_file

from reid_engine.encoder.layouts import to_timm
from reid_engine.encoder.model import _build, load_spec
from reid_engine.encoder.registry import find_spec

SMALL = {"depth": 2, "embed_dim": 48, "num_heads": 3}
HEADS = 3


def small(name, size, **options):
    spec = find_spec(name)
    options = {**spec.options, **SMALL, "img_size": size, **options}
    return replace(spec, options=options, recipe=replace(spec.recipe, size=size))


def saved(tmp_path, state, wrapper=None):
    path = tmp_path / "weights.pth"
    torch.save({wrapper: state, "epoch": 3} if wrapper else state, path)
    return path


@pytest.fixture
def images():
    return torch.randn(2, 3, 56, 56, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("name", ["dinov2-s", "dinov2-b", "rad-dino"])
def test_original_dinov2_gives_the_published_features(tmp_path, images, name):
    state = dinov2_state(48, 2, grid=4)
    encoder = load_spec(small(name, 56), weights=saved(tmp_path, state), device="cpu")
    expected = dinov2_features(state, images, HEADS)
    torch.testing.assert_close(torch.from_numpy(encoder.forward(images.numpy())), expected)
    assert any("mask_token" in note for note in encoder.notes)


def test_teacher_with_a_backbone_prefix_is_unwrapped(tmp_path, images):
    state = dinov2_state(48, 2, grid=4)
    teacher = {f"backbone.{key}": value for key, value in state.items()}
    teacher["dino_head.mlp.0.weight"] = torch.ones(3, 3)
    path = saved(tmp_path, teacher, "teacher")
    encoder = load_spec(small("dinov2-s", 56), weights=path, device="cpu")
    torch.testing.assert_close(torch.from_numpy(encoder.forward(images.numpy())), dinov2_features(state, images, HEADS))
    assert any("dino_head" in note for note in encoder.notes)


def test_hugging_face_keys_give_the_published_features(tmp_path, images):
    state = dinov2_state(48, 2, grid=4)
    path = tmp_path / "model.safetensors"
    save_file({key: value.contiguous() for key, value in hugging_face_state(state).items()}, path)
    encoder = load_spec(small("rad-dino", 56), weights=path, device="cpu")
    torch.testing.assert_close(torch.from_numpy(encoder.forward(images.numpy())), dinov2_features(state, images, HEADS))


def test_one_network_in_two_layouts_has_one_fingerprint(tmp_path):
    state = dinov2_state(48, 2, grid=4)
    path = tmp_path / "model.safetensors"
    save_file({key: value.contiguous() for key, value in hugging_face_state(state).items()}, path)
    spec = small("rad-dino", 56)
    one = load_spec(spec, weights=path, device="cpu")
    other = load_spec(spec, weights=saved(tmp_path, state), device="cpu")
    assert one.identity == other.identity


def test_registers_share_the_class_tokens_position(tmp_path, images):
    state = dinov2_state(48, 2, grid=4, registers=4)
    spec = replace(small("dinov2-s", 56), architecture="vit_small_patch14_reg4_dinov2")
    encoder = load_spec(spec, weights=saved(tmp_path, state), device="cpu")
    torch.testing.assert_close(torch.from_numpy(encoder.forward(images.numpy())), dinov2_features(state, images, HEADS))


@pytest.mark.parametrize("name", ["retfound-cfp", "retfound-oct"])
def test_masked_autoencoder_gives_the_authors_features(tmp_path, images, name):
    images = images[..., :48, :48].contiguous()
    state = mae_state(48, 2, grid=3)
    encoder = load_spec(small(name, 48), weights=saved(tmp_path, state, "model"), device="cpu")
    torch.testing.assert_close(torch.from_numpy(encoder.forward(images.numpy())), mae_features(state, images, HEADS))
    said = " ".join(encoder.notes)
    assert "decoder_blocks.0.norm1.weight" in said
    assert "norm.weight" in said
    assert "fc_norm.weight" in said


def test_position_embeddings_are_interpolated_to_another_grid(tmp_path, images):
    """A grid that is constant stays so; one that is linear along rows stays monotone along them."""
    state = dinov2_state(48, 2, grid=8)
    ramp = torch.linspace(0, 1, 8)[:, None].expand(8, 8).reshape(1, 64, 1)
    state["pos_embed"] = torch.cat([state["pos_embed"][:, :1], ramp.expand(1, 64, 48)], dim=1)
    encoder = load_spec(small("dinov2-s", 56), weights=saved(tmp_path, state), device="cpu")
    fitted = encoder.network.pos_embed
    assert fitted.shape == (1, 17, 48)
    torch.testing.assert_close(fitted[:, 0], state["pos_embed"][:, 0])
    rows = fitted[0, 1:, 0].reshape(4, 4)
    torch.testing.assert_close(rows, rows[:, :1].expand(4, 4))
    assert (rows[1:, 0] - rows[:-1, 0] > 0.15).all()


@pytest.mark.parametrize(
    ("name", "dim", "depth", "published"),
    [
        ("dinov2-s", 384, 12, dinov2_state),
        ("dinov2-b", 768, 12, dinov2_state),
        ("dinov2-l", 1024, 24, dinov2_state),
        ("rad-dino", 768, 12, dinov2_state),
        ("retfound-cfp", 1024, 24, mae_state),
        ("retfound-oct", 1024, 24, mae_state),
    ],
)
def test_every_foundation_model_takes_its_published_file_at_full_size(name, dim, depth, published):
    """Shapes only: the tensors are without storage."""
    with torch.device("meta"):
        network = _build(find_spec(name))
        target = network.state_dict()
        fitted = to_timm(published(dim, depth), target).state
    assert {key: value.shape for key, value in fitted.items()} == {key: value.shape for key, value in target.items()}
    assert network.num_features == find_spec(name).dim
