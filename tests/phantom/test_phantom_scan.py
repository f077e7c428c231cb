"""One phantom: the same for the same seed, of the anatomy that its subject has."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from reid_engine.phantom import MODALITIES, phantom_scan
from reid_engine.phantom.canvas import Frame, stroke
from reid_engine.phantom.person import person

DIGEST = """
import hashlib
from reid_engine.phantom import MODALITIES, phantom_scan
print(hashlib.sha256(b"".join(phantom_scan(m, 3, 1, 7, 96).tobytes() for m in MODALITIES)).hexdigest())
"""


def test_same_seed_gives_same_pixels_in_another_process():
    here = hashlib.sha256(b"".join(phantom_scan(m, 3, 1, 7, 96).tobytes() for m in MODALITIES)).hexdigest()
    there = subprocess.run([sys.executable, "-c", DIGEST], capture_output=True, text=True, check=True).stdout
    assert there.strip() == here


@pytest.mark.parametrize("modality", MODALITIES)
def test_seed_subject_and_session_each_change_the_picture(modality):
    first = phantom_scan(modality, 0, 0, 0, 96)
    for other in ((1, 0, 0), (0, 1, 0), (0, 0, 1)):
        subject, session, seed = other
        assert not np.array_equal(first, phantom_scan(modality, subject, session, seed, 96))


@pytest.mark.parametrize(("modality", "shape"), [("CFP", (96, 96, 3)), ("OCT", (96, 96)), ("CXR", (96, 96))])
def test_pictures_are_8_bit_and_use_the_range(modality, shape):
    pixels = phantom_scan(modality, 0, 0, 0, 96)
    assert pixels.shape == shape
    assert pixels.dtype == np.uint8
    assert pixels.min() < 20
    assert pixels.max() > 150


def test_fundus_is_an_orange_disc_on_black_with_the_nerve_on_the_nose_side():
    for eye, nasal in (("R", 1), ("L", -1)):
        pixels = phantom_scan("CFP", 2, 0, 0, 192, eye=eye).astype(float)
        corner, centre = pixels[:10, :10], pixels[60:132, 60:132]
        assert corner.max() < 12
        assert centre[..., 0].mean() > centre[..., 1].mean() > centre[..., 2].mean()
        column = pixels[70:122, :, 1].max(axis=0).argmax()  # the optic disc is brightest in green
        assert (column - 96) * nasal > 20


def test_oct_has_a_pit_in_the_middle_and_a_dark_vitreous():
    pixels = phantom_scan("OCT", 1, 0, 0, 192).astype(float)
    smooth = pixels.reshape(48, 4, 48, 4).mean(axis=(1, 3))
    assert smooth[:4].mean() < 0.5 * smooth.max(axis=0).mean()
    surface = (smooth > 55).argmax(axis=0)  # first row of each column that is tissue
    assert surface[20:28].max() > surface[8:16].mean() + 1


def test_radiograph_has_two_dark_lungs_and_a_heart_on_the_screens_right():
    pixels = phantom_scan("CXR", 0, 0, 0, 192).astype(float)
    right_lung, left_lung, middle = pixels[70:110, 45:70], pixels[70:110, 122:147], pixels[70:110, 90:102]
    assert max(right_lung.mean(), left_lung.mean()) < 0.85 * middle.mean()
    low = pixels[115:135]
    assert low[:, 100:125].mean() > low[:, 67:92].mean()


def test_both_eyes_of_a_subject_differ_and_share_style():
    def hue(subject: int, eye: str) -> float:
        """Green against red of the retina, over several visits because each has its own white balance."""
        views = [phantom_scan("CFP", subject, s, 0, 64, eye=eye)[20:44, 20:44].astype(float) for s in range(8)]
        return float(np.mean([view[..., 1].mean() / view[..., 0].mean() for view in views]))

    left, right = (np.array([hue(k, eye) for k in range(30)]) for eye in "LR")
    assert np.corrcoef(left, right)[0, 1] > 0.4
    mirrored = phantom_scan("CFP", 0, 0, 0, 96, eye="L")[:, ::-1].astype(float)
    other = phantom_scan("CFP", 0, 0, 0, 96, eye="R").astype(float)
    assert np.abs(mirrored - other).mean() > 5


def test_every_pair_of_subjects_has_one_woman_and_one_man():
    people = [person(5, k) for k in range(20)]
    assert all({a.sex, b.sex} == {"F", "M"} for a, b in zip(people[::2], people[1::2], strict=True))
    assert len({p.sex for p in people[::2]}) == 2


def test_a_person_ages_from_visit_to_visit():
    who = person(0, 0)
    dates = [who.visit(session) for session in range(4)]
    ages = [who.age_at(session) for session in range(4)]
    assert dates == sorted(set(dates))
    assert ages == sorted(set(ages))
    assert ages[3] - ages[0] == pytest.approx((dates[3] - dates[0]).days / 365.25, abs=0.1)


@pytest.mark.parametrize(("modality", "size"), [("CT", 96), ("CFP", 32)])
def test_what_cannot_be_painted_is_refused(modality, size):
    with pytest.raises(ValueError, match="phantom"):
        phantom_scan(modality, 0, 0, 0, size)


def test_grid_and_points_agree_on_where_things_are():
    frame = Frame(64, shift=(0.1, -0.2), rotation=0.3, scale=1.2)
    x, y = frame.grid
    row, column = 20, 41
    back = frame.to_pixels(np.array([[x[row, column], y[row, column]]]))
    assert back[0] == pytest.approx([column, row], abs=1e-9)


def test_a_stroke_has_its_width_and_full_ink_on_its_axis():
    points = np.stack([np.arange(4.0, 60.0, 0.5), np.full(112, 32.0)], axis=1)
    drawn = stroke(points, np.full(112, 0.5), 6.0, 64)
    profile = drawn[:, 32]
    assert profile[32] == pytest.approx(1.0, abs=0.05)
    assert (profile > 0.5 * profile.max()).sum() in (5, 6, 7)
