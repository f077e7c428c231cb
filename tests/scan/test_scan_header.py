"""What a DICOM header tells of a scan, and what it must not."""

import dataclasses
import warnings

import numpy as np
import pytest
from dicom_files import (
    IDENTIFIERS,
    INSTANCE_UID,
    SERIES_UID,
    STUDY_UID,
    grey8,
    grey16,
    make_dicom,
    rgb8,
    save_dicom,
    write_dicom,
)

from reid_engine.errors import ScanError
from reid_engine.scan import MODALITIES, read_scan


def coded(value):
    from pydicom.dataset import Dataset

    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "SCT", "some words"
    return [item]


def read(tmp_path, pixels=None, **tags):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = write_dicom(tmp_path / "x.dcm", grey16() if pixels is None else pixels, **tags)
    return read_scan(path)


@pytest.mark.parametrize(
    ("tags", "age"),
    [
        ({"PatientAge": "045Y"}, 45.0),
        ({"PatientAge": "018M"}, 1.5),
        ({"PatientAge": "026W"}, 0.5),
        ({"PatientAge": "010D"}, 0.03),
        ({"PatientBirthDate": "19800630", "StudyDate": "20200630"}, 40.0),
        ({"PatientBirthDate": "19800630", "AcquisitionDate": "20101229"}, 30.5),
        ({"PatientAge": "033Y", "PatientBirthDate": "19000101", "StudyDate": "20200101"}, 33.0),
        ({"PatientAge": "000Y"}, None),
        ({"PatientAge": "45"}, None),
        ({"PatientAge": "old"}, None),
        ({"PatientBirthDate": "20300101", "StudyDate": "20200101"}, None),
        ({"PatientBirthDate": "18000101", "StudyDate": "20200101"}, None),
        ({"PatientBirthDate": "19801399", "StudyDate": "20200101"}, None),
        ({}, None),
    ],
)
def test_age_in_years(tmp_path, tags, age):
    assert read(tmp_path, **tags).facts.get("age") == pytest.approx(age)


@pytest.mark.parametrize(
    ("tags", "facts"),
    [
        ({"PatientSex": "F"}, {"sex": "F"}),
        ({"PatientSex": "m"}, {"sex": "M"}),
        ({"PatientSex": "O"}, {}),
        ({"EthnicGroup": "Basque"}, {"ethnicity": "Basque"}),
        ({"AcquisitionDate": "20240229", "StudyDate": "20240101"}, {"acquired": "2024-02-29"}),
        ({"StudyDate": "20240101"}, {"acquired": "2024-01-01"}),
        ({"StudyDate": "2024.01.02"}, {"acquired": "2024-01-02"}),
        ({"StudyDate": "20240230"}, {}),
        ({"Manufacturer": "Lumière ", "ManufacturerModelName": "Projecteur 2"}, {"device": "Lumière Projecteur 2"}),
        ({"Manufacturer": "Topcon", "ManufacturerModelName": "Topcon"}, {"device": "Topcon"}),
        ({"ManufacturerModelName": "M\n" + "x" * 100}, {"device": "M" + "x" * 63}),
    ],
)
def test_facts(tmp_path, tags, facts):
    assert dict(read(tmp_path, SpecificCharacterSet="ISO_IR 192", **tags).facts) == facts


@pytest.mark.parametrize(
    ("pixels", "tags", "modality"),
    [
        (grey16(), {"Modality": "CT"}, "CT"),
        (grey16(), {"Modality": "MR"}, "MR"),
        (grey16(), {"Modality": "OPT"}, "OCT"),
        (grey16(), {"Modality": "MG"}, "MG"),
        (rgb8(), {"Modality": "OP"}, "CFP"),
        (grey8(), {"Modality": "OP", "SeriesDescription": "FAF 30 degrees"}, "FAF"),
        (grey8(), {"Modality": "OP", "SeriesDescription": "Fluorescein angiography"}, "FA"),
        (grey8(), {"Modality": "OP", "AcquisitionDeviceTypeCodeSequence": coded("392001008")}, "SLO"),
        (grey16(), {"Modality": "DX", "BodyPartExamined": "CHEST"}, "CXR"),
        (grey16(), {"Modality": "CR", "BodyPartExamined": "thorax pa"}, "CXR"),
        (grey16(), {"Modality": "DX", "AnatomicRegionSequence": coded("51185008")}, "CXR"),
        (grey16(), {"Modality": "DX", "SeriesDescription": "Chest PA"}, "CXR"),
        (grey16(), {"Modality": "DX", "BodyPartExamined": "HAND", "SeriesDescription": "not the chest"}, "XR"),
        (grey16(), {"Modality": "RG"}, "XR"),
    ],
)
def test_modality_of_the_header(tmp_path, pixels, tags, modality):
    scan = read(tmp_path, pixels, **tags)
    assert (scan.modality, scan.modality_source, scan.modality_confidence) == (modality, "header", 1.0)
    assert modality in MODALITIES


