"""Pictures change as between two visits, within range, by their seed, and never into a mirror image."""

import numpy as np
import pytest
import torch
from PIL import Image

from reid_engine.encoder import find_spec
from reid_engine.encoder.preprocessing import Preprocessing
from reid_engine.training import augment
from reid_engine.training.augment import as_input, second_visit

OPERATIONS = ("_move", "_expose", "_blur", "_cover", "_add_noise")


def squares(count=6, channels=1, side=64, seed=0):
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (count, 8, 8, channels), dtype=np.uint8)
    made = [
        np.stack([np.asarray(Image.fromarray(one[..., c]).resize((side, side))) for c in range(channels)])
        for one in small
    ]
    return np.stack(made)


@pytest.mark.parametrize("channels", [1, 3])
def test_shape_and_range_are_kept(channels):
    made = second_visit(squares(channels=channels), np.random.default_rng(0))
    assert made.shape == (6, channels, 64, 64)
    assert made.dtype == torch.float32
    assert torch.isfinite(made).all()
    assert float(made.min()) >= 0
    assert float(made.max()) <= 1


def test_the_seed_alone_decides():
    pictures = squares()
    first, second = (second_visit(pictures, np.random.default_rng(7)) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, second_visit(pictures, np.random.default_rng(8)))


def test_pictures_are_changed_each_in_its_own_way():
    made = second_visit(np.repeat(squares(count=1), 6, axis=0), np.random.default_rng(0))
    assert all(not torch.allclose(made[0], other, atol=0.01) for other in made[1:])


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_does_something_and_keeps_the_shape(name):
    values = torch.from_numpy(squares(count=32)).float() / 255
    made = getattr(augment, name)(values, np.random.default_rng(0))
    assert made.shape == values.shape
    assert not torch.allclose(made, values, atol=1e-3)


def test_sides_are_never_swapped():
    picture = np.zeros((200, 1, 64, 64), dtype=np.uint8)
    picture[:, :, :, :32] = 255
    made = augment._move(torch.from_numpy(picture).float() / 255, np.random.default_rng(0))
    assert (made[..., :32].mean(dim=(1, 2, 3)) > made[..., 32:].mean(dim=(1, 2, 3)) + 0.5).all()


def test_grey_in_three_channels_stays_grey():
    made = second_visit(np.repeat(squares(), 3, axis=1), np.random.default_rng(0))
    noisy = augment.NOISE * 6
    assert float((made - made[:, :1]).abs().max()) < noisy


@pytest.mark.parametrize("name", ["efficientnet-lite0", "retfound-cfp"])
@pytest.mark.parametrize("colour", [False, True])
def test_input_is_the_encoders(name, colour):
    """What is learnt from is what the encoder will be shown, but for the augmentation."""
    recipe = find_spec(name).recipe
    preprocessing = Preprocessing(recipe)
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 256, (300, 280, 3) if colour else (300, 280), dtype=np.uint8)
    square = np.asarray(preprocessing.pictures(frame, "MR")[0])
    expected = np.empty((3, recipe.size, recipe.size), dtype=np.float32)
    preprocessing._standardise(preprocessing.pictures(frame, "MR")[0], expected)
    channels = square.transpose(2, 0, 1) if colour else square[None]
    found = as_input(torch.from_numpy(channels[None].copy()).float() / 255, recipe)[0]
    np.testing.assert_allclose(found.numpy(), expected, atol=2e-5)
