"""The map points at what made the match."""

import shutil

import numpy as np
import pytest
from marked import BOX, MARKED, SIZE, in_mark, stamp
from PIL import Image

from reid_engine.cohort import read_cohort
from reid_engine.encoder import IMAGENET_ENCODER, load_encoder
from reid_engine.errors import ReidError
from reid_engine.explanation import explain
from reid_engine.fitting import fit_gallery
from reid_engine.matcher.enrolment import enrol
from reid_engine.matcher.gallery import Gallery
from reid_engine.phantom import phantom_scan
from reid_engine.risk import RiskAssessor
from reid_engine.scan import read_scan


@pytest.fixture(scope="module")
def place(tmp_path_factory, marked_cohort):
    """Enrol with an encoder that was not trained to overlook marks in a picture."""
    encoder = load_encoder(IMAGENET_ENCODER)
    folder = tmp_path_factory.mktemp("marked")
    gallery = Gallery.create(folder / "gallery", encoder.identity)
    enrol(read_cohort(marked_cohort), gallery, encoder)
    fit_gallery(gallery)
    yield folder, RiskAssessor(gallery, encoder)
    shutil.rmtree(folder)


@pytest.mark.parametrize("person", [7, 15])
def test_the_map_points_at_a_planted_mark(place, person):
    """A stranger with the mark is like the marked person for the mark alone."""
    folder, assessor = place
    path = folder / f"stranger{person}.png"
    Image.fromarray(stamp(phantom_scan("CXR", person, 5, 11, SIZE))).save(path)
    scan = read_scan(path, modality="CXR")
    found = explain(assessor, scan, MARKED)
    assert found.map.shape == scan.shape
    assert found.map.dtype == np.float32
    assert found.map.min() >= 0
    row, column = np.unravel_index(found.map[0].argmax(), scan.shape[1:])
    assert BOX[0].start - 12 <= row < BOX[0].stop + 12
    assert BOX[1].start - 12 <= column < BOX[1].stop + 12
    inside = in_mark(scan.shape[1:])
    assert found.map[0][inside].mean() > 4 * found.map[0][~inside].mean()
    assert found.subject_id == MARKED


def test_the_most_alike_subject_is_explained_unless_another_is_named(place, marked_cohort):
    folder, assessor = place
    scan = read_scan(marked_cohort / "cxr_P009_s1.png", modality="CXR")
    found = explain(assessor, scan)
    assert found.subject_id == "P009"
    assert found.similarity > 0.9
    other = explain(assessor, scan, "P010")
    assert other.subject_id == "P010"
    assert other.similarity < found.similarity


def test_who_is_not_enrolled_cannot_be_explained(place, marked_cohort):
    folder, assessor = place
    path = marked_cohort / "cxr_P009_s1.png"
    with pytest.raises(ReidError, match="no such subject"):
        explain(assessor, read_scan(path, modality="CXR"), "nobody")
    with pytest.raises(ReidError, match="enrol OCT images"):
        explain(assessor, read_scan(path, modality="OCT"))


def test_a_volume_has_a_map_in_the_slices_that_are_embedded(place):
    folder, assessor = place
    slices = np.stack([phantom_scan("CXR", 9, visit, 11, SIZE) for visit in range(3)])
    Image.fromarray(slices[0]).save(
        folder / "volume.tif", save_all=True, append_images=[Image.fromarray(one) for one in slices[1:]]
    )
    scan = read_scan(folder / "volume.tif", modality="CXR")
    found = explain(assessor, scan)
    assert found.map.shape == (3, SIZE, SIZE)
    assert found.map.max() > 0


def test_command(place, marked_cohort, invoke_command, tmp_path):
    folder, assessor = place
    scan = marked_cohort / "cxr_P009_s1.png"
    out = tmp_path / "map.png"
    words = ("explain", scan, "--gallery", assessor.gallery.path, "--modality", "CXR")
    done = invoke_command(*words, "--out", out)
    assert done.exit_code == 0, done.stderr
    assert "P009" in done.stdout
    drawn = np.asarray(Image.open(out)).astype(int)
    assert drawn.shape == (SIZE, SIZE, 3)
    assert np.abs(drawn - np.asarray(Image.open(scan))[..., None]).max() > 50


def test_the_scan_is_never_written_to(place, marked_cohort, invoke_command, tmp_path):
    folder, assessor = place
    scan = tmp_path / "scan.png"
    shutil.copy(marked_cohort / "cxr_P009_s1.png", scan)
    before = scan.read_bytes()
    words = (scan, "--gallery", assessor.gallery.path, "--modality", "CXR")
    (tmp_path / "link.png").symlink_to(scan)
    for out, why in (
        (scan, "is the scan itself"),
        (tmp_path / "link.png", "is the scan itself"),
        (tmp_path / "map.jpg", "ends in .png"),
        (tmp_path / "nowhere" / "map.png", "cannot be written"),
    ):
        refused = invoke_command("explain", *words, "--out", out)
        assert refused.exit_code == 2
        assert why in refused.stderr
        assert refused.stderr.count("\n") == 1
    scan.rename(tmp_path / "blur.png")
    words = (tmp_path / "blur.png", *words[1:])
    refused = invoke_command("measures", *words, "--measure", "blur", "--previews", tmp_path)
    assert refused.exit_code == 2
    assert "is the scan itself" in refused.stderr
    refused = invoke_command("measures", *words, "--measure", "blur", "--previews", tmp_path / "blur.png")
    assert refused.exit_code == 2
    assert "cannot be made" in refused.stderr
    assert (tmp_path / "blur.png").read_bytes() == before
    assert {one.name for one in tmp_path.iterdir()} == {"blur.png", "link.png"}
