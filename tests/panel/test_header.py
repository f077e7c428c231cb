"""The look at DICOM headers: real files, of which only what the Basic Profile lists or what is private is named."""

import logging
from pathlib import Path

import numpy as np
import pytest
from dicom_files import BIG, DEFLATED, IDENTIFIERS, IMPLICIT, LITTLE, SERIES_UID, grey8, make_dicom, save_dicom
from slicer_harness import MODULE
from slicer_harness.driving import wait_until

SECRETS = [
    word
    for value in IDENTIFIERS.values()
    for word in value.replace("^", " ").split()
    if len(word) > 4 and not word.islower()
]


class Database:
    """Slicer's DICOM database, of which there is none outside Slicer: it knows the file of an instance."""

    def __init__(self, files: dict[str, Path], series: str = SERIES_UID) -> None:
        self.files, self.series = {uid: str(path) for uid, path in files.items()}, series

    def fileForInstance(self, uid: str) -> str:
        return self.files.get(uid, "")

    def filesForSeries(self, uid: str) -> list[str]:
        return list(self.files.values()) if uid == self.series else []


def look_at(*paths: Path):
    from ReidentificationRiskLib.header import Look

    look = Look()
    for path in paths:
        look.add(str(path))
    return look


def named(look) -> dict[str, object]:
    return {row.name: row for row in look.findings}


