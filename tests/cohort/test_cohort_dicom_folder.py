"""A folder of DICOM files as a cohort."""

import re

import numpy as np
import pytest
from dicom_files import IDENTIFIERS, INSTANCE_UID, SERIES_UID, STUDY_UID, grey8, grey16, rgb8, write_dicom

from reid_engine.cohort import read_cohort
from reid_engine.errors import CohortError
from reid_engine.pseudonym import KEY_FILE_VARIABLE, pseudonym
from reid_engine.scan import read_scan

KEY = b"k" * 32


def put(folder, name, pixels=None, *, number=1, **tags):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_dicom(path, grey8() if pixels is None else pixels, number=number, **tags)


def put_series(folder, count=3, *, first=1, seed=0, **tags):
    for n in range(count):
        put(
            folder, f"IM{first + n:03d}", grey8(seed=seed + n), number=first + n,
            ImagePositionPatient=[0, 0, float(n)], ImageOrientationPatient=[1, 0, 0, 0, 1, 0], **tags,
        )  # fmt: skip


def test_headers_become_columns(tmp_path):
    put(
        tmp_path, "deep/x.dcm", rgb8(), Modality="OP", PatientSex="F", PatientAge="045Y", EthnicGroup="Basque",
        StudyDate="20240531", Manufacturer="Topcon", ManufacturerModelName="NW400", ImageLaterality="R",
        ViewPosition="PA",
    )  # fmt: skip
    (sample,) = read_cohort(tmp_path, key=KEY).samples
    assert sample.path == tmp_path / "deep" / "x.dcm"
    assert (sample.modality, sample.laterality, sample.view, sample.sex, sample.age) == ("CFP", "R", "PA", "F", 45.0)
    assert (sample.ethnicity, sample.acquired, sample.device) == ("Basque", "2024-05-31", "Topcon NW400")
    assert (sample.race, dict(sample.attributes)) == (None, {})


def test_ids_are_keyed_hashes(tmp_path):
    put(tmp_path, "x.dcm")
    (sample,) = read_cohort(tmp_path, key=KEY).samples
    assert sample.subject_id == pseudonym(IDENTIFIERS["PatientID"], KEY)
    assert sample.session_id == pseudonym(STUDY_UID, KEY, prefix="V")
    assert sample.sample_id == pseudonym(f"{INSTANCE_UID}.1", KEY, prefix="I", digits=16)
    assert re.fullmatch(r"S-[0-9A-F]{12}", sample.subject_id)
    told = repr(read_cohort(tmp_path, key=KEY)) + read_cohort(tmp_path, key=KEY).table().to_csv()
    assert not [value for value in (*IDENTIFIERS.values(), STUDY_UID, SERIES_UID, INSTANCE_UID) if value in told]


def test_the_same_patient_keeps_the_pseudonym_over_studies_and_folders(tmp_path):
    put(tmp_path, "a/x.dcm", number=1)
    put(tmp_path, "b/x.dcm", number=2, StudyInstanceUID="1.2.3")
    put(tmp_path, "b/y.dcm", number=3, PatientID="somebody else")
    samples = read_cohort(tmp_path, key=KEY).samples
    assert [s.subject_id == samples[0].subject_id for s in samples] == [True, True, False]
    assert len({s.session_id for s in samples}) == 2
    (alone,) = read_cohort(tmp_path / "a", key=KEY).samples
    assert alone.subject_id == samples[0].subject_id


def test_the_users_key_is_used_without_one(tmp_path, monkeypatch):
    put(tmp_path / "images", "x.dcm")
    monkeypatch.setenv(KEY_FILE_VARIABLE, str(tmp_path / "key"))
    (sample,) = read_cohort(tmp_path / "images").samples
    assert sample.subject_id == pseudonym(IDENTIFIERS["PatientID"], (tmp_path / "key").read_bytes())


def test_the_operator_may_want_the_ids_themselves(tmp_path, monkeypatch):
    put(tmp_path / "images", "x.dcm")
    monkeypatch.setenv(KEY_FILE_VARIABLE, str(tmp_path / "key"))
    (sample,) = read_cohort(tmp_path / "images", pseudonymise=False).samples
    assert (sample.subject_id, sample.session_id) == (IDENTIFIERS["PatientID"], STUDY_UID)
    assert sample.sample_id == f"{INSTANCE_UID}.1"
    assert not (tmp_path / "key").exists()


def test_a_series_of_slices_is_one_sample(tmp_path):
    put_series(tmp_path / "ct", Modality="CT", SeriesInstanceUID="1.2.9")
    put(tmp_path, "chest.dcm", grey16(), number=99, Modality="DX", BodyPartExamined="CHEST")
    chest, series = read_cohort(tmp_path, pseudonymise=False).samples
    assert (chest.modality, chest.path) == ("CXR", tmp_path / "chest.dcm")
    assert (series.sample_id, series.modality, series.path) == ("1.2.9", "CT", tmp_path / "ct")
    assert read_scan(series.path).pixels.shape == (3, 90, 70)


