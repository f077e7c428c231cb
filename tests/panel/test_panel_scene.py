"""The panel and the scene: what is saved with it, and what happens when it changes under a check."""

import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from slicer_harness.driving import Answering, open_module, wait_until
from slicer_harness.fake_server import FakeServer
from slicer_harness.samples import sample_report


@pytest.fixture
def slow_server():
    """Give a server that takes a scan and does not answer."""
    released = threading.Event()
    with FakeServer(lambda handler: released.wait(20)) as server:
        yield server
        released.set()


def begin(module, server) -> None:
    module.panel.ui.serverEdit.text = server.address
    with Answering("Agree and send"):
        module.panel.ui.checkButton.click()
    assert wait_until(lambda: server.bodies)


def finish(module, server) -> None:
    begin(module, server)
    assert wait_until(lambda: not module.panel.logic.busy)
    assert module.panel.report is not None


def test_closing_the_scene_cancels(module, ui, slicer, slow_server, volume) -> None:
    begin(module, slow_server)
    slicer.mrmlScene.Clear(0)
    assert not module.panel.logic.busy
    assert ui.volumeSelector.currentNode() is None
    assert ui.checkButton.enabled
    assert not ui.progressArea.isVisibleTo(module.parent)


def test_removing_the_scan_cancels(module, ui, slicer, slow_server, volume) -> None:
    begin(module, slow_server)
    slicer.mrmlScene.RemoveNode(volume)
    assert not module.panel.logic.busy
    assert ui.messageLabel.text == "Cancelled. Nothing was kept."


def test_removing_something_else_does_not(module, slicer, slow_server, volume) -> None:
    other = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "other")
    begin(module, slow_server)
    slicer.mrmlScene.RemoveNode(other)
    assert module.panel.logic.busy


def test_leaving_the_module_for_good_cancels(module, slow_server, volume, tmp_path: Path) -> None:
    begin(module, slow_server)
    logic = module.panel.logic
    module.cleanup()
    assert not logic.busy
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_cleaned_up_panel_observes_nothing(module, slicer, volume) -> None:
    panel = module.panel
    module.cleanup()
    assert panel.Observations == []
    assert panel.logic.Observations == []
    slicer.mrmlScene.Clear(0)


def test_a_result_belongs_to_the_scan_that_was_checked(module, ui, slicer, server, volume) -> None:
    other = slicer.util.addVolumeFromArray(np.zeros((1, 40, 40), np.uint8), name="other")
    ui.volumeSelector.setCurrentNode(volume)
    finish(module, server)
    ui.volumeSelector.setCurrentNode(other)
    assert module.panel.report is None
    assert not ui.resultArea.isVisibleTo(module.parent)


def test_a_result_goes_when_the_pixels_or_the_modality_change(module, ui, slicer, server, volume) -> None:
    finish(module, server)
    slicer.util.updateVolumeFromArray(volume, np.ones((1, 40, 40), np.int16))
    assert module.panel.report is None
    finish(module, server)
    ui.modalityCombo.setCurrentIndex(ui.modalityCombo.findData("MR"))
    assert module.panel.report is None


def test_choices_come_back_with_a_saved_scene(module, ui, slicer, volume, tmp_path: Path) -> None:
    second = slicer.util.addVolumeFromArray(np.zeros((1, 40, 40), np.uint8), name="second")
    ui.volumeSelector.setCurrentNode(second)
    ui.modalityCombo.setCurrentIndex(ui.modalityCombo.findData("OCT"))
    ui.explainCheck.setChecked(True)
    ui.opacitySlider.setValue(35)
    ui.serverEdit.text = "http://10.9.8.7:8000"
    ui.serverEdit.editingFinished.emit()
    for node in (volume, second):
        storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
        storage.SetFileName(str(tmp_path / f"{node.GetID()}.nrrd"))
        slicer.mrmlScene.AddNode(storage)
        storage.WriteData(node)
        node.SetAndObserveStorageNodeID(storage.GetID())
    slicer.mrmlScene.SetURL(str(tmp_path / "saved.mrml"))
    slicer.mrmlScene.SetRootDirectory(str(tmp_path))
    assert slicer.mrmlScene.Commit()
    assert "10.9.8.7" not in (tmp_path / "saved.mrml").read_text()  # a scene must not say where scans go

    slicer.mrmlScene.Clear(0)
    assert ui.volumeSelector.currentNode() is None
    assert ui.modalityCombo.currentText == "Automatic"
    assert not ui.explainCheck.checked
    assert ui.opacitySlider.value == 50
    assert slicer.mrmlScene.Connect()
    assert ui.explainCheck.checked
    assert ui.opacitySlider.value == 35
    assert ui.volumeSelector.currentNode().GetName() == "second"
    assert ui.modalityCombo.itemData(ui.modalityCombo.currentIndex) == "OCT"


