"""The pixel baseline is the picture, cropped as an encoder sees it."""

import numpy as np
import pytest
from made import phantom, scan_of
from PIL import Image

from reid_engine.baselines.pixels import SIDE, PixelEncoder
from reid_engine.matcher.leave_one_out import LeaveOneOut
from reid_engine.phantom import phantom_scan


def cosines(vectors):
    return np.concatenate([block.similarities for block in LeaveOneOut("cosine", np.stack(vectors))])


def test_an_identical_image_is_found():
    scans = [phantom(modality, subject) for subject in range(6) for modality in ("CFP", "OCT", "CXR")]
    vectors = [PixelEncoder().embed(scan) for scan in [*scans, *scans]]
    assert np.array_equal(cosines(vectors).argmax(axis=1), np.roll(np.arange(2 * len(scans)), len(scans)))


def test_it_is_the_mean_of_each_of_the_parts_of_the_picture():
    pixels = np.random.default_rng(0).integers(0, 256, (3 * SIDE, 2 * SIDE), dtype=np.uint8)
    means = pixels.reshape(SIDE, 3, SIDE, 2).mean(axis=(1, 3)) / 255
    assert np.allclose(
        PixelEncoder().embed(scan_of(pixels, "MR")).reshape(SIDE, SIDE), means, atol=1.1 / 255
    )  # 8 bits, twice


def test_a_black_border_is_cut_off_as_for_an_encoder():
    chest = phantom_scan("CXR", 0, 0, size=140)
    framed = np.pad(chest, 26)
    small = PixelEncoder().embed(scan_of(chest, "CXR"))
    assert np.corrcoef(PixelEncoder().embed(scan_of(framed, "CXR")), small)[0, 1] > 0.9
    assert np.corrcoef(PixelEncoder().embed(scan_of(framed, "MR")), small)[0, 1] < 0.5


def test_a_smaller_copy_stays_close_and_brightness_is_kept():
    eye = phantom_scan("CFP", 1, 0, size=192)
    copy = np.asarray(Image.fromarray(eye).resize((96, 96), Image.Resampling.BOX))
    vectors = [PixelEncoder().embed(scan_of(one, "CFP")) for one in (eye, copy, (eye * 0.8).astype(np.uint8))]
    assert np.abs(vectors[0] - vectors[1]).mean() < 0.01
    assert vectors[2].mean() < 0.85 * vectors[0].mean()


@pytest.mark.parametrize("modality", ["CFP", "OCT", "CXR"])
def test_a_second_frame_of_one_exposure_is_found(modality):
    """A pixel's shift and noise, as between the frames of a burst."""
    rng = np.random.default_rng(0)
    frames = [phantom_scan(modality, subject, 0, size=128) for subject in range(12)]
    seconds = [np.roll(one, 1, axis=(0, 1)) + rng.normal(0, 6, one.shape) for one in frames]
    scans = [*frames, *(one.clip(0, 255).astype(np.uint8) for one in seconds)]
    found = cosines([PixelEncoder().embed(scan_of(one, modality)) for one in scans]).argmax(axis=1)
    assert (found == np.roll(np.arange(24), 12)).mean() > 0.7  # chance is 1/23