def test_several_series_in_one_folder_are_several_samples(tmp_path):
    put_series(tmp_path, 3, seed=1, Modality="MR", SeriesInstanceUID="1.2.9")
    put_series(tmp_path, 2, first=10, seed=7, Modality="MR", SeriesInstanceUID="1.2.8")
    put(tmp_path, "z.dcm", number=50, Modality="DX")
    samples = read_cohort(tmp_path, pseudonymise=False).samples
    assert [s.sample_id for s in samples] == ["1.2.9", "1.2.8", f"{INSTANCE_UID}.50"]
    shapes = [read_scan(s.path).pixels.shape[0] for s in samples]
    assert shapes == [3, 2, 1]
    np.testing.assert_array_equal(read_scan(samples[1].path).pixels[0], grey8(seed=7) / np.float32(255))
    assert "1.2.8" not in str(samples[1].path)
    assert read_cohort(tmp_path, key=KEY).table()["file"].is_unique


def test_images_of_one_series_that_are_no_slices_stay_apart(tmp_path):
    for number in (1, 2):
        put(tmp_path, f"{number}.dcm", rgb8(), number=number, Modality="OP")
    assert len(read_cohort(tmp_path, key=KEY).samples) == 2


def test_a_series_that_lies_in_two_folders_gives_two_samples(tmp_path):
    put_series(tmp_path / "a", 2, Modality="CT")
    put_series(tmp_path / "b", 2, first=5, Modality="CT")
    samples = read_cohort(tmp_path, key=KEY).samples
    assert len({s.sample_id for s in samples}) == 2
    assert [s.path.name for s in samples] == ["a", "b"]


def test_one_slice_alone_is_a_file(tmp_path):
    put_series(tmp_path / "a", 1, Modality="CT")
    (sample,) = read_cohort(tmp_path, pseudonymise=False).samples
    assert sample.path == tmp_path / "a" / "IM001"
    assert sample.sample_id == f"{INSTANCE_UID}.1"


def test_other_files_are_listed_as_skipped(tmp_path):
    put(tmp_path, "x.dcm")
    put(tmp_path, "mask.dcm", number=2, Modality="SEG")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "notes.txt").write_text("hello")
    (tmp_path / "DICOMDIR").write_bytes((tmp_path / "x.dcm").read_bytes())
    (tmp_path / "link.dcm").symlink_to(tmp_path / "x.dcm")
    broken = bytearray((tmp_path / "x.dcm").read_bytes()[:700])
    broken[300:400] = b"\xff" * 100
    (tmp_path / "broken.dcm").write_bytes(broken)
    cohort = read_cohort(tmp_path, key=KEY)
    assert len(cohort.samples) == 1
    found = dict(line.split(": ") for line in cohort.skipped)
    assert found.pop("broken.dcm") in ("damaged", "holds no image")
    assert found == {
        "DICOMDIR": "not a DICOM image",
        "link.dcm": "a link",
        "mask.dcm": "holds no image",
        "sub/notes.txt": "not a DICOM image",
    }


def test_one_image_twice_and_missing_ids_are_told_together(tmp_path):
    put(tmp_path, "a.dcm", number=1)
    put(tmp_path, "b.dcm", number=1)
    put(tmp_path, "c.dcm", number=3, PatientID="")
    with pytest.raises(CohortError) as caught:
        read_cohort(tmp_path, key=KEY)
    assert caught.value.problems == (
        "b.dcm: is the same image (SOPInstanceUID) as a.dcm; remove one",
        "c.dcm: the header has no PatientID; add a manifest.csv that names the subjects",
    )


def test_a_radiograph_of_unknown_part_is_left_to_the_image(tmp_path):
    put(tmp_path, "x.dcm", Modality="DX")
    put(tmp_path, "y.dcm", number=2, Modality="DX", BodyPartExamined="HAND")
    assert [s.modality for s in read_cohort(tmp_path, key=KEY).samples] == [None, "XR"]


def test_pixels_are_not_read(tmp_path):
    path = put(tmp_path, "x.dcm", grey16(height=400, width=400))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) - 300_000])
    assert len(read_cohort(tmp_path, key=KEY).samples) == 1


def test_a_manifest_goes_before_the_headers(tmp_path):
    put(tmp_path, "x.dcm")
    (tmp_path / "manifest.csv").write_text("file,subject_id\nx.dcm,mine\n")
    (sample,) = read_cohort(tmp_path, key=KEY).samples
    assert (sample.sample_id, sample.subject_id) == ("x.dcm", "mine")


def test_real_files_of_pydicom(tmp_path):
    import shutil
    from pathlib import Path

    import pydicom

    source = Path(pydicom.__file__).parent / "data" / "test_files"
    for name in ("CT_small.dcm", "MR_small.dcm", "rtplan.dcm", "SC_rgb_gdcm_KY.dcm"):
        shutil.copy(source / name, tmp_path)
    cohort = read_cohort(tmp_path, key=KEY)
    assert [s.modality for s in cohort.samples] == ["CT", "MR", None]
    assert cohort.skipped == ("rtplan.dcm: holds no image",)
    assert [read_scan(s.path).modality for s in cohort.samples] == ["CT", "MR", "unknown"]