def test_the_only_volume_is_chosen_and_of_several_the_active_one(module, ui, slicer) -> None:
    first = slicer.util.addVolumeFromArray(np.zeros((1, 40, 40), np.uint8), name="first")
    module.enter()
    assert ui.volumeSelector.currentNode() is first
    slicer.mrmlScene.Clear(0)
    volumes = [slicer.util.addVolumeFromArray(np.zeros((1, 40, 40), np.uint8)) for _ in range(3)]
    module.enter()
    assert ui.volumeSelector.currentNode() is None
    slicer.app.applicationLogic().GetSelectionNode().SetActiveVolumeID(volumes[1].GetID())
    module.enter()
    assert ui.volumeSelector.currentNode() is volumes[1]


def test_label_maps_are_not_offered(module, ui, slicer) -> None:
    slicer.util.addVolumeFromArray(np.zeros((1, 40, 40), np.uint8), nodeClassName="vtkMRMLLabelMapVolumeNode")
    module.enter()
    assert ui.volumeSelector.nodeCount() == 0
    assert ui.volumeSelector.currentNode() is None


def test_the_address_is_remembered_between_sessions(module, ui, slicer, volume, server) -> None:
    finish(module, server)
    module.cleanup()
    again = open_module()
    assert again.panel.ui.serverEdit.text == server.address
    assert again.panel.ui.agreementLabel.text == "You agreed to send scans here."
    again.cleanup()
    again.parent.deleteLater()


def test_damaged_settings_ask_again(module, ui, server, volume) -> None:
    import qt

    for damaged in ("{", "7", '{"a": 1}', "[1, null]"):
        qt.QSettings().setValue("ReidentificationRisk/AgreedAddresses", damaged)
        assert not module.panel.logic.settings.has_agreed(server.address)


def test_folders_of_a_killed_slicer_are_removed(slicer, tmp_path: Path) -> None:
    import os
    import time

    from ReidentificationRiskLib.export import LEFT_BEHIND, PREFIX, remove_left_behind

    temporary = tmp_path / "temporary"
    for name in (PREFIX + "old", PREFIX + "new", "other"):
        (temporary / name).mkdir()
        (temporary / name / "scan.nrrd").write_bytes(b"pixels")
    long_ago = time.time() - LEFT_BEHIND - 60
    os.utime(temporary / (PREFIX + "old"), (long_ago, long_ago))
    os.utime(temporary / "other", (long_ago, long_ago))
    remove_left_behind()
    assert sorted(path.name for path in temporary.iterdir()) == ["other", PREFIX + "new"]
    for name in ("other", PREFIX + "new"):
        (temporary / name / "scan.nrrd").unlink()
        (temporary / name).rmdir()


def test_the_module_file_is_a_shell() -> None:
    from slicer_harness import MODULE

    assert len((MODULE / "ReidentificationRisk.py").read_text().splitlines()) < 120


def test_reload_takes_the_library_along(module, slicer, monkeypatch: pytest.MonkeyPatch) -> None:
    base = sys.modules["slicer.ScriptedLoadableModule"].ScriptedLoadableModuleWidget
    reloaded = []
    monkeypatch.setattr(base, "onReload", lambda self: reloaded.append(self), raising=False)
    kept = {name: m for name, m in sys.modules.items() if name.startswith("ReidentificationRiskLib")}
    assert kept
    module.onReload()
    assert not [name for name in sys.modules if name.startswith("ReidentificationRiskLib")]
    assert reloaded == [module]
    sys.modules.update(kept)


def test_the_report_is_sampled_as_the_tests_say() -> None:
    assert sample_report()["schema"] == "reid-risk/1"