@pytest.mark.parametrize("tags", [{}, {"Modality": "OT"}, {"Modality": "OP"}, {"Modality": "rubbish"}])
def test_a_header_that_does_not_say_leaves_it_to_the_image(tmp_path, tags):
    scan = read(tmp_path, **tags)
    assert (scan.modality, scan.modality_source, scan.modality_confidence) == ("unknown", "none", 0.0)


def test_a_radiograph_of_nothing_stated_is_a_chest_when_it_looks_like_one(tmp_path, shared_data):
    from PIL import Image

    chest = np.asarray(Image.open(shared_data / "nih_cxr" / "00000001_000.jpg").convert("L"))
    scan = read(tmp_path, chest, Modality="DX")
    assert (scan.modality, scan.modality_source) == ("CXR", "image")


def test_the_caller_decides(tmp_path):
    path = write_dicom(tmp_path / "x.dcm", grey16(), Modality="MR")
    scan = read_scan(path, modality=" oct ")
    assert (scan.modality, scan.modality_source, scan.modality_confidence) == ("OCT", "caller", 1.0)
    with pytest.raises(ScanError, match="'eeg' is not known; use one of CFP, OCT"):
        read_scan(path, modality="eeg")
    assert read_scan(path, modality="").modality == "MR"


@pytest.mark.parametrize(
    ("tags", "laterality"),
    [
        ({"ImageLaterality": "R"}, "R"),
        ({"Laterality": "L"}, "L"),
        ({"ImageLaterality": "B"}, None),
        ({"ImageLaterality": "L", "Laterality": "R"}, None),
        ({}, None),
    ],
)
def test_laterality(tmp_path, tags, laterality):
    assert read(tmp_path, **tags).laterality == laterality


@pytest.mark.parametrize(
    ("tags", "view"),
    [
        ({"ViewPosition": "PA"}, "PA"),
        ({"ViewPosition": "ap"}, "AP"),
        ({"ViewCodeSequence": coded("399348003")}, "AP"),
        ({"ViewCodeSequence": coded("R-10214")}, "PA"),
        ({"ViewPosition": "dear Mr. Q, <b>"}, None),
        ({}, None),
    ],
)
def test_view(tmp_path, tags, view):
    assert read(tmp_path, **tags).view == view


@pytest.mark.parametrize(
    ("tags", "spacing"),
    [
        ({"PixelSpacing": [0.5, 0.25], "SliceThickness": 4}, (4.0, 0.5, 0.25)),
        ({"PixelSpacing": [0.5, 0.25], "SliceThickness": 4, "SpacingBetweenSlices": -5}, (5.0, 0.5, 0.25)),
        ({"ImagerPixelSpacing": [0.1, 0.2]}, (1.0, 0.1, 0.2)),
        ({"PixelSpacing": [0, 0.25]}, None),
        ({}, None),
    ],
)
def test_spacing(tmp_path, tags, spacing):
    assert read(tmp_path, **tags).spacing == spacing


def test_nothing_that_names_the_patient_is_in_a_scan(tmp_path, caplog, capfd):
    data = make_dicom(
        rgb8(), Modality="OP", PatientSex="F", PatientAge="045Y", EthnicGroup="Basque", StudyDate="20240101",
        Manufacturer="Topcon", ImageLaterality="L", ViewPosition="PA",
    )  # fmt: skip
    scan = read_scan(save_dicom(tmp_path / "x.dcm", data))
    fields = {field.name: getattr(scan, field.name) for field in dataclasses.fields(scan)}
    told = repr(scan) + repr(fields) + repr(dict(scan.facts))
    secrets = [*IDENTIFIERS.values(), STUDY_UID, SERIES_UID, INSTANCE_UID]
    secrets += [part for value in IDENTIFIERS.values() for part in value.replace("^", " ").split() if len(part) > 3]
    assert not [secret for secret in secrets if secret in told]
    assert set(scan.facts) == {"sex", "age", "ethnicity", "acquired", "device"}
    assert not caplog.records
    assert "".join(capfd.readouterr()) == ""


def test_facts_cannot_be_changed(tmp_path):
    scan = read(tmp_path, PatientSex="F")
    with pytest.raises(TypeError):
        scan.facts["sex"] = "M"
    with pytest.raises(dataclasses.FrozenInstanceError):
        scan.modality = "CT"


def test_unreadable_values_are_left_out(tmp_path):
    path = write_dicom(
        tmp_path / "x.dcm", grey16(), PatientAge="045Y", PatientSex="F", PixelSpacing=[0.5, 0.5], StudyDate="20240101"
    )
    data = path.read_bytes()
    for good, bad in ((b"045Y", b"\xff\xfe??"), (b"20240101", b"later..!"), (b"0.5\\0.5", b"a.b\\c.d")):
        assert good in data
        data = data.replace(good, bad)
    path.write_bytes(data)
    scan = read_scan(path)
    assert (dict(scan.facts), scan.spacing) == ({"sex": "F"}, None)
