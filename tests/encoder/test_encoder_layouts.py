"""Weights under every key name that circulates give the features of the published network."""

from dataclasses import replace

import pytest
import torch
from published_vits import (
    chunked_state,
    clip_features,
    clip_state,
    dinov2_features,
    dinov2_state,
    hugging_face_classifier_state,
    hugging_face_state,
    mae_features,
    mae_state,
    positions,
    teacher_state,
    timm_state,
)
from safetensors.torch import save_file

from reid_engine.encoder.layouts import to_timm
from reid_engine.encoder.model import _build, load_spec
from reid_engine.encoder.registry import find_spec
from reid_engine.errors import EncoderError

SMALL = {"depth": 2, "embed_dim": 48, "num_heads": 3}
HEADS = 3
DINOV2 = {
    "dinov2-s": "class",
    "dinov2-b": "class",
    "dinov2-l": "class",
    "dinov2-s-reg": "class",
    "dinov2-b-reg": "class",
    "dinov2-l-reg": "class",
    "rad-dino": "class",
    "retfound-dinov2-meh": "again",
    "retfound-dinov2-shanghai": "again",
    "retfound-green": "patches",
}
"""Encoders of DINOv2's architecture, and how the published features are pooled."""
MAE = ("retfound-cfp", "retfound-oct", "retfound-meh", "retfound-shanghai")
LAYOUTS = {
    "original": dict,
    "teacher": teacher_state,
    "chunks": chunked_state,
    "teacher in chunks": lambda state: teacher_state(chunked_state(state)),
    "hugging face": hugging_face_state,
    "hugging face classifier": hugging_face_classifier_state,
    "timm": timm_state,
}


def small(name, size, **options):
    spec = find_spec(name)
    options = {**spec.options, **SMALL, "img_size": size, **options}
    return replace(spec, options=options, recipe=replace(spec.recipe, size=size))


def registers(name):
    return 4 if "reg4" in find_spec(name).architecture else 0


def saved(tmp_path, content):
    path = tmp_path / "weights.pth"
    torch.save(content, path)
    return path


def close(encoder, images, expected):
    torch.testing.assert_close(torch.from_numpy(encoder.forward(images.numpy())), expected, rtol=1e-4, atol=1e-4)


