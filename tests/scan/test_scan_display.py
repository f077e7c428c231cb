"""Stored values to display values: windows, percentiles, Hounsfield units, NaN."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dicom_files import picture
from PIL import Image

from reid_engine.errors import ScanError
from reid_engine.readers.display import HU_WINDOW, is_hounsfield, to_display
from reid_engine.readers.raw import Raw
from reid_engine.readers.voi import apply_window
from reid_engine.scan import Scan, digest_pixels, read_scan

HERE = Path("scan.nrrd")


def ct(slices=3):
    """A body in air, in Hounsfield units."""
    values = np.full((slices, 90, 70), -1000, np.int16)
    values[:, 20:70, 15:55] = np.rint(picture(50, 40) * 400 - 150)
    return values


@pytest.mark.parametrize("kind", [np.int16, np.float32, np.float64])
def test_ct_is_known_by_its_air(kind):
    assert is_hounsfield(Raw(ct().astype(kind)), None)
    assert is_hounsfield(Raw(ct().astype(kind)), "CT")
    assert not is_hounsfield(Raw(ct().astype(kind)), "MR")
    assert not is_hounsfield(Raw(ct().astype(kind), hounsfield=False), None)


@pytest.mark.parametrize(
    "values",
    [
        (picture() * 255).astype(np.uint8)[np.newaxis],
        (picture() * 4000).astype(np.uint16)[np.newaxis],
        np.random.default_rng(0).normal(0, 1000, (1, 90, 70)),
        np.full((1, 90, 70), np.nan),
        (ct().astype(np.float64) + 0.3),
        ct().astype(np.int32) * 40,
        ct() + np.int16(1000),
    ],
)
def test_other_values_are_no_hounsfield_units(values):
    assert not is_hounsfield(Raw(values), None)


def test_ct_window_is_fixed():
    shown = to_display(HERE, Raw(ct()), None, (40, 400), False)
    low = HU_WINDOW[0] - HU_WINDOW[1] / 2
    np.testing.assert_allclose(shown, np.clip((ct() - low) / HU_WINDOW[1], 0, 1), atol=1e-6)


def test_window_of_whole_numbers_and_of_others():
    whole = np.arange(40 * 50).reshape(1, 40, 50)
    linear = np.clip((whole - 999.5) / 499 + 0.5, 0, 1)
    for kind in (np.uint16, np.int32, np.float32):
        shown = to_display(HERE, Raw(whole.astype(kind)), "MR", (1000, 500), False)
        np.testing.assert_allclose(shown, linear, atol=1e-5)
    parts = whole / 4000.0
    shown = to_display(HERE, Raw(parts), "MR", (0.25, 0.3), False)
    np.testing.assert_allclose(shown, np.clip((parts - 0.25) / 0.3 + 0.5, 0, 1), atol=1e-6)


def test_window_of_width_one_is_a_threshold():
    shown = apply_window(np.array([9, 10, 11]), (10, 1))
    np.testing.assert_array_equal(shown, [0, 0.5, 1])


def test_invert_applies_once():
    values = (picture() * 255).astype(np.uint8)[np.newaxis]
    for raw, invert in ((Raw(values), True), (Raw(values, inverted=True), False), (Raw(values, inverted=True), True)):
        np.testing.assert_array_equal(to_display(HERE, raw, None, None, invert), 255 - values)


@pytest.mark.parametrize("share", [0.001, 0.5, 0.95])
def test_nan_and_infinite_values_show_as_the_windows_lower_end(share):
    values = picture()[np.newaxis].copy()
    bad = np.random.default_rng(1).random(values.shape) < share
    values[bad] = np.resize([np.nan, np.inf, -np.inf], bad.sum())
    shown = to_display(HERE, Raw(values), None, None, False)
    assert np.isfinite(shown).all()
    assert (shown[bad] == 0).all()
    low, high = np.percentile(values[~bad], (0.5, 99.5))
    np.testing.assert_allclose(shown[~bad], np.clip((values[~bad] - low) / (high - low), 0, 1), atol=1e-5)


@pytest.mark.parametrize("fill", [np.nan, np.inf])
def test_nothing_finite_is_refused(fill):
    for window in (None, (0.5, 1.0)):
        with pytest.raises(ScanError, match="NaN or infinite"):
            to_display(HERE, Raw(np.full((1, 40, 50), fill)), None, window, False)


@pytest.mark.parametrize("values", [np.zeros((1, 40, 50)), np.full((2, 40, 50), 7, np.int16)])
def test_blank_images_are_refused(values):
    with pytest.raises(ScanError, match="is blank"):
        to_display(HERE, Raw(values), None, None, False)


def test_a_window_that_shows_nothing_is_told():
    with pytest.raises(ScanError, match="or the window it is shown with"):
        to_display(HERE, Raw(picture()[np.newaxis] + 5), "MR", (-100.5, 1.0), False)


def test_a_lone_bright_spot_is_still_a_picture():
    values = np.zeros((1, 100, 100), np.uint16)
    values[0, 40, 40] = 1000
    shown = to_display(HERE, Raw(values), None, None, False)
    assert (shown.max(), shown.sum()) == (1.0, 1.0)


def test_percentiles_of_a_large_volume_come_from_the_same_voxels_in_any_type():
    values = (np.random.default_rng(2).gamma(2, 300, (70, 160, 150))).astype(np.uint16)
    shown = [
        to_display(HERE, Raw(values.astype(kind)), "MR", None, False) for kind in (np.uint16, np.int32, np.float64)
    ]
    assert digest_pixels(shown[0]) == digest_pixels(shown[1]) == digest_pixels(shown[2])
    low, high = np.percentile(values, (0.5, 99.5))
    np.testing.assert_allclose(shown[0], np.clip((values - low) / (high - low), 0, 1), atol=0.01)


def test_digest_tells_shape_and_values_apart():
    one = np.zeros((1, 40, 50), np.float32)
    assert digest_pixels(one) == digest_pixels(np.zeros((1, 40, 50), np.uint8))
    assert digest_pixels(one) != digest_pixels(one.reshape(1, 50, 40))
    nearly = one.copy()
    nearly[0, 0, 0] = 0.4 / 255
    assert digest_pixels(nearly) == digest_pixels(one)
    nearly[0, 0, 0] = 0.6 / 255
    assert digest_pixels(nearly) != digest_pixels(one)


def test_a_scan_made_by_hand():
    scan = Scan(np.zeros((2, 40, 50, 3), np.float32))
    assert scan.is_volume
    assert scan.is_colour
    assert scan.modality == "unknown"


def test_eight_bits_and_display_values_are_the_same_picture():
    eight = np.arange(4 * 32 * 64, dtype=np.uint16).reshape(4, 32, 64).astype(np.uint8)
    stored, shown = Scan(eight), Scan((eight / np.float32(255)).astype(np.float32))
    assert stored.pixels.dtype == shown.pixels.dtype == np.float32
    np.testing.assert_array_equal(stored.pixels, shown.pixels)
    assert stored.shape == shown.shape == (4, 32, 64)
    for index in range(4):
        np.testing.assert_array_equal(stored.eight_bit(index), eight[index])
        np.testing.assert_array_equal(shown.eight_bit(index), eight[index])


def test_a_copy_with_other_values_forgets_the_old_ones(tmp_path):
    path = tmp_path / "x.png"
    Image.fromarray(np.arange(64 * 64, dtype=np.uint16).reshape(64, 64).astype(np.uint8)).save(path)
    scan = read_scan(path)
    dark = replace(scan, values=np.zeros_like(scan.values))
    assert scan.eight_bit(0).any()
    assert not dark.eight_bit(0).any()
    assert not dark.pixels.any()
