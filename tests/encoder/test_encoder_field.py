"""The anatomy's place is found where it was drawn, and the whole frame is given where nothing was."""

import time

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from reid_engine.encoder.field import Field, find_field

RNG = np.random.default_rng(7)


def texture(height, width, low=0.35, high=0.65, seed=0):
    noise = gaussian_filter(np.random.default_rng(seed).standard_normal((height, width)), 5)
    noise = (noise - noise.min()) / np.ptp(noise)
    return (low + (high - low) * noise).astype(np.float32)


def fundus(height, width, centre, radius, *, dim=1.0, floor=0.02):
    y, x = np.mgrid[:height, :width]
    inside = (y - centre[0]) ** 2 + (x - centre[1]) ** 2 <= radius**2
    grey = np.where(inside, texture(height, width) * dim, floor)
    return np.stack([grey, grey * 0.6, grey * 0.3], axis=-1).astype(np.float32)


def assert_box(field, top, bottom, left, right, within):
    got = np.array([field.top, field.bottom, field.left, field.right])
    np.testing.assert_allclose(got, [top, bottom, left, right], atol=within)


@pytest.mark.parametrize(
    ("shape", "centre", "radius"),
    [((512, 512), (256, 256), 240), ((600, 900), (300, 500), 280), ((300, 200), (150, 100), 95)],
)
def test_whole_disc(shape, centre, radius):
    field = find_field(fundus(*shape, centre, radius), "CFP")
    assert field.shape == "disc"
    y, x = centre
    assert_box(field, y - radius, y + radius, x - radius, x + radius, within=0.02 * max(shape))


def test_disc_that_is_cut_off_above_and_below():
    field = find_field(fundus(400, 600, (200, 300), 240), "CFP")
    assert_box(field, 0, 400, 60, 540, within=8)
    assert field.shape == "disc"


def test_disc_with_a_tab_and_text_beside_it():
    picture = fundus(512, 768, (256, 384), 200)
    picture[90:100, 560:590] = 0.8
    picture[490:500, 20:90] = 1.0
    assert_box(find_field(picture, "CFP"), 56, 456, 184, 584, within=12)


def test_dim_disc_with_a_shadow():
    picture = fundus(512, 512, (256, 256), 230, dim=0.3)
    picture[200:400, 150:300] *= 0.1
    assert_box(find_field(picture, "CFP"), 26, 486, 26, 486, within=12)


def test_picture_without_black_corners_is_whole():
    grey = texture(300, 400)
    picture = np.stack([grey] * 3, axis=-1)
    assert find_field(picture, "CFP") == Field(0, 300, 0, 400)


def test_tiny_bright_spot_is_not_a_disc():
    assert find_field(fundus(512, 512, (256, 256), 60), "CFP") == Field(0, 512, 0, 512)