@pytest.fixture
def images():
    return torch.randn(2, 3, 56, 56, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", DINOV2)
def test_dinov2_in_every_layout_gives_the_published_features(tmp_path, images, name, layout):
    state = dinov2_state(48, 2, grid=4, registers=registers(name))
    path = saved(tmp_path, LAYOUTS[layout](state))
    encoder = load_spec(small(name, 56), weights=path, device="cpu")
    close(encoder, images, dinov2_features(state, images, HEADS, DINOV2[name]))
    left_out = " ".join(encoder.notes)
    assert ("mask_token" in left_out) == (layout != "timm")
    assert ("dino_head.mlp.0.weight" in left_out) == ("teacher" in layout)
    assert ("classifier.bias" in left_out) == ("classifier" in layout)
    assert "not in the file" not in left_out


@pytest.mark.parametrize("name", MAE)
def test_masked_autoencoder_gives_the_authors_features(tmp_path, images, name):
    images = images[..., :48, :48].contiguous()
    state = mae_state(48, 2, grid=3)
    encoder = load_spec(small(name, 48), weights=saved(tmp_path, {"model": state, "epoch": 3}), device="cpu")
    close(encoder, images, mae_features(state, images, HEADS))
    said = " ".join(encoder.notes)
    assert "decoder_blocks.0.norm1.weight" in said
    assert "norm.weight" in said
    assert "fc_norm.weight" in said


def test_a_clip_models_image_tower_gives_the_published_features(tmp_path, images):
    images = images[..., :48, :48].contiguous()
    state = clip_state(48, 2, grid=3)
    encoder = load_spec(small("biomedclip", 48), weights=saved(tmp_path, state), device="cpu")
    close(encoder, images, clip_features(state, images, HEADS))
    (left_out,) = encoder.notes
    for key in ("text.proj.0.weight", "visual.head.proj.weight", "logit_scale"):
        assert key in left_out


@pytest.mark.parametrize("grid", [2, 3, 7, 8])
@pytest.mark.parametrize("name", ["dinov2-s", "dinov2-s-reg", "retfound-dinov2-meh", "retfound-green"])
@pytest.mark.parametrize("layout", ["original", "hugging face", "timm"])
def test_position_embeddings_are_interpolated_to_another_size(tmp_path, images, name, layout, grid):
    state = dinov2_state(48, 2, grid=grid, registers=registers(name))
    encoder = load_spec(small(name, 56), weights=saved(tmp_path, LAYOUTS[layout](state)), device="cpu")
    close(encoder, images, dinov2_features(state, images, HEADS, DINOV2[name]))


def test_position_embeddings_of_a_masked_autoencoder_are_interpolated_to_another_size(tmp_path, images):
    images = images[..., :48, :48].contiguous()
    state = mae_state(48, 2, grid=5)
    encoder = load_spec(small("retfound-cfp", 48), weights=saved(tmp_path, {"model": state}), device="cpu")
    close(encoder, images, mae_features(state, images, HEADS))


def test_the_yardstick_of_interpolation_keeps_what_is_constant_and_linear():
    ramp = torch.arange(8.0)[:, None].expand(8, 8).reshape(1, 64, 1)
    own = torch.cat([torch.full((1, 1, 1), 9.0), ramp], dim=1)
    new = positions(own, 4)
    assert new[0, 0, 0] == 9.0
    rows = new[0, 1:, 0].reshape(4, 4)
    torch.testing.assert_close(rows, rows[:, :1].expand(4, 4))
    torch.testing.assert_close(rows[1:3, 0], torch.tensor([2.5, 4.5]), rtol=0, atol=0.05)


@pytest.mark.parametrize("name", ["rad-dino", "dinov2-s-reg"])
def test_one_network_in_every_layout_has_one_fingerprint(tmp_path, name):
    state = dinov2_state(48, 2, grid=4, registers=registers(name))
    spec = small(name, 56)
    identities = {
        load_spec(spec, weights=saved(tmp_path, make(state)), device="cpu").identity for make in LAYOUTS.values()
    }
    path = tmp_path / "model.safetensors"
    save_file({key: value.contiguous() for key, value in hugging_face_state(state).items()}, path)
    assert {load_spec(spec, weights=path, device="cpu").identity} == identities


def test_the_fingerprint_follows_the_second_normalisation(tmp_path):
    path = saved(tmp_path, dinov2_state(48, 2, grid=4))
    spec = small("retfound-dinov2-meh", 56)
    once = load_spec(replace(spec, renormalise=False), weights=path, device="cpu")
    assert once.identity.fingerprint != load_spec(spec, weights=path, device="cpu").identity.fingerprint


@pytest.mark.parametrize(
    ("name", "state", "says"),
    [
        ("retfound-cfp", dinov2_state(48, 2, grid=4), "unexpected (blocks.0.ls1.gamma"),
        ("dinov2-s", mae_state(48, 2, grid=4), "missing (blocks.0.ls1.gamma"),
        ("dinov2-s", dinov2_state(48, 2, grid=4, registers=4), "1 unexpected (register_tokens)"),
        ("dinov2-s-reg", dinov2_state(48, 2, grid=4), "1 missing (reg_token)"),
        ("dinov2-s", dinov2_state(48, 3, grid=4), "14 unexpected (blocks.2."),
        ("dinov2-s", dinov2_state(24, 2, grid=4), "of another shape"),
        ("dinov2-s", dinov2_state(48, 2, grid=4, patch=16), "patch_embed.proj.weight (48, 3, 16, 16) for"),
        ("retfound-green", clip_state(48, 2, grid=4), "5 missing (blocks.0.ls1.gamma"),
    ],
)
def test_files_of_other_networks_are_refused_with_a_list(tmp_path, name, state, says):
    with pytest.raises(EncoderError) as caught:
        load_spec(small(name, 56 if "14" in find_spec(name).architecture else 64), weights=saved(tmp_path, state))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_hugging_face_file_that_lacks_a_key_matrix_is_refused(tmp_path):
    state = hugging_face_state(dinov2_state(48, 2, grid=4))
    del state["encoder.layer.1.attention.attention.key.weight"]
    with pytest.raises(EncoderError, match=r"1 missing \(blocks\.1\.attn\.qkv\.weight\)"):
        load_spec(small("rad-dino", 56), weights=saved(tmp_path, state), device="cpu")


def test_a_file_of_two_networks_is_refused(tmp_path):
    state = dinov2_state(48, 2, grid=4)
    both = state | {f"backbone.{key}": value for key, value in state.items()}
    with pytest.raises(EncoderError, match="holds two networks"):
        load_spec(small("dinov2-s", 56), weights=saved(tmp_path, both), device="cpu")


FULL = {
    **{name: (dinov2_state, {"registers": registers(name)}) for name in DINOV2},
    "retfound-green": (dinov2_state, {"registers": 4, "grid": 28}),
    **dict.fromkeys(MAE, (mae_state, {})),
    "biomedclip": (clip_state, {}),
}


@pytest.mark.parametrize("name", FULL)
def test_every_foundation_model_takes_its_published_file_at_full_size(name):
    """Shapes only: the tensors are without storage."""
    spec = find_spec(name)
    make, extra = FULL[name]
    depth = 24 if spec.dim == 1024 else 12
    with torch.device("meta"):
        network = _build(spec)
        target = network.state_dict()
        fitted = to_timm(make(spec.dim, depth, **extra), target).state
    assert {key: value.shape for key, value in fitted.items()} == {key: value.shape for key, value in target.items()}
    assert network.num_features == spec.dim


@pytest.mark.parametrize(
    "name",
    [
        "dinov2-s",
        "dinov2-s-reg",
        pytest.param("retfound-green", marks=pytest.mark.slow),
        pytest.param("rad-dino", marks=pytest.mark.slow),
        pytest.param("retfound-cfp", marks=pytest.mark.slow),
        pytest.param("retfound-dinov2-meh", marks=pytest.mark.slow),
    ],
)
def test_full_size_gives_the_published_features(tmp_path, name):
    spec = find_spec(name)
    make, extra = FULL[name]
    state = make(spec.dim, 24 if spec.dim == 1024 else 12, scale=0.05, **extra)
    size = spec.recipe.size
    images = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(5))
    content = {"model": state} if make is mae_state else teacher_state(state)
    encoder = load_spec(spec, weights=saved(tmp_path, content), device="cpu")
    heads = spec.dim // 64
    expected = (
        mae_features(state, images, heads) if make is mae_state else dinov2_features(state, images, heads, DINOV2[name])
    )
    assert expected.std() > 0.01
    close(encoder, images, expected)
