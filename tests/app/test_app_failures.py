import errno

import pytest
from lib.failures import NEUTRAL, Refusal, explain

from reid_engine.errors import CohortError, EncoderError, GalleryError, ReidError, ScanError

NAMES = {
    "/data/studies/mueller_hans.png": "the scan",
    "mueller_hans.png": "the scan",
    "/data/g": "the gallery",
}


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ScanError("x"), 422),
        (GalleryError("x"), 409),
        (EncoderError("x"), 409),
        (CohortError("m", ["x"]), 409),
        (ReidError("x"), 400),
        (MemoryError(), 413),
        (OSError(errno.ENOSPC, "No space left on device"), 507),
        (OSError(errno.EIO, "/data/studies/mueller_hans.png"), 500),
        (ValueError("Hans Mueller, 1950-01-01"), 500),
        (KeyError("P-17"), 500),
    ],
)
def test_each_kind_of_error_has_its_status(error, status):
    assert explain(error, {}).status == status


def test_a_refusal_stays_what_it_is():
    refusal = Refusal(413, "too large")
    assert explain(refusal, {}) is refusal


def test_paths_and_names_become_neutral_words():
    error = ScanError("/data/studies/mueller_hans.png: the file is empty; copy or export it again")
    assert explain(error, NAMES).sentence == "the scan: the file is empty; copy or export it again"
    error = GalleryError("/data/g: mueller_hans.png cannot be compared\nwith it")
    assert explain(error, NAMES).sentence == "the gallery: the scan cannot be compared with it"


@pytest.mark.parametrize("path", ["/home/x/secret", "~/secret", "C:\\secret", "'/etc/passwd'", "\\\\server\\share"])
def test_a_path_that_is_left_hides_the_whole_sentence(path):
    sentence = explain(GalleryError(f"the file {path} is damaged"), NAMES).sentence
    assert "secret" not in sentence
    assert "passwd" not in sentence
    assert "server" not in sentence
    assert "cannot be used" in sentence


def test_units_and_alternatives_are_not_taken_for_paths():
    text = "the slices are 2 mm/pixel and rows/columns differ; give DICOM and/or NIfTI"
    assert explain(ScanError(text), {}).sentence == text


def test_what_was_not_foreseen_says_nothing():
    assert explain(RuntimeError("subject P-17 in /data"), {}).sentence == NEUTRAL
