"""What would lower the risk: the trial, its table and pictures, and copies in the real scene."""

import json
import threading
from pathlib import Path

import numpy as np
import pytest
from slicer_harness.driving import Answering, wait_until
from slicer_harness.fake_measures import MEASURES, darkened, measures_info, measures_server, sample_measures, sent_parts
from slicer_harness.fake_server import FakeServer
from slicer_harness.samples import sample_report


@pytest.fixture
def server():
    """Give a server that tries measures and makes copies."""
    with measures_server(report=sample_report()) as running:
        yield running


def logic_of(module):
    return next(s for s in module.panel.sections if type(s).__name__ == "MeasuresSection").measures


def press(module, button, server=None) -> None:
    if server is not None:
        module.panel.ui.serverEdit.text = server.address
    with Answering("Agree and send"):
        button.click()
    assert wait_until(lambda: not logic_of(module).busy)


def cells(table) -> list[list[str]]:
    return [[table.item(i, j).text() for j in range(table.columnCount)] for i in range(table.rowCount)]


def images(slicer) -> list[str]:
    return sorted(node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLVolumeNode"))


def test_measures_are_listed_with_their_price(module, ui, server, volume) -> None:
    ui.measuresSection.checked = True
    for hidden in (ui.measuresTable, ui.copyButton, ui.measureLabel, ui.previewArea, ui.uselessLabel):
        assert not hidden.isVisibleTo(module.parent)
    press(module, ui.tryMeasuresButton, server)
    assert ui.measuresMessageLabel.text == ""
    assert cells(ui.measuresTable) == [
        ["as it is", "87 %", "", "", ""],
        ["header-only", "87 %", "NOT lower", "1.00", "–"],
        ["blur", "31 %", "lower", "0.91", "31.3"],
        ["crop", "–", "not known", "–", "–"],
    ]
    assert ui.measuresBeforeLabel.text == "As it is: high, 87 % (78 to 93 %)."
    assert ui.uselessLabel.text == "Does NOT lower the risk here: header-only."
    assert "attacker" in ui.measureCaveatsLabel.text
    assert not ui.copyButton.enabled  # no row is selected
    (request,) = server.asked[1:]
    assert request == f"/infer/{MEASURES}?output=json"


def test_a_row_shows_its_picture_and_says_plainly_what_it_does(module, ui, server, volume) -> None:
    ui.measuresSection.checked = True
    press(module, ui.tryMeasuresButton, server)
    ui.measuresTable.selectRow(2)
    assert ui.measureLabel.text == (
        "Blur: 31 % (20 to 44 %), elevated. This lowers the evidence for the subject that the scan resembled most. "
        "Likeness to the scan: SSIM 0.91, PSNR 31.3 dB."
    )
    for shown in (ui.previewBefore, ui.previewAfter):
        assert shown.isVisibleTo(module.parent)
        assert (shown.pixmap.width(), shown.pixmap.height()) == (128, 96)
    ui.measuresTable.selectRow(1)
    assert "This does NOT lower the risk: the subject is recognised as well as before." in ui.measureLabel.text
    assert "The pixels stay as they are." in ui.measureLabel.text
    ui.measuresTable.selectRow(3)
    assert "Whether this lowers the risk is not known." in ui.measureLabel.text
    assert "no longer looks like the enrolled images" in ui.measureLabel.text
    assert "64 % of the pixels are left." in ui.measureLabel.text
    ui.measuresTable.selectRow(0)
    assert not ui.measureLabel.isVisibleTo(module.parent)
    assert not ui.copyButton.enabled


def test_a_copy_is_a_new_volume_in_the_same_place_without_a_header(module, ui, slicer, server, volume) -> None:
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    study = hierarchy.CreateStudyItem(hierarchy.GetSceneItemID(), "study")
    hierarchy.SetItemParent(hierarchy.CreateItem(study, volume), study)
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    volume.SetAndObserveTransformNodeID(transform.GetID())
    volume.SetAttribute("DICOM.instanceUIDs", "1.2.3")
    volume.SetSpacing(0.5, 0.7, 2.0)
    volume.CreateDefaultDisplayNodes()
    volume.GetDisplayNode().SetAutoWindowLevel(False)
    volume.GetDisplayNode().SetWindowLevel(900.0, 400.0)
    before = slicer.util.arrayFromVolume(volume).copy()

    press(module, ui.tryMeasuresButton, server)
    ui.measuresTable.selectRow(2)
    press(module, ui.copyButton)
    (copy,) = [n for n in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") if n is not volume]
    assert copy.GetName() == "De-risked copy (blur)"
    assert np.array_equal(slicer.util.arrayFromVolume(copy), before // 2)
    assert np.allclose(slicer.util.arrayFromVolume(volume), before)
    assert np.allclose(copy.GetSpacing(), volume.GetSpacing())
    for axis in range(3):
        assert np.allclose(copy.GetOrigin()[axis], volume.GetOrigin()[axis])
    assert copy.GetTransformNodeID() == transform.GetID()
    assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(copy)) == study
    assert not copy.GetAttribute("DICOM.instanceUIDs")
    assert copy.GetStorageNode() is None
    assert (copy.GetDisplayNode().GetWindow(), copy.GetDisplayNode().GetLevel()) == (900.0, 400.0)
    assert slicer.app.applicationLogic().GetSelectionNode().GetActiveVolumeID() == copy.GetID()
    assert "'De-risked copy (blur)' is in the scene" in ui.measuresMessageLabel.text
    assert "values beyond the display window are cut to its ends" in ui.measuresMessageLabel.text
    assert module.panel.logic.volume is volume
    params, sent = sent_parts(*server.bodies[-1])
    assert params == {"window": [400.0, 900.0], "measures": ["blur"]}
    assert b"DOE" not in sent

    press(module, ui.copyButton)
    assert images(slicer)[-1] == "De-risked copy (blur)_1"


def test_a_colour_scan_has_a_colour_copy(module, ui, slicer, server) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (1, 40, 50, 3), np.uint8)
    volume = slicer.util.addVolumeFromArray(pixels, name="fundus", nodeClassName="vtkMRMLVectorVolumeNode")
    module.enter()
    press(module, ui.tryMeasuresButton, server)
    ui.measuresTable.selectRow(2)
    press(module, ui.copyButton)
    (copy,) = [n for n in slicer.util.getNodesByClass("vtkMRMLVectorVolumeNode") if n is not volume]
    assert np.array_equal(slicer.util.arrayFromVolume(copy), pixels // 2)


def test_a_copy_without_the_header_needs_no_server(module, ui, slicer, volume) -> None:
    volume.SetAttribute("DICOM.instanceUIDs", "1.2.3")
    volume.SetSpacing(0.5, 0.7, 2.0)
    ui.serverEdit.text = ""
    ui.plainCopyButton.click()
    (copy,) = [n for n in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") if n is not volume]
    assert copy.GetName() == "De-risked copy (header-only)"
    assert np.array_equal(slicer.util.arrayFromVolume(copy), slicer.util.arrayFromVolume(volume))
    assert copy.GetSpacing() == (0.5, 0.7, 2.0)
    assert ui.measuresMessageLabel.text.endswith("The scan itself is as it was.")
    assert not copy.GetAttribute("DICOM.instanceUIDs")
    slicer.util.arrayFromVolume(copy)[:] = 0
    assert slicer.util.arrayFromVolume(volume).any()  # they share no pixels


def test_the_row_of_the_header_makes_its_copy_here_as_well(module, ui, slicer, server, volume) -> None:
    press(module, ui.tryMeasuresButton, server)
    asked = len(server.asked)
    ui.measuresTable.selectRow(1)
    press(module, ui.copyButton)
    assert images(slicer)[-1] == "De-risked copy (header-only)"
    assert len(server.asked) == asked


def test_nothing_is_sent_without_consent(module, ui, server, volume) -> None:
    ui.serverEdit.text = server.address
    with Answering("Do not send"):
        ui.tryMeasuresButton.click()
    assert server.bodies == []
    logic = logic_of(module)
    said = []
    logic.failed.connect(said.append)
    logic.try_measures()
    assert said == ["Nothing was sent: sending scans to this address was not agreed to."]
    assert ui.measuresMessageLabel.text == "⚠ " + said[0]


def test_what_the_measures_did_goes_with_the_scan(module, ui, slicer, server, volume) -> None:
    press(module, ui.tryMeasuresButton, server)
    slicer.util.updateVolumeFromArray(volume, np.ones((1, 40, 40), np.int16))
    assert logic_of(module).document is None
    press(module, ui.tryMeasuresButton)
    ui.volumeSelector.setCurrentNode(slicer.util.addVolumeFromArray(np.zeros((1, 40, 40), np.uint8), name="other"))
    assert logic_of(module).document is None
    ui.volumeSelector.setCurrentNode(volume)
    press(module, ui.tryMeasuresButton)
    slicer.mrmlScene.Clear(0)
    assert logic_of(module).document is None
    assert not ui.tryMeasuresButton.enabled
    assert not ui.plainCopyButton.enabled


def test_cancel_ends_a_trial_and_a_copy(module, ui, slicer, volume, tmp_path: Path) -> None:
    released = threading.Event()
    with FakeServer(lambda handler: released.wait(10), info=measures_info()) as server:
        ui.measuresSection.checked = True
        ui.serverEdit.text = server.address
        with Answering("Agree and send"):
            ui.tryMeasuresButton.click()
        assert wait_until(lambda: server.bodies)
        assert ui.measuresProgressArea.isVisibleTo(module.parent)
        assert not ui.tryMeasuresButton.enabled
        ui.measuresCancelButton.click()
        assert not logic_of(module).busy
        assert ui.measuresMessageLabel.text == "Cancelled. Nothing was kept."
        logic_of(module).make_copy("blur")
        assert wait_until(lambda: len(server.bodies) == 2)
        ui.copyCancelButton.click()
        assert not logic_of(module).busy
        released.set()
    assert images(slicer) == [volume.GetName()]
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"schema": "reid-measures/2"}, "bring the server and this panel to the same version"),
        ({"schema": "reid-measures/1", "before": {}, "measures": [], "caveats": {}}, "no proper 'caveats'"),
        (b"<html>", "is not a re-identification risk server"),
    ],
)
def test_a_strange_answer_is_one_sentence(module, ui, volume, body, words: str) -> None:
    with FakeServer(body, info=measures_info()) as server:
        press(module, ui.tryMeasuresButton, server)
    assert words in ui.measuresMessageLabel.text
    assert logic_of(module).document is None


