"""A second look is another look at the same input, and both weigh the same."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from reid_engine.encoder import IMAGENET_ENCODER, find_spec, load_encoder
from reid_engine.encoder.looks import look, shrink
from reid_engine.encoder.model import load_spec
from reid_engine.errors import EncoderError, TrainingError
from reid_engine.scan import Scan


@pytest.fixture(scope="module")
def twice():
    """Give the ImageNet encoder with a second look at 160 px."""
    spec = find_spec(IMAGENET_ENCODER)
    return load_spec(replace(spec, recipe=replace(spec.recipe, second_size=160)), device="cpu")


def scan(seed, slices=1):
    return Scan(values=np.random.default_rng(seed).random((slices, 70, 80), dtype=np.float32), modality="CXR")


def test_features_are_the_mean_of_two_directions(twice):
    plain = load_encoder(IMAGENET_ENCODER, device="cpu")
    batch = plain.prepare(scan(0))
    small = shrink(torch.from_numpy(batch), 160).numpy()
    directions = [found / np.linalg.norm(found) for found in (plain.forward(batch)[0], plain.forward(small)[0])]
    np.testing.assert_allclose(twice.embed(scan(0)), np.mean(directions, axis=0), rtol=1e-4, atol=1e-5)
    assert np.abs(directions[0] - directions[1]).max() > 1e-3
    assert twice.identity.fingerprint != plain.identity.fingerprint


def test_shrinking_averages_as_pillow_does():
    picture = np.random.default_rng(0).random((96, 96), dtype=np.float32)
    expected = np.asarray(Image.fromarray(picture).resize((60, 60), Image.Resampling.BILINEAR))
    found = shrink(torch.from_numpy(picture[None, None]), 60)[0, 0].numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_without_further_looks_nothing_changes():
    network = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    inputs = torch.rand(2, 3, 8, 8)
    assert torch.equal(look(network, inputs, find_spec(IMAGENET_ENCODER).recipe), network(inputs))


@pytest.mark.parametrize("second_size", [None, 160])
def test_in_a_mirror_left_and_right_are_one(second_size):
    spec = find_spec(IMAGENET_ENCODER)
    plain = load_encoder(IMAGENET_ENCODER, device="cpu")
    recipe = replace(spec.recipe, second_size=second_size, mirror=True)
    mirrored = load_spec(replace(spec, recipe=recipe), device="cpu")
    one = scan(2)
    other = replace(one, values=np.ascontiguousarray(one.values[:, :, ::-1]))
    np.testing.assert_allclose(mirrored.embed(one), mirrored.embed(other), rtol=1e-3, atol=1e-4)
    assert np.abs(plain.embed(one) - plain.embed(other)).max() > 1e-2
    batch = torch.from_numpy(plain.prepare(one))
    looks = [batch] if second_size is None else [batch, shrink(batch, second_size)]
    found = [plain.forward(each.numpy())[0] for look_ in looks for each in (look_, look_.flip(3))]
    expected = np.mean([vector / np.linalg.norm(vector) for vector in found], axis=0)
    np.testing.assert_allclose(mirrored.embed(one), expected, rtol=1e-4, atol=1e-5)
    assert mirrored.identity.fingerprint != plain.identity.fingerprint


def test_a_mirror_does_not_make_unlike_pictures_alike():
    spec = find_spec(IMAGENET_ENCODER)
    mirrored = load_spec(replace(spec, recipe=replace(spec.recipe, mirror=True)), device="cpu")
    upside_down = replace(scan(2), values=np.ascontiguousarray(scan(2).values[:, ::-1]))
    assert np.abs(mirrored.embed(scan(2)) - mirrored.embed(upside_down)).max() > 1e-3


def test_a_volume_is_the_mean_over_its_slices(twice):
    one = scan(1, slices=5)
    prepared = twice.prepare(one)
    slices = np.concatenate([twice.forward(prepared[k : k + 1]) for k in range(len(prepared))])
    np.testing.assert_allclose(twice.embed(one), slices.mean(axis=0), rtol=1e-4, atol=1e-5)


def test_a_transformer_takes_one_size_alone(tmp_path):
    from reid_engine.cohort import read_cohort
    from reid_engine.phantom import write_phantom_cohort
    from reid_engine.training.run import train

    write_phantom_cohort(tmp_path / "c", subjects=10, sessions=2, modalities=("CXR",), size=64, seed=0)
    torch.manual_seed(0)
    import timm
    from safetensors.torch import save_file

    state = timm.create_model("vit_tiny_patch16_224", pretrained=False, num_classes=0).state_dict()
    save_file(state, tmp_path / "vit.safetensors")
    base = find_spec("timm:vit_tiny_patch16_224")
    told = replace(base, recipe=replace(base.recipe, second_size=96))
    with pytest.raises(EncoderError, match="one size alone"):
        load_spec(told, weights=tmp_path / "vit.safetensors", device="cpu")
    with pytest.raises(TrainingError, match="one size alone"):
        train(
            read_cohort(tmp_path / "c"), base, tmp_path / "out", name="x", second_size=96,
            weights=tmp_path / "vit.safetensors",
        )  # fmt: skip
    assert not (tmp_path / "out").exists()