@pytest.fixture(autouse=True)
def library(slicer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the module's library be imported."""
    monkeypatch.syspath_prepend(str(MODULE))


def test_the_table_is_the_whole_one() -> None:
    from ReidentificationRiskLib.basic_profile import attribute, size

    assert size() == 655
    assert attribute(0x0010, 0x0010) == ("Z", "Patient's Name")
    assert attribute(0x0008, 0x0018) == ("U", "SOP Instance UID")
    assert attribute(0x0008, 0x0080) == ("X/Z/D", "Institution Name")
    assert attribute(0x6002, 0x3000) == ("X", "Overlay Data")
    assert attribute(0x5004, 0x0010) == ("X", "Curve Data")
    assert attribute(0x0028, 0x0010) is None  # rows


@pytest.mark.parametrize("syntax", [LITTLE, IMPLICIT, BIG, DEFLATED])
def test_identifiers_are_found_by_name(tmp_path: Path, syntax: str) -> None:
    look = look_at(save_dicom(tmp_path / "a.dcm", make_dicom(grey8(), syntax=syntax)))
    found = named(look)
    assert (look.read, look.unreadable) == (1, 0)
    for name in ("Patient's Name", "Patient ID", "Accession Number", "Institution Name", "Referring Physician's Name",
                 "Operators' Name", "Study ID", "Study Description", "Patient's Address", "Device Serial Number",
                 "Other Patient IDs", "SOP Instance UID", "Media Storage SOP Instance UID"):  # fmt: skip
        assert name in found, name
    assert found["Patient's Name"].values == ("Quasimodo^Esmeralda",)
    assert found["Patient's Name"].tag == "(0010,0010)"
    assert not {"Rows", "Columns", "Pixel Data", "Modality"} & set(found)


def test_emptied_attributes_hold_nothing(tmp_path: Path) -> None:
    emptied = make_dicom(grey8(), PatientName="", PatientID="  ", AccessionNumber=None, OperatorsName="^^")
    found = named(look_at(save_dicom(tmp_path / "a.dcm", emptied)))
    assert not {"Patient's Name", "Patient ID", "Accession Number", "Operators' Name"} & set(found)
    assert "Study ID" in found


def test_sequences_are_looked_into(tmp_path: Path) -> None:
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence

    inner, middle, outer = Dataset(), Dataset(), Dataset()
    inner.PersonName = "Frollo^Claude"
    inner.ContentQualification = "PRODUCT"
    middle.PersonIdentificationCodeSequence = Sequence([inner])
    outer.ContentCreatorIdentificationCodeSequence = Sequence([middle])
    data = make_dicom(grey8())
    data.SharedFunctionalGroupsSequence = Sequence([outer])  # which the profile leaves
    data.RequestAttributesSequence = Sequence([])
    found = named(look_at(save_dicom(tmp_path / "a.dcm", data)))
    path = " › ".join(
        [
            "Shared Functional Groups Sequence",
            "Content Creator's Identification Code Sequence",
            "Person Identification Code Sequence",
        ]
    )
    assert found[path].values == ("(1 item)",)
    assert found[path + " › Person Name"].values == ("Frollo^Claude",)
    assert "Request Attributes Sequence" not in found  # it has no item
    assert "Shared Functional Groups Sequence" not in found


def test_private_attributes_are_counted_by_their_creator(tmp_path: Path) -> None:
    data = make_dicom(grey8())
    block = data.private_block(0x0029, "ACME HEADER", create=True)
    block.add_new(0x10, "LO", "Quasimodo")
    block.add_new(0x11, "OB", b"\1\2\3\4")
    block.add_new(0x12, "LO", "")
    data.add_new((0x0031, 0x1001), "LO", "of nobody")
    found = {row.tag: row for row in look_at(save_dicom(tmp_path / "a.dcm", data)).findings if row.private}
    assert found["(0029,10xx)"].name == "ACME HEADER"
    assert found["(0029,10xx)"].private == 2
    assert found["(0029,10xx)"].values == ("Quasimodo", "(4 bytes)")
    assert (found["(0031,10xx)"].name, found["(0031,10xx)"].private) == ("", 1)


def test_overlays_and_curves_are_found(tmp_path: Path) -> None:
    data = make_dicom(grey8())
    data.add_new((0x6000, 0x3000), "OW", b"\0\1" * 400)
    data.add_new((0x6000, 0x0010), "US", 80)
    data.add_new((0x6004, 0x4000), "LT", "words of Quasimodo")
    data.add_new((0x5000, 0x3000), "OW", b"\1\2")
    found = {row.tag: row.name for row in look_at(save_dicom(tmp_path / "a.dcm", data)).findings}
    assert found["(6000,3000)"] == "Overlay Data"
    assert found["(6004,4000)"] == "Overlay Comments"
    assert found["(5000,3000)"] == "Curve Data"
    assert "(6000,0010)" not in found


def test_what_stands_behind_the_pixels_is_found_without_reading_them(tmp_path: Path) -> None:
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence

    signature = Dataset()
    signature.CertificateOfSigner = b"\1\2"
    data = make_dicom(np.zeros((1200, 1200), np.uint8))  # more than what is read at once
    data.DigitalSignaturesSequence = Sequence([signature])
    assert "Digital Signatures Sequence" in named(look_at(save_dicom(tmp_path / "a.dcm", data)))


def test_several_files_are_one_row_with_their_different_values(tmp_path: Path) -> None:
    files = [
        save_dicom(tmp_path / f"{n}.dcm", make_dicom(grey8(), number=n, AcquisitionTime=f"1200{n:02d}"))
        for n in range(1, 6)
    ]
    found = named(look_at(*files))
    assert found["Patient's Name"].files == 5
    assert len(found["Patient's Name"].values) == 1
    assert found["Acquisition Time"].values == ("120001", "120002", "120003")


@pytest.mark.parametrize(
    ("tags", "sentence"),
    [
        ({"PatientIdentityRemoved": "YES"}, "The header says that the patient's identity was removed."),
        ({"PatientIdentityRemoved": "NO"}, "The header says that the patient's identity was NOT removed."),
        ({}, "The header does not say that the patient's identity was removed."),
        ({"BurnedInAnnotation": "YES"}, "The header says that text is BURNED INTO the pixels: look for names there."),
        ({"BurnedInAnnotation": "NO"}, "The header says that no text is burned into the pixels."),
        ({}, "The header does not say whether text is burned into the pixels: look."),
        ({"RecognizableVisualFeatures": "YES"}, "The header says that the patient could be recognised from the image by eye."),
    ],
)  # fmt: skip
def test_what_a_header_says_of_itself_is_told(tmp_path: Path, tags: dict, sentence: str) -> None:
    from ReidentificationRiskLib.header_words import header_sentences

    assert sentence in header_sentences(look_at(save_dicom(tmp_path / "a.dcm", make_dicom(grey8(), **tags))), 0)


def test_files_that_differ_are_told(tmp_path: Path) -> None:
    from ReidentificationRiskLib.header_words import header_sentences

    files = [
        save_dicom(tmp_path / f"{said}.dcm", make_dicom(grey8(), PatientIdentityRemoved=said, BurnedInAnnotation=said))
        for said in ("YES", "NO")
    ]
    lines = header_sentences(look_at(*files), 3)
    assert "The files differ in what they say of the removal of the patient's identity." in lines
    assert "The files differ in whether text is burned into the pixels: look." in lines
    assert lines[-1] == "2 files were read, 3 are no longer where they were loaded from."


def test_a_clean_file_is_told_clean(tmp_path: Path) -> None:
    from ReidentificationRiskLib.header import Look
    from ReidentificationRiskLib.header_words import header_sentences

    data = make_dicom(grey8())
    for name in IDENTIFIERS:
        delattr(data, name)
    look = look_at(save_dicom(tmp_path / "a.dcm", data))
    assert {row.action for row in look.findings} == {"U"}
    assert header_sentences(Look(), 0) == ["0 files were read."]
    look._found.clear()
    assert header_sentences(look, 0)[0].startswith("No attribute that the Basic Profile")


def test_damaged_files_are_counted_and_no_value_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture
) -> None:
    from ReidentificationRiskLib.header_words import header_sentences

    whole = save_dicom(tmp_path / "whole.dcm", make_dicom(grey8(), PatientBirthDate="19000101")).read_bytes()
    whole = whole.replace(b"19000101", b"Esmerald")  # pydicom would warn of it by its value
    (tmp_path / "whole.dcm").write_bytes(whole)
    (tmp_path / "text.dcm").write_text("Quasimodo is not DICOM")
    (tmp_path / "cut.dcm").write_bytes(whole[:700])
    (tmp_path / "bad.dcm").write_bytes(whole.replace(b"IS\x02\x001 ", b"IS\x02\x00x!"))
    with caplog.at_level(logging.DEBUG):
        look = look_at(*(tmp_path / name for name in ("whole.dcm", "text.dcm", "cut.dcm", "bad.dcm", "gone.dcm")))
    assert look.read + look.unreadable == 5
    assert look.unreadable >= 2
    assert "could not be read" in header_sentences(look, 0)[-1]
    said = caplog.text + "".join(capfd.readouterr())
    assert not [secret for secret in SECRETS if secret in said]
    assert "Esmerald" not in said


