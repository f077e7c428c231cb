"""Enrolling twice costs nothing, changes are taken over, and one bad file stops nobody."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from dicom_files import grey16, make_dicom, save_dicom
from galleries import DIM, files_in, named_files
from PIL import Image

from reid_engine.cohort import Cohort, Sample, read_cohort
from reid_engine.encoder.identity import EncoderIdentity
from reid_engine.encoder.stream import Refused
from reid_engine.errors import GalleryError
from reid_engine.matcher import enrolment
from reid_engine.matcher.duplicates import thumbnail
from reid_engine.matcher.enrolment import enrol
from reid_engine.matcher.gallery import Gallery
from reid_engine.phantom import write_phantom_cohort
from reid_engine.scan import read_scan

SAMPLES = 16


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort")
    write_phantom_cohort(folder, subjects=4, sessions=2, modalities=("CFP", "CXR"), size=96, seed=3)
    return folder


@pytest.fixture
def folder(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "cohort"))


@pytest.fixture
def gallery(tmp_path, encoder):
    return Gallery.create(tmp_path / "gallery", encoder.identity)


@pytest.fixture
def passes(encoder, monkeypatch):
    """Count the images that go through the network."""
    counted = []
    perceive = encoder.perceive

    def counting(batch):
        counted.extend([1] * len(batch))
        return perceive(batch)

    monkeypatch.setattr(encoder, "perceive", counting)
    return counted


def manifest(folder):
    return pd.read_csv(folder / "manifest.csv", dtype=str, keep_default_na=False)


def rewrite(folder, change):
    table = manifest(folder)
    changed = change(table)
    (table if changed is None else changed).to_csv(folder / "manifest.csv", index=False)


def test_a_cohort_is_enrolled_with_its_vectors_facts_and_thumbnails(folder, gallery, encoder):
    done = enrol(read_cohort(folder), gallery, encoder)
    assert (done.added, done.skipped, done.replaced, done.updated, done.refused) == (SAMPLES, 0, 0, 0, ())
    opened = Gallery.open(gallery.path, encoder=encoder.identity)
    listed = manifest(folder)
    table = opened.table
    assert table.sample_id.tolist() == listed.file.tolist()
    assert table.subject_id.tolist() == listed.subject_id.tolist()
    assert table.sex.tolist() == listed.sex.tolist()
    for row in (0, SAMPLES - 1):
        scan = read_scan(folder / listed.file[row], modality=listed.modality[row])
        np.testing.assert_allclose(opened.vectors[row], encoder.embed(scan), rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(opened.thumbnails[row], thumbnail(scan))
        assert table.file_digest[row] == scan.file_digest
        assert table.pixel_digest[row] == scan.pixel_digest


def test_a_second_time_nothing_is_decoded_or_embedded_or_committed(folder, gallery, encoder, passes, monkeypatch):
    enrol(read_cohort(folder), gallery, encoder)
    gallery.save_model("m", {"a": np.arange(3)}, {})
    generation = gallery.generation
    passes.clear()
    monkeypatch.setattr("reid_engine.encoder.stream.read_scan", lambda *a, **k: pytest.fail("a file was decoded"))
    done = enrol(read_cohort(folder), gallery, encoder)
    assert (done.added, done.skipped, done.replaced, done.updated) == (0, SAMPLES, 0, 0)
    assert passes == []
    assert gallery.generation == generation
    assert gallery.load_model("m") is not None


def test_a_changed_file_is_replaced_and_only_that_is_embedded(folder, gallery, encoder, passes):
    enrol(read_cohort(folder), gallery, encoder)
    before = gallery.table.set_index("sample_id").file_digest
    name = manifest(folder).file[5]
    image = Image.open(folder / name)
    image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(folder / name)
    passes.clear()
    done = enrol(read_cohort(folder), gallery, encoder)
    assert (done.added, done.skipped, done.replaced) == (0, SAMPLES - 1, 1)
    assert len(passes) <= 16
    after = gallery.table.set_index("sample_id").file_digest
    assert (after != before[after.index]).sum() == 1
    assert after[name] == read_scan(folder / name).file_digest
    assert files_in(gallery.path) == named_files(gallery.path)


def test_a_touched_file_with_the_same_bytes_is_skipped(folder, gallery, encoder):
    enrol(read_cohort(folder), gallery, encoder)
    for file in manifest(folder).file:
        (folder / file).touch()
    assert enrol(read_cohort(folder), gallery, encoder).skipped == SAMPLES


def test_changed_facts_are_taken_over_without_embedding(folder, gallery, encoder, passes):
    enrol(read_cohort(folder), gallery, encoder)
    names = manifest(folder).file

    def change(table):
        table.loc[0, ["sex", "age"]] = ["F" if table.sex[0] == "M" else "M", "99"]
        table.loc[1, "subject_id"] = "corrected"
        table.loc[2, "age"] = ""
        table["ward"] = ["7"] * len(table)

    rewrite(folder, change)
    vectors = {name for name in files_in(gallery.path) if "vectors" in name}
    passes.clear()
    done = enrol(read_cohort(folder), gallery, encoder)
    assert (done.added, done.skipped, done.replaced, done.updated) == (0, SAMPLES, 0, SAMPLES)
    assert passes == []
    assert {name for name in files_in(gallery.path) if "vectors" in name} == vectors
    table = Gallery.open(gallery.path).table.set_index("sample_id")
    assert table.age[names[0]] == 99
    assert table.subject_id[names[1]] == "corrected"
    assert np.isnan(table.age[names[2]])
    assert set(table.ward) == {"7"}
    rewrite(folder, lambda table: table.drop(columns="ward"))
    assert enrol(read_cohort(folder), gallery, encoder).updated == SAMPLES
    assert set(Gallery.open(gallery.path).table.ward) == {None}


def test_another_modality_is_embedded_again(folder, gallery, encoder):
    enrol(read_cohort(folder), gallery, encoder)
    rewrite(folder, lambda table: table.assign(modality=table.modality.replace({"CFP": "SLO"})))
    done = enrol(read_cohort(folder), gallery, encoder)
    assert (done.skipped, done.replaced) == (SAMPLES // 2, SAMPLES // 2)
    assert gallery.modalities == ("CXR", "SLO")


def test_files_that_cannot_be_read_are_listed_and_the_rest_is_enrolled(folder, gallery, encoder):
    names = manifest(folder).file
    (folder / names[3]).write_bytes(b"\x89PNG\r\n\x1a\n but no more")
    (folder / names[9]).write_text("not an image")
    done = enrol(read_cohort(folder), gallery, encoder)
    assert done.added == SAMPLES - 2
    assert [one.position for one in done.refused] == [3, 9]
    assert [one.path for one in done.refused] == [folder / names[3], folder / names[9]]
    for one in done.refused:
        assert isinstance(one, Refused)
        assert one.reason
        assert "\n" not in one.reason
    assert len(Gallery.open(gallery.path)) == SAMPLES - 2


def test_an_enrolled_file_that_vanished_or_broke_stays_enrolled_and_is_reported(folder, gallery, encoder):
    cohort = read_cohort(folder)
    enrol(cohort, gallery, encoder)
    cohort.samples[4].path.unlink()
    cohort.samples[6].path.write_text("not an image")
    done = enrol(cohort, gallery, encoder)
    assert [one.position for one in done.refused] == [4, 6]
    assert len(gallery) == SAMPLES


def test_an_image_whose_modality_nobody_knows_is_refused_in_one_sentence(tmp_path, gallery, encoder):
    noise = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "holiday.png")
    cohort = Cohort(tmp_path, (Sample("holiday.png", tmp_path / "holiday.png", "ann"),))
    done = enrol(cohort, gallery, encoder)
    assert done.added == 0
    assert "the modality cannot be told; give it in the manifest's column `modality`" in done.refused[0].reason


def test_what_the_manifest_leaves_open_comes_from_the_scan_and_stays(tmp_path, gallery, encoder, passes):
    tags = {
        "Modality": "CR",
        "BodyPartExamined": "CHEST",
        "PatientSex": "F",
        "PatientAge": "061Y",
        "ViewPosition": "PA",
    }
    save_dicom(tmp_path / "a.dcm", make_dicom(grey16(), **tags))
    scan = read_scan(tmp_path / "a.dcm")
    bare = Sample("a", tmp_path / "a.dcm", "ann")
    enrol(Cohort(tmp_path, (bare,)), gallery, encoder)
    row = gallery.table.iloc[0]
    assert (row.modality, row["view"], row.sex, row.age) == (scan.modality, "PA", "F", 61)
    assert "__from_scan__" not in gallery.table
    generation = gallery.generation
    assert enrol(Cohort(tmp_path, (bare,)), gallery, encoder).updated == 0
    assert gallery.generation == generation
    told = Sample("a", tmp_path / "a.dcm", "ann", sex="M")
    assert enrol(Cohort(tmp_path, (told,)), gallery, encoder).updated == 1
    assert (gallery.table.sex[0], gallery.table.age[0]) == ("M", 61)
    assert len(passes) == 1


def test_an_interruption_keeps_what_was_committed_and_a_second_run_goes_on(folder, gallery, encoder, monkeypatch):
    monkeypatch.setattr(enrolment, "COMMIT_EVERY", 4)

    def interrupt(done, total, what):
        if what == "embedding" and done == 11:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        enrol(read_cohort(folder), gallery, encoder, batch_size=1, progress=interrupt)
    opened = Gallery.open(gallery.path)
    assert len(opened) == 8
    assert files_in(gallery.path) == named_files(gallery.path)
    done = enrol(read_cohort(folder), opened, encoder)
    assert (done.added, done.skipped) == (SAMPLES - 8, 8)


def test_progress_is_told(folder, gallery, encoder):
    told = []
    enrol(read_cohort(folder), gallery, encoder, progress=lambda done, total, what: told.append((done, total, what)))
    assert (SAMPLES, SAMPLES, "embedding") in told
    assert all(0 < done <= total for done, total, _ in told)
    told.clear()
    enrol(read_cohort(folder), gallery, encoder, progress=lambda done, total, what: told.append((done, total, what)))
    assert told[-1] == (SAMPLES, SAMPLES, "looking for changes")


def test_many_portions_end_in_few_segments(folder, gallery, encoder, monkeypatch):
    monkeypatch.setattr(enrolment, "COMMIT_EVERY", 1)
    enrol(read_cohort(folder), gallery, encoder)
    assert len([name for name in files_in(gallery.path) if "vectors" in name]) == 1


def test_another_encoder_is_refused_before_anything_is_read(folder, tmp_path, encoder, passes):
    other = Gallery.create(tmp_path / "other", EncoderIdentity("another", DIM, "cd" * 32))
    with pytest.raises(GalleryError, match="made with the encoder another"):
        enrol(read_cohort(folder), other, encoder)
    assert passes == []


def test_another_subjects_image_under_the_same_name_is_not_overwritten(folder, gallery, encoder, tmp_path):
    enrol(read_cohort(folder), gallery, encoder)
    name = manifest(folder).file[0]
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (96, 96), dtype=np.uint8)).save(tmp_path / "x.png")
    cohort = Cohort(tmp_path, (Sample(name, tmp_path / "x.png", "somebody-else", modality="CXR"),))
    done = enrol(cohort, gallery, encoder)
    assert (done.added, done.replaced) == (0, 0)
    assert "another subject's image is enrolled under this name" in done.refused[0].reason
    assert gallery.table.subject_id[0] == manifest(folder).subject_id[0]


def test_two_cohorts_share_a_gallery(folder, gallery, encoder, tmp_path):
    enrol(read_cohort(folder), gallery, encoder)
    write_phantom_cohort(tmp_path / "more", subjects=2, sessions=1, modalities=("OCT",), size=96, seed=9)
    rewrite(tmp_path / "more", lambda t: t.assign(subject_id="other-" + t.subject_id, clinic="north"))
    done = enrol(read_cohort(tmp_path / "more"), gallery, encoder)
    assert (done.added, done.skipped, len(gallery)) == (2, 0, SAMPLES + 2)
    assert gallery.table.clinic.tolist() == [None] * SAMPLES + ["north"] * 2
    assert enrol(read_cohort(folder), gallery, encoder).updated == 0


def test_real_images_are_enrolled_and_found_again(shared_data, gallery, encoder):
    """Every image of a real cohort, as a new scan, is found as itself."""
    cohort = read_cohort(shared_data / "nih_cxr_native")
    done = enrol(cohort, gallery, encoder)
    assert done.added == len(cohort.samples) == 40
    from reid_engine.matcher.backend import fit_backend
    from reid_engine.matcher.index import Index

    backend = fit_backend("whitened", gallery.vectors)
    index = Index(backend.transform(gallery.vectors))
    for place in (0, 17, 39):
        scan = read_scan(cohort.samples[place].path, modality="CXR")
        similarities, positions = index.search(backend.transform(encoder.embed(scan)[None]), 2)
        assert positions[0, 0] == place
        assert similarities[0, 0] > 0.999 > similarities[0, 1]