def bscan(height, width, top, bottom, *, tilt=0):
    """Bright layers between two rows, dark vitreous above, fading choroid below."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:height, :width]
    surface = top + tilt * x / width
    depth = (y - surface) / (bottom - top)
    layers = np.where((depth >= 0) & (depth < 1), 0.5 + 0.3 * np.sin(depth * 12), 0.0)
    below = np.where(depth >= 1, 0.15 * np.exp(-(depth - 1)), 0.0)
    return np.clip(0.08 + layers + below + 0.03 * rng.standard_normal((height, width)), 0, 1).astype(np.float32)


@pytest.mark.parametrize("size", [(496, 768), (800, 640), (1024, 512)])
def test_band_holds_the_retina_and_leaves_out_most_of_the_rest(size):
    height, width = size
    top, bottom = int(0.5 * height), int(0.5 * height + 0.15 * width)
    field = find_field(bscan(height, width, top, bottom), "OCT")
    assert (field.left, field.right) == (0, width)
    assert field.top <= top
    assert field.bottom >= bottom
    assert field.size[0] < 0.45 * width


def test_frame_that_is_all_band_is_whole():
    assert find_field(bscan(250, 640, 100, 150), "OCT") == Field(0, 250, 0, 640)


def test_bands_of_one_width_have_one_scale():
    """Thin and thick retinas are not stretched to one height."""
    thin, thick = bscan(600, 640, 280, 300), bscan(600, 640, 240, 330)
    assert find_field(thin, "OCT").size[0] == pytest.approx(find_field(thick, "OCT").size[0], rel=0.05)


def test_tilted_band_is_kept_whole():
    field = find_field(bscan(400, 600, 80, 140, tilt=150), "OCT")
    assert field.top <= 80
    assert field.bottom >= 285


@pytest.mark.parametrize("modality", ["OCT", "CXR", "CFP"])
def test_flat_and_noisy_pictures_are_whole(modality):
    flat = np.full((300, 420), 0.5, dtype=np.float32)
    assert find_field(flat, modality) == Field(0, 300, 0, 420)
    noise = RNG.random((300, 420), dtype=np.float32)
    field = find_field(noise, modality)
    assert field.size[0] > 290
    assert field.size[1] > 410


@pytest.mark.parametrize("border", [0.0, 0.4, 1.0])
def test_collimated_field(border):
    picture = np.full((600, 500), border, dtype=np.float32)
    picture[60:540, 90:430] = texture(480, 340, 0.1, 0.9)
    assert_box(find_field(picture, "CXR"), 60, 540, 90, 430, within=8)


def test_white_shutters_of_uneven_brightness():
    picture = np.tile(np.linspace(0.78, 0.98, 500, dtype=np.float32), (600, 1))
    picture[60:540, 90:430] = texture(480, 340, 0.05, 0.25)
    picture[200:540, 150:370] = texture(340, 220, 0.3, 0.9)
    assert_box(find_field(picture, "CXR"), 60, 540, 90, 430, within=12)


def test_a_bright_abdomen_is_no_shutter():
    picture = texture(600, 500, 0.05, 0.4)
    picture[350:] = np.linspace(0.2, 0.75, 250, dtype=np.float32)[:, None] + texture(250, 500, 0.0, 0.25, seed=1)
    assert find_field(picture, "CXR") == Field(0, 600, 0, 500)


def test_marker_on_the_border_does_not_count():
    picture = np.zeros((600, 600), dtype=np.float32)
    picture[70:600, 0:600] = texture(530, 600, 0.2, 0.9)
    picture[20:50, 500:545] = 1.0
    assert_box(find_field(picture, "CXR"), 70, 600, 0, 600, within=8)


def test_radiograph_that_fills_the_frame_is_whole():
    assert find_field(texture(512, 400, 0.1, 0.9), "CXR") == Field(0, 512, 0, 400)


def test_a_border_of_half_the_picture_is_not_believed():
    picture = np.zeros((400, 400), dtype=np.float32)
    picture[220:] = texture(180, 400, 0.1, 0.9)
    assert find_field(picture, "CXR").top == 0


@pytest.mark.parametrize("modality", ["MR", "CT", "unknown"])
def test_other_modalities_are_whole(modality):
    assert find_field(fundus(200, 300, (100, 150), 80), modality) == Field(0, 200, 0, 300)


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (3, 3, 3), (33, 32)])
@pytest.mark.parametrize("modality", ["CFP", "OCT", "CXR"])
def test_tiny_pictures_give_a_box_inside_them(shape, modality):
    for value in (0.0, 0.5, 1.0):
        field = find_field(np.full(shape, value, dtype=np.float32), modality)
        assert 0 <= field.top < field.bottom <= shape[0]
        assert 0 <= field.left < field.right <= shape[1]


def test_grey_and_colour_of_one_picture_agree():
    grey = texture(400, 300, 0.1, 0.9)
    grey[:50] = 0
    assert find_field(grey, "CXR") == find_field(np.stack([grey] * 3, axis=-1), "CXR")


def test_it_is_quick():
    picture = texture(2000, 2000, 0.1, 0.9)
    start = time.perf_counter()
    find_field(picture, "CXR")
    assert time.perf_counter() - start < 0.5


def test_real_fundus_photographs_lose_their_black_sides(shared_data):
    from PIL import Image

    for path in sorted((shared_data / "ridb_cfp").glob("*.jp*g"))[:12]:
        picture = np.asarray(Image.open(path), dtype=np.float32) / np.float32(255)
        field = find_field(picture, "CFP")
        assert field.shape == "disc"
        outside = picture.copy()
        outside[field.top : field.bottom, field.left : field.right] = 0
        assert (outside.max(axis=2) > 0.25).mean() < 0.002
        assert 0.4 < field.size[0] * field.size[1] / picture[..., 0].size < 0.75
