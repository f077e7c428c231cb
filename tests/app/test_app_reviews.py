"""What was reviewed is remembered without a name, and forgotten with the person."""

import json

import pandas as pd
import pytest
from dicom_files import make_dicom
from lib.exposures import NOT_SCORED, Exposures
from lib.options import Options
from lib.quiet import LOG
from lib.reviews import FILE_NAME, Reviews
from lib.scoring.cohort_reidentification import NOT_ENROLLED, NOT_FITTED, CohortReidentification
from lib.strategies.highest_risk import HighestRisk
from lib.studies import StudiesFolder
from lib.study_ids import StudyIds

from reid_engine.cohort import read_cohort
from reid_engine.errors import CohortError, GalleryError
from reid_engine.fitting import fit_gallery
from reid_engine.phantom import write_phantom_cohort
from tests.synthetic import World, gallery_of


@pytest.fixture
def gallery(tmp_path):
    return gallery_of(tmp_path / "gallery", *World(seed=2).cohort(12)[:3])


def ids(gallery, *rows):
    return {gallery.table["sample_id"].iloc[row] for row in rows}


def more(prefix="Q"):
    return World(seed=9, prefix=prefix).cohort(2)[:3]


def test_reviews_are_kept_by_row_for_the_next_server(gallery):
    Reviews().add(gallery.snapshot(), ids(gallery, 3, 5))
    assert Reviews().of(gallery.snapshot()) == ids(gallery, 3, 5)
    text = (gallery.path / FILE_NAME).read_text()
    assert json.loads(text)["rows"] == [3, 5]
    assert "P000" not in text
    assert [path.name for path in gallery.path.glob("*.tmp")] == []


def test_two_servers_do_not_forget_each_others(gallery):
    one, other = Reviews(), Reviews()
    one.add(gallery.snapshot(), ids(gallery, 1))
    other.add(gallery.snapshot(), ids(gallery, 2))
    one.add(gallery.snapshot(), ids(gallery, 3))
    assert other.of(gallery.snapshot()) == ids(gallery, 1, 2, 3)


def test_an_enrolment_does_not_undo_what_a_running_server_was_told(gallery):
    reviews = Reviews()
    reviews.add(gallery.snapshot(), ids(gallery, 3, 5))
    reviewed = ids(gallery, 3, 5)
    gallery.append(*more())
    assert reviews.of(gallery.snapshot()) == reviewed
    assert Reviews().of(gallery.snapshot()) == reviewed, "written anew, for the rows as they are now"


def test_after_a_removal_rows_mean_nobody_and_a_running_server_forgets_them(gallery):
    reviews, stays = Reviews(), ids(gallery, 5)
    reviews.add(gallery.snapshot(), ids(gallery, 0, 5))
    gallery.remove_subjects(["P00000"])
    assert Reviews().of(gallery.snapshot()) == set()
    assert reviews.of(gallery.snapshot()) == stays
    assert Reviews().of(gallery.snapshot()) == stays


def test_another_picture_under_the_same_name_was_not_reviewed(gallery):
    reviews, stays = Reviews(), ids(gallery, 5)
    reviews.add(gallery.snapshot(), ids(gallery, 3, 5))
    table = gallery.table.iloc[[3]].assign(pixel_digest="another")
    gallery.replace(table, gallery.vectors[[3]] + 1, gallery.thumbnails[[3]])
    assert reviews.of(gallery.snapshot()) == stays


def test_another_gallery_in_the_same_place_starts_anew(gallery, tmp_path):
    import shutil

    reviews = Reviews()
    reviews.add(gallery.snapshot(), ids(gallery, 3))
    shutil.rmtree(gallery.path)
    anew = gallery_of(gallery.path, *World(seed=2).cohort(12)[:3])
    assert reviews.of(anew.snapshot()) == set()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "7", '{"schema": "reid-reviews/1"}', '{"schema": "x", "rows": []}',
             '{"schema": "reid-reviews/1", "rows_of": 1, "rows": ["P00003"]}'],
)  # fmt: skip
def test_a_damaged_file_counts_for_nothing_and_is_replaced(gallery, text, caplog):
    (gallery.path / FILE_NAME).write_text(text)
    with caplog.at_level("WARNING", LOG.name):
        assert Reviews().of(gallery.snapshot()) == set()
    assert "P0000" not in caplog.text
    Reviews().add(gallery.snapshot(), ids(gallery, 3))
    assert Reviews().of(gallery.snapshot()) == ids(gallery, 3)


def test_rows_beyond_the_table_are_passed_over(gallery):
    Reviews().add(gallery.snapshot(), ids(gallery, 3))
    path = gallery.path / FILE_NAME
    path.write_text(path.read_text().replace("[3]", "[3, 99999]"))
    assert Reviews().of(gallery.snapshot()) == ids(gallery, 3)