def test_strange_values_and_pictures_are_shown_as_unknown(module, ui, volume) -> None:
    document = sample_measures(pictures=False)
    document["measures"][0].update(measure=None, ssim="x", lowers="y", preview="not base64", p_reidentified=True)
    document["measures"][1].update(preview="aGVsbG8=", level=7)
    with measures_server(document) as server:
        press(module, ui.tryMeasuresButton, server)
    assert cells(ui.measuresTable)[1] == ["–", "–", "not known", "–", "–"]
    ui.measuresTable.selectRow(2)
    assert not ui.previewArea.isVisibleTo(module.parent)


def test_evidence_that_falls_while_the_chance_rises_is_no_lower_risk(module, ui, volume) -> None:
    document = sample_measures(pictures=False)
    document["measures"][1].update(p_reidentified=0.91)
    with measures_server(document) as server:
        press(module, ui.tryMeasuresButton, server)
    assert cells(ui.measuresTable)[2][:3] == ["blur", "91 %", "NOT lower"]
    assert ui.uselessLabel.text == "Does NOT lower the risk here: header-only, blur."
    ui.measuresTable.selectRow(2)
    assert "another subject is recognised in the place of the first" in ui.measureLabel.text


def test_why_nothing_is_known_is_told(module, ui, volume) -> None:
    document = sample_measures(pictures=False)
    document["before"].update(level="unknown", p_reidentified=None, ci95=None, reason="Too few are enrolled.")
    with measures_server(document) as server:
        press(module, ui.tryMeasuresButton, server)
    assert ui.measuresBeforeLabel.text == "As it is: unknown, chance not known. Too few are enrolled."