def test_a_bottomless_sequence_ends(tmp_path: Path) -> None:
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence

    data = Dataset()
    for _ in range(60):
        outer = Dataset()
        outer.ContentSequence = Sequence([data])
        data = outer
    whole = make_dicom(grey8())
    whole.ContentSequence = Sequence([data])
    assert look_at(save_dicom(tmp_path / "a.dcm", whole)).read == 1


# Where the files of a volume are


@pytest.fixture
def loaded(slicer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Give a volume that was loaded from three DICOM files, as Slicer's DICOM plugin leaves it."""
    files = {}
    for n in (1, 2, 3):
        data = make_dicom(grey8(), number=n)
        files[data.SOPInstanceUID] = save_dicom(tmp_path / f"{n}.dcm", data)
    monkeypatch.setattr(slicer, "dicomDatabase", Database(files), raising=False)
    volume = slicer.util.addVolumeFromArray(np.zeros((3, 40, 40), np.uint8), name="from DICOM")
    volume.SetAttribute("DICOM.instanceUIDs", " ".join(files))
    return volume


def test_files_are_found_by_their_instances(loaded, tmp_path: Path) -> None:
    from ReidentificationRiskLib.header_files import source_of

    assert source_of(loaded) == (True, [str(tmp_path / f"{n}.dcm") for n in (1, 2, 3)], 0)
    (tmp_path / "2.dcm").unlink()
    assert source_of(loaded) == (True, [str(tmp_path / f"{n}.dcm") for n in (1, 3)], 1)


def test_files_are_found_by_their_series(loaded, slicer, tmp_path: Path) -> None:
    from ReidentificationRiskLib.header_files import source_of

    loaded.RemoveAttribute("DICOM.instanceUIDs")
    assert source_of(loaded) == (False, [], 0)
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    hierarchy.SetItemUID(hierarchy.CreateItem(hierarchy.GetSceneItemID(), loaded), "DICOM", SERIES_UID)
    assert source_of(loaded).files == [str(tmp_path / f"{n}.dcm") for n in (1, 2, 3)]


def test_a_single_file_is_found_by_its_storage(slicer, tmp_path: Path) -> None:
    from ReidentificationRiskLib.header_files import source_of
    from slicer_harness.scene import load_volume

    path = save_dicom(tmp_path / "one.dcm", make_dicom(grey8()))
    assert source_of(load_volume(path)) == (True, [str(path)], 0)


def test_other_volumes_did_not_come_from_dicom(slicer, tmp_path: Path) -> None:
    from ReidentificationRiskLib.header_files import source_of

    volume = slicer.util.addVolumeFromArray(np.zeros((1, 40, 40), np.uint8))
    storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
    slicer.mrmlScene.AddNode(storage)
    storage.SetFileName(str(tmp_path / "scan.nrrd"))
    storage.WriteData(volume)
    volume.SetAndObserveStorageNodeID(storage.GetID())
    assert source_of(volume) == (False, [], 0)


def test_without_a_database_it_says_so(loaded, slicer, monkeypatch: pytest.MonkeyPatch) -> None:
    from ReidentificationRiskLib.errors import PanelError
    from ReidentificationRiskLib.header_logic import HeaderLogic

    monkeypatch.delattr(slicer, "dicomDatabase")
    with pytest.raises(PanelError, match="its files are no longer where they were"):
        HeaderLogic().start(loaded)
    with pytest.raises(PanelError, match="did not come from DICOM"):
        HeaderLogic().start(slicer.util.addVolumeFromArray(np.zeros((1, 40, 40), np.uint8)))
    with pytest.raises(PanelError, match="No scan is selected"):
        HeaderLogic().start(None)


def test_the_look_goes_on_between_qts_events_and_can_be_stopped(loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    from ReidentificationRiskLib import header_logic

    monkeypatch.setattr(header_logic, "AT_A_TIME", 0.0001)  # one file at a time
    logic, told, done = header_logic.HeaderLogic(), [], []
    logic.progressed.connect(lambda read, of: told.append((read, of)))
    logic.finished.connect(lambda look, missing: done.append((look.read, missing)))
    logic.start(loaded)
    assert logic.busy
    assert wait_until(lambda: done)
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert done == [(3, 0)]
    assert not logic.busy
    logic.start(loaded)
    logic.cancel()
    assert not wait_until(lambda: len(done) > 1, 0.2)


# In the panel


def cells(table) -> list[list[str]]:
    return [[table.item(i, j).text() for j in range(table.columnCount)] for i in range(table.rowCount)]


def texts(table) -> str:
    return str(cells(table)) + "".join(
        table.item(i, j).toolTip() for i in range(table.rowCount) for j in range(table.columnCount)
    )


def test_the_section_shows_names_and_values_only_where_they_are_wanted(module, ui, loaded) -> None:
    module.enter()
    ui.headerSection.checked = True
    assert not ui.headerTable.isVisibleTo(module.parent)
    ui.headerButton.click()
    assert not ui.headerButton.enabled
    assert wait_until(lambda: ui.headerTable.rowCount)
    assert ["(0010,0010)", "Z", "Patient's Name", ""] in cells(ui.headerTable)
    assert ui.headerTable.isColumnHidden(3)
    assert not [secret for secret in SECRETS if secret in texts(ui.headerTable) + ui.headerSummaryLabel.text]
    assert "3 files were read." in ui.headerSummaryLabel.text
    assert "PS3.15 2026c" in ui.headerNoteLabel.text
    ui.revealCheck.click()
    assert not ui.headerTable.isColumnHidden(3)
    assert ["(0010,0010)", "Z", "Patient's Name", "Quasimodo^Esmeralda"] in cells(ui.headerTable)
    ui.revealCheck.click()
    assert "Quasimodo" not in texts(ui.headerTable)


def test_another_volume_hides_what_was_found(module, ui, loaded, slicer) -> None:
    module.enter()
    ui.headerSection.checked = True
    ui.headerButton.click()
    assert wait_until(lambda: ui.headerTable.rowCount)
    ui.revealCheck.click()
    ui.volumeSelector.setCurrentNode(slicer.util.addVolumeFromArray(np.zeros((1, 40, 40), np.uint8), name="other"))
    assert ui.headerTable.rowCount == 0
    assert not ui.revealCheck.checked
    assert not ui.headerSummaryLabel.isVisibleTo(module.parent)
    ui.headerButton.click()
    assert ui.headerMessageLabel.text == "This volume did not come from DICOM, so it has no DICOM header here."


def test_looking_sends_nothing(module, ui, loaded, server) -> None:
    ui.serverEdit.text = server.address
    module.enter()
    ui.headerButton.click()
    assert wait_until(lambda: ui.headerTable.rowCount)
    assert server.bodies == []


def test_a_look_can_be_cancelled(module, ui, loaded) -> None:
    module.enter()
    ui.headerSection.checked = True
    ui.headerButton.click()
    ui.headerCancelButton.click()
    assert ui.headerButton.enabled
    assert not ui.headerProgressArea.isVisibleTo(module.parent)
    assert not wait_until(lambda: ui.headerTable.rowCount, 0.2)