@pytest.fixture
def studies(tmp_path):
    """Give the images of a small gallery as files of a folder with a manifest."""
    folder = tmp_path / "studies"
    (folder / "CXR").mkdir(parents=True)
    table = World(seed=2).cohort(12)[0]
    for name in table["sample_id"]:
        (folder / name).write_bytes(name.encode())
    rows = pd.DataFrame({"file": table["sample_id"], "subject_id": table["subject_id"], "modality": "CXR"})
    rows.to_csv(folder / "manifest.csv", index=False)
    return StudiesFolder(folder.resolve())


def scoring(gallery, studies):
    return CohortReidentification(Options(gallery.path, studies.root))({}, studies)


def test_a_scoring_that_cannot_be_is_told_in_a_sentence(gallery, studies, tmp_path, caplog):
    with caplog.at_level("INFO", LOG.name):
        with pytest.raises(GalleryError, match="no gallery yet"):
            CohortReidentification(Options(tmp_path / "none", studies.root))({}, studies)
        with pytest.raises(GalleryError, match=NOT_FITTED):
            scoring(gallery, studies)
        with pytest.raises(GalleryError, match=NOT_ENROLLED):
            scoring(gallery_of(tmp_path / "other", *more()), studies)
        (tmp_path / "empty").mkdir()
        with pytest.raises(CohortError):
            scoring(gallery, StudiesFolder(tmp_path / "empty"))
    assert caplog.text.count("cohort_reidentification: failed: ") == 4
    assert "P000" not in caplog.text
    assert str(tmp_path) not in caplog.text


def test_what_is_in_the_studies_and_not_enrolled_is_counted(gallery, studies):
    fit_gallery(gallery)
    manifest = studies.root / "manifest.csv"
    (studies.root / "CXR" / "new.png").write_bytes(b"x")
    manifest.write_text(manifest.read_text() + "CXR/new.png,Q1,CXR\n")
    gallery.append(*more())
    fit_gallery(gallery)
    summary = scoring(gallery, studies)
    assert (summary["samples"], summary["not_enrolled"]) == (24, 1)
    assert Exposures(gallery.path).summary() == summary


def test_images_that_left_the_folder_are_not_proposed_and_the_end_is_told(gallery, studies):
    fit_gallery(gallery)
    exposures = Exposures(gallery.path)
    with pytest.raises(GalleryError, match=NOT_SCORED):
        exposures.current()
    assert exposures.summary() is None
    scoring(gallery, studies)
    strategy = HighestRisk(exposures, StudyIds())
    order = [row.sample_id for row in exposures.current().exposure.by_exposure()]
    assert strategy({}, studies)["id"] == order[0]
    manifest = studies.root / "manifest.csv"
    lines = manifest.read_text().splitlines()
    manifest.write_text("\n".join(line for line in lines if not line.startswith(order[0])))
    (studies.root / order[0]).unlink()
    studies.refresh()
    proposal = strategy({}, studies)
    assert (proposal["id"], proposal["left"]) == (order[1], 23)
    assert strategy({"reviewed": order[1:]}, studies) == {}
    assert strategy({}, studies) == {}


def test_dicom_files_are_found_though_the_gallery_knows_pseudonyms_only(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / "studies"
    write_phantom_cohort(folder, subjects=2, sessions=2, modalities=("CXR",), size=64, format="dicom")
    write_series(folder / "ct")
    studies = StudiesFolder(folder.resolve())
    found = StudyIds().of(studies)
    samples = read_cohort(folder).samples
    assert set(found) == {sample.sample_id for sample in samples}
    assert len(found) == 6
    for sample in samples:
        image = found[sample.sample_id]
        assert sample.sample_id not in image
        if sample.path.is_file():
            assert studies.root / image == sample.path.resolve()
    assert {image for image in found.values() if image.startswith("ct/")} == {"ct/a2.dcm", "ct/b2.dcm"}
    for sample in samples:
        assert StudyIds().sample(studies, sample.sample_id) == sample
    assert StudyIds().sample(studies, "ct/a2.dcm") is None


def write_series(folder):
    """Write two series of two slices into one folder; the second file of each is its first slice."""
    import numpy as np

    folder.mkdir()
    for letter, uid in (("a", "1.2.3.1"), ("b", "1.2.3.2")):
        for number in (1, 2):
            data = make_dicom(
                np.full((8, 8), 100, np.uint8), Modality="CT", SeriesInstanceUID=uid, number=3 - number,
                SOPInstanceUID=f"{uid}.{number}",
            )  # fmt: skip
            data.save_as(folder / f"{letter}{number}.dcm", write_like_original=False)


def test_a_changed_folder_is_read_anew(studies):
    known = StudyIds()
    before = known.of(studies)
    assert known.of(studies) is before
    manifest = studies.root / "manifest.csv"
    manifest.write_text("\n".join(manifest.read_text().splitlines()[:-1]) + "\n")
    assert len(known.of(studies)) == len(before) - 1
