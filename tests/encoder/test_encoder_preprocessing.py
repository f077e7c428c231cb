"""Scans become network input as the recipe says."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from reid_engine.encoder.field import Field
from reid_engine.encoder.preprocessing import Preprocessing, choose_slices, tile_boxes
from reid_engine.encoder.registry import find_spec
from reid_engine.encoder.spec import Recipe
from reid_engine.scan import Scan

PLAIN = Recipe(size=64, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), crop=False)


def scan(pixels, modality="unknown"):
    return Scan(values=np.ascontiguousarray(pixels, dtype=np.float32), modality=modality)


def smooth(height, width, channels=1, seed=0):
    rng = np.random.default_rng(seed)
    coarse = (rng.random((6, 8, channels)) * 255).astype(np.uint8)
    image = Image.fromarray(coarse[..., 0] if channels == 1 else coarse)
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC), dtype=np.float32) / 255


def test_grey_fills_three_channels_and_the_way_up_is_kept():
    ramp = np.tile(np.linspace(0, 1, 128, dtype=np.float32)[:, None], (1, 128))
    out = Preprocessing(PLAIN)(scan(ramp[None]))
    assert out.shape == (1, 3, 64, 64)
    assert out.dtype == np.float32
    np.testing.assert_array_equal(out[0, 0], out[0, 2])
    np.testing.assert_allclose(out[0, 0, :, 5], (np.arange(64) + 0.5) / 64, atol=0.012)


def test_colour_channels_keep_their_order():
    picture = np.zeros((1, 80, 80, 3), dtype=np.float32)
    picture[..., 0], picture[..., 1] = 1.0, 0.5
    out = Preprocessing(PLAIN)(scan(picture))
    np.testing.assert_allclose(out[0].mean(axis=(1, 2)), [1.0, 128 / 255, 0.0], atol=1e-5)


def test_standardisation_is_that_of_the_published_network():
    recipe = replace(find_spec("efficientnet-lite0").recipe, crop=False, size=32)
    values = np.arange(256, dtype=np.float32).reshape(1, 16, 16).repeat(2, 1).repeat(2, 2)
    out = Preprocessing(recipe)(scan(values / 255))
    np.testing.assert_allclose(out[0, 1], (values[0] - 127) / 128, atol=2e-6)


def test_standardising_by_the_image_gives_zero_mean_and_unit_deviation():
    out = Preprocessing(replace(PLAIN, standardise="image"))(scan(smooth(90, 70, 3)[None]))
    np.testing.assert_allclose(out[0].mean(axis=(1, 2)), 0, atol=1e-4)
    np.testing.assert_allclose(out[0].std(axis=(1, 2)), 1, atol=1e-4)
    flat = Preprocessing(replace(PLAIN, standardise="image"))(scan(np.full((1, 50, 50), 0.5)))
    assert np.isfinite(flat).all()


def test_resize_agrees_with_an_area_mean():
    """An integer reduction by the area filter is the mean over blocks, to half a grey level."""
    picture = smooth(256, 192)
    out = Preprocessing(replace(PLAIN, interpolation="area"))(scan(picture[None]))
    blocks = picture.reshape(64, 4, 64, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(out[0, 0], blocks, atol=1 / 255)


def test_a_field_is_stretched_to_the_square():
    picture = np.zeros((1, 50, 90), dtype=np.float32)
    picture[:, 10:40, 30:60] = 1.0
    out = Preprocessing(PLAIN)(scan(picture))[0, 0]
    rows, columns = np.flatnonzero(out.max(axis=1) > 0.5), np.flatnonzero(out.max(axis=0) > 0.5)
    np.testing.assert_allclose([rows[0], rows[-1] + 1], [10 / 50 * 64, 40 / 50 * 64], atol=1)
    np.testing.assert_allclose([columns[0], columns[-1] + 1], [30 / 90 * 64, 60 / 90 * 64], atol=1)


@pytest.mark.parametrize(
    ("height", "width", "most", "expected"),
    [
        (100, 100, 3, [(5, 7, 105, 107)]),
        (100, 140, 3, [(5, 7, 145, 107)]),
        (100, 160, 3, [(5, 7, 85, 107), (85, 7, 165, 107)]),
        (100, 275, 1, [(5, 7, 280, 107)]),
        (100, 900, 2, [(5, 7, 455, 107), (455, 7, 905, 107)]),
        (90, 30, 3, [(5, 7, 35, 37), (5, 37, 35, 67), (5, 67, 35, 97)]),
    ],
)
def test_tiles(height, width, most, expected):
    assert tile_boxes(Field(7, 7 + height, 5, 5 + width), most) == expected


@pytest.mark.parametrize(
    ("height", "width", "step", "expected"),
    [
        (100, 300, 0.5, [(55, 7, 155, 107), (105, 7, 205, 107), (155, 7, 255, 107)]),
        (100, 200, 0.5, [(30, 7, 130, 107), (80, 7, 180, 107)]),
        (100, 100, 0.5, [(5, 7, 105, 107)]),
        (90, 30, 0.25, [(5, 29.5, 35, 59.5), (5, 37, 35, 67), (5, 44.5, 35, 74.5)]),
    ],
)
def test_tiles_may_overlap_around_the_middle(height, width, step, expected):
    assert tile_boxes(Field(7, 7 + height, 5, 5 + width), 3, step) == expected


def test_overlapping_parts_share_what_lies_between_them():
    picture = np.tile(np.linspace(0, 1, 180, dtype=np.float32), (1, 60, 1))
    out = Preprocessing(replace(PLAIN, tiles=3, tile_step=0.5))(scan(picture))
    assert out.shape == (3, 3, 64, 64)
    np.testing.assert_allclose(out[0, 0, :, 32:], out[1, 0, :, :32], atol=0.03)
    np.testing.assert_allclose(out[:, 0, 30, 32], np.array([60, 90, 120]) / 180, atol=0.01)


def test_a_long_picture_gives_its_parts_in_order():
    picture = np.zeros((1, 60, 180), dtype=np.float32)
    picture[..., 60:120], picture[..., 120:] = 0.4, 0.8
    out = Preprocessing(replace(PLAIN, tiles=3))(scan(picture))
    assert out.shape == (3, 3, 64, 64)
    np.testing.assert_allclose(out[:, 0, 30, 32], [0.0, 0.4, 0.8], atol=1e-5)


def test_a_long_picture_is_a_picture_of_its_own_beside_its_parts_where_asked_for():
    picture = np.zeros((2, 60, 180), dtype=np.float32)
    picture[..., 60:120], picture[..., 120:] = 0.4, 0.8
    make = Preprocessing(replace(PLAIN, tiles=3, whole=True))
    out = make(scan(picture))
    assert out.shape == (8, 3, 64, 64)
    np.testing.assert_array_equal(np.delete(out, [3, 7], axis=0), Preprocessing(replace(PLAIN, tiles=3))(scan(picture)))
    np.testing.assert_array_equal(out[[3, 7]], Preprocessing(PLAIN)(scan(picture)))
    assert make(scan(picture[..., :70])).shape == (2, 3, 64, 64)


def test_what_nobody_asked_for_is_not_in_the_fingerprint():
    """Else every gallery would have to be made anew."""
    assert "whole" not in PLAIN.to_facts()
    assert replace(PLAIN, whole=True).to_facts() == {**PLAIN.to_facts(), "whole": True}


def test_cropping_to_the_field_makes_a_frame_irrelevant():
    inner = smooth(384, 384, seed=4) * 0.6 + 0.2
    framed = np.zeros((480, 576), dtype=np.float32)
    framed[48:432, 96:480] = inner
    crop = Preprocessing(replace(PLAIN, crop=True))
    near = crop(scan(framed[None], "CXR")) - crop(scan(inner[None], "CXR"))
    far = Preprocessing(PLAIN)(scan(framed[None], "CXR")) - Preprocessing(PLAIN)(scan(inner[None], "CXR"))
    assert np.abs(near).mean() < 0.02
    assert np.abs(far).mean() > 0.1


def test_values_finer_than_the_pixel_digest_change_nothing():
    picture = np.rint(smooth(100, 100)[None] * 255) / 255
    jitter = np.random.default_rng(1).uniform(-0.4, 0.4, picture.shape) / 255
    make = Preprocessing(find_spec("efficientnet-lite0").recipe)
    np.testing.assert_array_equal(make(scan(picture, "CXR")), make(scan(np.clip(picture + jitter, 0, 1), "CXR")))


@pytest.mark.parametrize(
    ("count", "wanted", "expected"),
    [
        (1, 8, [0]),
        (2, 8, [0, 1]),
        (3, 8, [0, 1, 2]),
        (11, 1, [5]),
        (11, 3, [2, 5, 8]),
        (101, 5, [20, 35, 50, 65, 80]),
    ],
)
def test_slices_are_spread_over_the_central_part(count, wanted, expected):
    assert choose_slices(count, wanted) == expected


@pytest.mark.parametrize("count", [1, 2, 5, 19, 155, 1000])
def test_chosen_slices_are_distinct_and_central(count):
    chosen = choose_slices(count, 8)
    assert chosen == sorted(set(chosen))
    assert len(chosen) <= 8
    assert len(chosen) == 8 or count < 19
    assert sum(chosen) / len(chosen) == pytest.approx((count - 1) / 2, abs=1)
    assert 0 <= chosen[0] <= chosen[-1] < count


def test_a_volume_gives_its_chosen_slices():
    volume = np.stack([np.full((70, 60), n / 100, dtype=np.float32) for n in range(101)])
    out = Preprocessing(replace(PLAIN, slices=5))(scan(volume))
    np.testing.assert_allclose(out[:, 0, 3, 3], [0.2, 0.35, 0.5, 0.65, 0.8], atol=0.5 / 255 + 1e-6)