def test_a_copy_that_is_no_image_adds_nothing(module, ui, slicer, server, volume, tmp_path: Path) -> None:
    from ReidentificationRiskLib.derisked import add_made_copy
    from ReidentificationRiskLib.errors import PanelError

    (tmp_path / "copy.nii.gz").write_bytes(b"\x1f\x8bnothing")
    with pytest.raises(PanelError, match="cannot read the image"):
        add_made_copy(volume, str(tmp_path / "copy.nii.gz"), "blur")
    assert images(slicer) == [volume.GetName()]


def test_a_server_without_measures_is_told(module, ui, volume) -> None:
    with FakeServer(sample_report(), info={"name": "old", "models": ["reidentification_risk"]}) as server:
        ui.serverEdit.text = server.address
        with Answering("Agree and send"):
            ui.checkButton.click()
        assert wait_until(lambda: not module.panel.logic.busy)
    assert not ui.tryMeasuresButton.enabled
    assert ui.measuresMessageLabel.text == "This server cannot try measures: a newer one can."
    assert ui.plainCopyButton.enabled
    module.panel.logic.connection.move("http://127.0.0.1:1")  # of which nothing is known
    assert ui.measuresMessageLabel.text == ""
    assert ui.tryMeasuresButton.enabled


def test_the_made_file_is_as_the_contract_says(slicer, tmp_path: Path) -> None:
    """The stand-in for the server makes what the real one does: a NIfTI file on the same grid."""
    volume = slicer.util.addVolumeFromArray(np.arange(60, dtype=np.int16).reshape(1, 6, 10))
    storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
    storage.SetFileName(str(tmp_path / "scan.nrrd"))
    storage.WriteData(volume)
    assert darkened((tmp_path / "scan.nrrd").read_bytes())[:2] == b"\x1f\x8b"
    assert json.dumps(sample_measures())  # plain values only
