"""What each measure does to a picture."""

import numpy as np
import pytest

from reid_engine.errors import ReidError
from reid_engine.measures import MEASURES, measures_for, picture_fidelity
from reid_engine.phantom import phantom_scan
from reid_engine.scan import Scan, digest_pixels

BY_NAME = {measure.name: measure for measure in MEASURES}


def scan_of(values, modality="CXR"):
    values = np.ascontiguousarray(values, dtype=np.float32)
    return Scan(values, modality, facts={"age": 60.0}, file_digest="f", pixel_digest=digest_pixels(values))


def phantom(modality, size=256):
    return scan_of(phantom_scan(modality, 3, 1, 11, size)[None] / np.float32(255), modality)


def three_slices(modality):
    return scan_of(np.repeat(phantom(modality).values, 3, axis=0), modality)


SUITED = [(m.name, kind) for kind in ("CXR", "CFP", "OCT") for m in measures_for(three_slices(kind))]


@pytest.mark.parametrize(("name", "modality"), SUITED)
def test_a_copy_is_changed_and_the_scan_is_not(name, modality):
    scan, measure = three_slices(modality), BY_NAME[name]
    before = scan.values.copy()
    changed = measure.apply(scan)
    np.testing.assert_array_equal(scan.values, before)
    assert not np.shares_memory(changed.values, scan.values)
    assert changed.values.dtype == np.float32
    assert 0 <= changed.values.min() <= changed.values.max() <= 1
    assert (changed.shape == scan.shape) == measure.keeps_shape
    assert changed.facts == scan.facts
    assert changed.file_digest == ""
    assert changed.pixel_digest == digest_pixels(changed.values)
    same = name in ("header-only", "average")  # three equal slices have the same average
    assert (changed.pixel_digest == scan.pixel_digest) == same


def test_which_measures_suit():
    names = {measure.name for measure in measures_for(phantom("CFP"))}
    assert {"optic-disc", "blur", "header-only"} <= names
    assert not {"marks", "average"} & names
    volume = scan_of(np.repeat(phantom("OCT").values, 5, axis=0), "OCT")
    assert "average" in {measure.name for measure in measures_for(volume)}


def test_marks_are_painted_over_and_nothing_else():
    values = np.full((1, 200, 160), 0.3, dtype=np.float32)
    values[0, 60:140, 40:120] += np.random.default_rng(0).uniform(0, 0.3, (80, 80)).astype(np.float32)
    marked = values.copy()
    marked[0, 12:24, 10:20] = 1.0  # a letter near the corner
    painted = BY_NAME["marks"].apply(scan_of(marked)).values
    assert painted[0, 12:24, 10:20].max() < 0.35
    np.testing.assert_array_equal(painted[0, 40:], values[0, 40:])
    large = values.copy()
    large[0, :60, :60] = 1.0  # too large for a mark
    np.testing.assert_array_equal(BY_NAME["marks"].apply(scan_of(large)).values, large)


def test_the_optic_disc_is_painted_over():
    rows, columns = np.mgrid[:240, :240]
    picture = np.where(np.hypot(rows - 120, columns - 120) < 115, 0.35, 0.0)
    picture[np.hypot(rows - 120, columns - 180) < 11] = 0.95
    painted = BY_NAME["optic-disc"].apply(scan_of(picture[None], "CFP")).values[0]
    assert painted[np.hypot(rows - 120, columns - 180) < 11].max() == pytest.approx(0.35, abs=0.02)
    np.testing.assert_array_equal(painted[:, :140], picture[:, :140].astype(np.float32))


def test_the_frame_is_blacked_out():
    painted = BY_NAME["frame"].apply(scan_of(np.random.default_rng(1).uniform(0.2, 0.8, (1, 100, 200)))).values[0]
    assert not painted[:10].any()
    assert not painted[-10:].any()
    assert not painted[:, :10].any()
    assert painted[10:90, 10:190].min() >= 0.2


def test_few_levels_few_pixels_and_averages():
    values = np.random.default_rng(2).uniform(0, 1, (5, 120, 144)).astype(np.float32)
    assert len(np.unique(BY_NAME["quantise"].apply(scan_of(values)).values)) == 16
    averaged = BY_NAME["average"].apply(scan_of(values, "OCT")).values
    np.testing.assert_allclose(averaged[2], values.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(averaged[0], values[:3].mean(axis=0), atol=1e-6)
    small = BY_NAME["down-sample"].apply(scan_of(values)).values
    spectrum = np.abs(np.fft.fft2(small[0] - small[0].mean()))
    assert spectrum[55:66, 60:85].max() < 0.05 * spectrum.max()  # nothing finer than the few pixels had
    cut = BY_NAME["crop"].apply(scan_of(values)).values
    np.testing.assert_array_equal(cut, values[:, 12:108, 14:129])


def test_fidelity():
    values = np.random.default_rng(3).uniform(0.2, 0.8, (2, 40, 50)).astype(np.float32)
    same = picture_fidelity(values, values)
    assert (same.ssim, same.psnr) == (pytest.approx(1.0), None)
    moved = picture_fidelity(values, values + np.float32(0.1))
    assert moved.psnr == pytest.approx(20.0, abs=1e-4)  # 10 log10(1 / 0.1²)
    noisy = picture_fidelity(values, np.random.default_rng(4).uniform(0, 1, values.shape).astype(np.float32))
    assert noisy.ssim < 0.2
    colour = np.repeat(values[..., None], 3, axis=3)
    assert picture_fidelity(colour, colour + np.float32(0.1)).ssim == pytest.approx(moved.ssim, abs=1e-6)
    with pytest.raises(ValueError, match="cannot be compared"):
        picture_fidelity(values, values[:, 1:])


def test_a_name_that_is_none(phantom_gallery, encoder):
    from reid_engine.matcher.gallery import Gallery
    from reid_engine.measures import compare_measures
    from reid_engine.risk import RiskAssessor

    assessor = RiskAssessor(Gallery.open(phantom_gallery, encoder=encoder.identity), encoder)
    with pytest.raises(ReidError, match="there is no measure 'prayer'"):
        compare_measures(assessor, phantom("CXR"), ["prayer"])
    with pytest.raises(ReidError, match="optic-disc is not for such a CXR scan"):
        compare_measures(assessor, phantom("CXR"), ["optic-disc"])
