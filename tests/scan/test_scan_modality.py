"""What the image itself tells: on real sets, on phantoms, and on what it isn't."""

import csv
import random
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reid_engine.measurements import CHEST_TEMPLATE, measure_chest, measure_fundus, measure_oct, shrink
from reid_engine.modality import CHEST_RULE, FUNDUS_RULE, LEAST_CONFIDENCE, OCT_RULE, guess_modality
from reid_engine.scan import read_scan

PER_SET = 150
FLOORS = {
    "nih_cxr": 0.90,
    "nih_cxr_native": 0.75,
    "hannover_cxr": 0.85,
    "kermany_cxr": 0.88,
    "octdl_oct": 0.90,
    "odir_cfp": 0.88,
    "ridb_cfp": 0.97,
}


def held_out(folder: Path) -> list[dict[str, str]]:
    """Images of the subjects that the rules were not set on, in an order of chance."""
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as manifest:
        rows = list(csv.DictReader(manifest))
    rows = [row for row in rows if zlib.crc32(row["subject_id"].encode()) % 2]
    random.Random(20).shuffle(rows)
    return rows[:PER_SET]


@pytest.mark.parametrize("name", FLOORS)
def test_real_images_of_other_subjects(shared_data, name):
    rows = held_out(shared_data / name)
    scans = [read_scan(shared_data / name / row["file"]) for row in rows]
    wrong = [s for s, row in zip(scans, rows, strict=True) if s.modality not in (row["modality"], "unknown")]
    right = sum(s.modality == row["modality"] for s, row in zip(scans, rows, strict=True))
    assert not wrong
    assert right / len(rows) >= FLOORS[name]
    assert {scan.modality_source for scan in scans} <= {"image", "none"}


def test_brain_mr_is_left_unknown_slice_by_slice_and_whole(shared_data):
    for path in sorted((shared_data / "openms_mr").glob("*.nii.gz")):
        volume = read_scan(path).pixels
        assert guess_modality(volume) == ("unknown", 0.0)
        for view in (volume, volume.transpose(1, 0, 2).repeat(3, axis=1), volume.transpose(2, 0, 1).repeat(3, axis=1)):
            for place in np.linspace(0.2, 0.8, 5):
                one = np.ascontiguousarray(view[int(place * len(view)) : int(place * len(view)) + 1])
                assert guess_modality(one) == ("unknown", 0.0)


@pytest.mark.parametrize("change", ["inverted", "turned", "grey", "tinted"])
def test_changed_images_are_not_taken_for_another_kind(shared_data, change):
    wrong = count = 0
    for name in ("nih_cxr", "octdl_oct", "odir_cfp"):
        for row in held_out(shared_data / name)[:40]:
            pixels = read_scan(shared_data / name / row["file"], modality="MR").pixels
            colour = pixels.ndim == 4
            if change == "inverted":
                pixels = 1 - pixels
            elif change == "turned":
                pixels = np.ascontiguousarray(np.rot90(pixels, axes=(1, 2)))
            elif change == "grey" and colour:
                pixels = pixels.mean(axis=3)
            elif change == "tinted" and not colour:
                pixels = pixels[..., np.newaxis] * np.array([1, 0.8, 0.6], np.float32)
            guess, confidence = guess_modality(pixels)
            assert (guess == "unknown") == (confidence == 0)
            wrong += guess not in ("unknown", row["modality"])
            count += 1
    assert wrong / count < 0.03


def photos() -> dict[str, np.ndarray]:
    """Photos and drawings that scikit-image and scikit-learn bring."""
    import skimage
    import sklearn

    folders = (Path(skimage.__file__).parent / "data", Path(sklearn.__file__).parent / "datasets" / "images")
    found = {}
    for path in sorted(file for folder in folders for file in folder.iterdir() if file.suffix in (".png", ".jpg")):
        with Image.open(path) as image:
            found[path.name] = np.asarray(image.convert("RGB"), dtype=np.float32)[np.newaxis] / 255
    return found


def test_photos_are_left_unknown():
    wrong = {}
    for name, colour in photos().items():
        if name == "retina.jpg":
            continue
        for kind, pixels in (("colour", colour), ("grey", colour.mean(axis=3))):
            guess, confidence = guess_modality(pixels)
            if guess != "unknown":
                wrong[name, kind] = guess, round(confidence, 2)
    # a rocket at night, lit from below: dark sides, a bright middle and a bright ground
    assert set(wrong) <= {("rocket.jpg", "grey")}, wrong
    assert all(confidence < 0.7 for _, confidence in wrong.values())


def test_a_fundus_photo_of_another_camera():
    guess, confidence = guess_modality(photos()["retina.jpg"])
    assert guess == "CFP"
    assert confidence > 0.9


def synthetic() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:200, :200] / 200
    radius = np.hypot(y - 0.5, x - 0.5)
    return {
        "constant": np.full((200, 200), 0.4),
        "black": np.zeros((200, 200)),
        "noise": rng.random((200, 200)),
        "colour noise": rng.random((200, 200, 3)),
        "ramp down": y,
        "ramp across": x,
        "disc": (radius < 0.45).astype(float),
        "orange disc": (radius < 0.45)[..., np.newaxis] * np.array([0.9, 0.5, 0.2]),
        "blob": np.exp(-((radius / 0.2) ** 2)),
        "band": np.exp(-(((y - 0.5) / 0.08) ** 2)),
        "bands": (np.sin(y * 60) + 1) / 2,
        "stripes": (np.sin(x * 60) + 1) / 2,
        "chequers": ((y * 8).astype(int) + (x * 8).astype(int)) % 2 * 1.0,
        "sunset": np.stack([1 - y / 2, (1 - y) / 2, y / 4], axis=-1),
        "strip": rng.random((32, 400)),
    }


@pytest.mark.parametrize("name", synthetic())
def test_drawn_images_are_left_unknown(name):
    assert guess_modality(synthetic()[name].astype(np.float32)[np.newaxis]) == ("unknown", 0.0)


def test_phantoms_are_what_they_imitate(phantom_cohort):
    from reid_engine.cohort import read_cohort

    samples = read_cohort(phantom_cohort).samples[::3]
    guesses = [read_scan(sample.path).modality for sample in samples]
    assert not [g for g, s in zip(guesses, samples, strict=True) if g not in (s.modality, "unknown")]
    assert np.mean([g == s.modality for g, s in zip(guesses, samples, strict=True)]) > 0.95


def test_a_volume_of_b_scans_is_oct_and_of_other_kinds_unknown(shared_data):
    rows = held_out(shared_data / "octdl_oct")
    slices = [read_scan(shared_data / "octdl_oct" / row["file"]).pixels[0] for row in rows]
    shape = max({s.shape for s in slices}, key=lambda shape: sum(s.shape == shape for s in slices))
    cube = np.stack([s for s in slices if s.shape == shape and guess_modality(s[np.newaxis])[0] == "OCT"][:9])
    guess, confidence = guess_modality(cube)
    assert guess == "OCT"
    assert LEAST_CONFIDENCE <= confidence <= 1
    chest = read_scan(shared_data / "nih_cxr" / "00000001_000.jpg").pixels
    assert guess_modality(chest)[0] == "CXR"
    assert guess_modality(np.repeat(chest, 5, axis=0)) == ("unknown", 0.0)


def test_every_measurement_of_a_rule_is_measured():
    grey = np.random.default_rng(1).random((128, 128)).astype(np.float32)
    colour = np.random.default_rng(1).random((128, 128, 3)).astype(np.float32)
    for rule, measured in (
        (FUNDUS_RULE, measure_fundus(colour)),
        (OCT_RULE, measure_oct(grey)),
        (CHEST_RULE, measure_chest(grey)),
    ):
        assert [name for name, _, _ in rule] == list(measured)
        assert all(isinstance(value, float) and np.isfinite(value) for value in measured.values())
    assert np.array(CHEST_TEMPLATE).shape == (13, 6)


def test_shrinking_takes_means_over_blocks():
    image = np.arange(256 * 384, dtype=np.float32).reshape(256, 384)
    expected = image[:255].reshape(85, 3, 128, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(shrink(image), expected, rtol=1e-6)
    colour = np.stack([image, image * 2, image * 3], axis=-1)
    np.testing.assert_allclose(shrink(colour), np.stack([expected, expected * 2, expected * 3], -1), rtol=1e-6)
    assert max(shrink(np.zeros((3000, 2000), np.float32)).shape) <= 128


def test_a_guess_is_cheap():
    image = np.random.default_rng(0).random((1, 512, 512)).astype(np.float32)
    seconds = []
    for _ in range(20):
        start = time.perf_counter()
        guess_modality(image)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.02
