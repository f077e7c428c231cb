"""The nearest identities: sorted by a click, and one of them beside the scan and away again."""

import threading
import time

import numpy as np
import pytest
from slicer_harness.driving import Answering, wait_until
from slicer_harness.fake_server import FakeServer
from slicer_harness.images import nifti
from slicer_harness.samples import sample_report

FOUR_UP, SIDE_BY_SIDE = 3, 29
ENROLLED = np.arange(24 * 16, dtype=np.uint8).reshape(1, 24, 16)


@pytest.fixture
def enrolled(slicer):
    """Give a server that shows the first two matches, one of them in colour."""
    colour = np.stack([ENROLLED] * 3, axis=-1)
    with FakeServer(sample_report(), enrolled={"a/1.png": nifti(ENROLLED), "b/1.png": nifti(colour)}) as server:
        yield server


@pytest.fixture
def checked(module, ui, slicer, enrolled):
    """Give a scan of 3 slices, turned and moved, that was checked at that server."""
    affine = np.array([[0, 0, 2.0, 30], [-0.5, 0, 0, -20], [0, -0.5, 0, 10], [0, 0, 0, 1]])
    scan = slicer.util.addVolumeFromArray(np.arange(3 * 48 * 64, dtype=np.int16).reshape(3, 48, 64), affine, "scan")
    module.panel.refresh()
    check(module, enrolled)
    yield scan
    slicer.app.layoutManager().setLayout(FOUR_UP)


def check(module, server) -> None:
    module.panel.ui.serverEdit.text = server.address
    with Answering("Agree and send"):
        module.panel.ui.checkButton.click()
    assert wait_until(lambda: not module.panel.logic.busy)
    assert module.panel.report is not None


def comparison(module):
    return next(s.comparison for s in module.panel.sections if hasattr(s, "comparison"))


def choose(module, row: int) -> None:
    module.panel.ui.matchesTable.selectRow(row)
    assert wait_until(lambda: not comparison(module).busy)


def column(table, j: int) -> list[str]:
    return [table.item(i, j).text() for i in range(table.rowCount)]


def view(slicer, name: str):
    return slicer.app.layoutManager().sliceWidget(name)


def state(slicer) -> dict:
    """Give all that a user would miss in the views."""
    import vtk

    manager = slicer.app.layoutManager()
    kept: dict = {"layout": manager.layout}
    for name in ("Red", "Green", "Yellow"):
        node, composite = view(slicer, name).mrmlSliceNode(), view(slicer, name).mrmlSliceCompositeNode()
        matrix = vtk.vtkMatrix4x4()
        matrix.DeepCopy(node.GetSliceToRAS())
        kept[name] = (
            composite.GetBackgroundVolumeID(), composite.GetForegroundVolumeID(), composite.GetLabelVolumeID(),
            composite.GetForegroundOpacity(), composite.GetLabelOpacity(),
            composite.GetLinkedControl(), composite.GetHotLinkedControl(),
            [round(matrix.GetElement(i, j), 6) for i in range(4) for j in range(4)],
            node.GetFieldOfView(), node.GetXYZOrigin(), node.GetOrientation(),
        )  # fmt: skip
    return kept


def nodes(slicer) -> set[str]:
    return {slicer.mrmlScene.GetNthNode(i).GetID() for i in range(slicer.mrmlScene.GetNumberOfNodes())}


def arrange(slicer, scan):
    """Have views as a user may have left them; give another volume that they show."""
    other = slicer.util.addVolumeFromArray(np.zeros((2, 30, 30), np.uint8), name="other")
    red, yellow = view(slicer, "Red"), view(slicer, "Yellow")
    red.mrmlSliceCompositeNode().SetBackgroundVolumeID(scan.GetID())
    red.mrmlSliceCompositeNode().SetForegroundVolumeID(other.GetID())
    red.mrmlSliceCompositeNode().SetForegroundOpacity(0.3)
    yellow.mrmlSliceCompositeNode().SetBackgroundVolumeID(other.GetID())
    red.mrmlSliceNode().SetFieldOfView(77.0, 66.0, 1.0)
    red.mrmlSliceNode().SetXYZOrigin(4.0, 5.0, 0.0)
    red.mrmlSliceNode().SetSliceOffset(12.5)
    return other


def test_a_click_on_a_head_sorts_and_another_turns_it_round(module, ui, checked) -> None:
    report = sample_report()
    report["matches"][0]["p_same"], report["matches"][1]["p_same"], report["matches"][2]["p_same"] = 0.1, None, 0.09
    report["matches"].append({**report["matches"][0], "rank": 10, "p_same": 0.5, "similarity": 0.05})
    module.panel.logic._on_answer({"event": "result", "report": report})
    table = ui.matchesTable
    header = table.horizontalHeader()
    assert column(table, 0) == ["1", "2", "3", "10"]
    header.sectionClicked.emit(3)  # the largest first, and by number: 9 % comes after 10 %
    assert column(table, 3) == ["50 %", "10 %", "9 %", "–"]
    header.sectionClicked.emit(3)
    assert column(table, 3) == ["9 %", "10 %", "50 %", "–"]  # what is not known is last either way
    header.sectionClicked.emit(0)
    header.sectionClicked.emit(0)
    assert column(table, 0) == ["10", "3", "2", "1"]
    header.sectionClicked.emit(1)
    assert column(table, 1)[0].startswith("S-0099ABCD")


def test_a_sorted_row_shows_its_own_image(module, ui, checked, enrolled) -> None:
    ui.matchesTable.horizontalHeader().sectionClicked.emit(2)
    ui.matchesTable.horizontalHeader().sectionClicked.emit(2)
    assert column(ui.matchesTable, 0) == ["3", "2", "1"]
    choose(module, 2)
    assert "match 1, S-3F2A91C0" in ui.compareLabel.text
    assert enrolled.asked[-1] == "/datastore/enrolled?sample=a%2F1.png"
    ui.matchesTable.horizontalHeader().sectionClicked.emit(0)
    assert ui.matchesTable.currentRow() == 0  # the selection stays with its row
    assert comparison(module).shown


def test_a_match_stands_beside_the_scan_in_linked_views(module, ui, slicer, checked) -> None:
    assert not ui.backButton.isVisibleTo(module.parent)
    choose(module, 0)
    assert slicer.app.layoutManager().layout == SIDE_BY_SIDE
    red, yellow = view(slicer, "Red"), view(slicer, "Yellow")
    assert red.mrmlSliceCompositeNode().GetBackgroundVolumeID() == checked.GetID()
    match = slicer.mrmlScene.GetNodeByID(yellow.mrmlSliceCompositeNode().GetBackgroundVolumeID())
    assert (slicer.util.arrayFromVolume(match) == ENROLLED).all()
    assert match.GetName() == "match 1, S-3F2A91C0"
    assert not match.GetSaveWithScene()
    assert match.GetStorageNode() is None
    assert red.mrmlSliceNode().GetFieldOfView() == yellow.mrmlSliceNode().GetFieldOfView()
    assert ui.compareLabel.text == "Left: the scan. Right: match 1, S-3F2A91C0, drawn to the scan's size."

    logic, flag = red.sliceLogic(), slicer.vtkMRMLSliceNode.FieldOfViewFlag
    logic.StartSliceNodeInteraction(flag)
    wide, high, deep = red.mrmlSliceNode().GetFieldOfView()
    red.mrmlSliceNode().SetFieldOfView(wide / 3, high / 3, deep)
    logic.EndSliceNodeInteraction()
    assert yellow.mrmlSliceNode().GetFieldOfView()[0] == pytest.approx(wide / 3)


def test_a_match_lies_on_the_scans_middle_slice_as_large_as_it(module, slicer, checked) -> None:
    import vtk

    choose(module, 0)
    composite = view(slicer, "Yellow").mrmlSliceCompositeNode()
    match = slicer.mrmlScene.GetNodeByID(composite.GetBackgroundVolumeID())

    def place(volume, *voxel: float) -> tuple:
        matrix = vtk.vtkMatrix4x4()
        volume.GetIJKToRASMatrix(matrix)
        return matrix.MultiplyPoint((*voxel, 1.0))[:3]

    assert place(match, 7.5, 11.5, 0) == pytest.approx(place(checked, 31.5, 23.5, 1))
    edge = np.subtract(place(match, 16, 0, 0), place(match, 0, 0, 0))  # 16 pixels are as wide as 64 of the scan
    assert edge == pytest.approx(np.subtract(place(checked, 64, 0, 0), place(checked, 0, 0, 0)))
    for name in ("Red", "Yellow"):
        to_ras = view(slicer, name).mrmlSliceNode().GetSliceToRAS()
        normal, origin = ([to_ras.GetElement(i, j) for i in range(3)] for j in (2, 3))
        assert np.dot(normal, np.subtract(place(checked, 31.5, 23.5, 1), origin)) == pytest.approx(0, abs=1e-6)
        assert abs(np.dot(normal, [1, 0, 0])) == pytest.approx(1)  # the plane of the scan's own slices


def test_back_brings_everything_back_exactly(module, ui, slicer, checked) -> None:
    arrange(slicer, checked)
    before, held = state(slicer), nodes(slicer)
    choose(module, 0)
    choose(module, 1)  # a second one in between, in colour
    assert state(slicer) != before
    assert len(nodes(slicer) - held) == 2  # the volume and its display: the first one's are gone
    ui.backButton.click()
    assert state(slicer) == before
    assert nodes(slicer) == held
    assert not ui.backButton.isVisibleTo(module.parent)
    assert ui.matchesTable.selectedItems() == []
    choose(module, 0)  # and once more
    assert comparison(module).shown


def test_views_of_a_volume_that_went_meanwhile_are_empty(module, ui, slicer, checked) -> None:
    other = arrange(slicer, checked)
    choose(module, 0)
    slicer.mrmlScene.RemoveNode(other)
    ui.backButton.click()
    assert view(slicer, "Yellow").mrmlSliceCompositeNode().GetBackgroundVolumeID() is None
    assert view(slicer, "Red").mrmlSliceCompositeNode().GetBackgroundVolumeID() == checked.GetID()


@pytest.mark.parametrize("how", ["pixels", "other", "removed", "match removed", "cleanup"])
def test_the_views_come_back_by_themselves(module, ui, slicer, checked, how: str) -> None:
    other = arrange(slicer, checked)
    before = state(slicer)
    choose(module, 0)
    match = comparison(module)._volume
    if how == "pixels":
        slicer.util.updateVolumeFromArray(checked, np.zeros((3, 48, 64), np.int16))
    elif how == "other":
        ui.volumeSelector.setCurrentNode(other)
    elif how == "removed":
        slicer.mrmlScene.RemoveNode(checked)
    elif how == "match removed":
        slicer.mrmlScene.RemoveNode(match)
    else:
        module.cleanup()
    assert not slicer.mrmlScene.IsNodePresent(match)
    if how == "removed":
        assert slicer.app.layoutManager().layout == before["layout"]
    else:
        assert state(slicer) == before


def test_closing_the_scene_brings_the_layout_back(module, slicer, checked) -> None:
    choose(module, 0)
    slicer.mrmlScene.Clear(0)
    assert slicer.app.layoutManager().layout == FOUR_UP
    assert not comparison(module).shown
    assert slicer.util.getNodesByClass("vtkMRMLVolumeNode") == []


def test_a_match_is_not_saved_with_the_scene_and_never_checked(module, ui, slicer, checked, tmp_path) -> None:
    choose(module, 0)
    match = comparison(module)._volume
    slicer.mrmlScene.SetURL(str(tmp_path / "saved.mrml"))
    assert slicer.mrmlScene.Commit()
    assert "match 1" not in (tmp_path / "saved.mrml").read_text()
    ui.volumeSelector.setCurrentNode(match)
    assert ui.volumeSelector.currentNode() is None  # it went with the comparison


@pytest.mark.parametrize("known", [True, False])
def test_a_server_that_shows_no_images_is_told_quietly(module, ui, slicer, volume, server, known: bool) -> None:
    check(module, server)
    if not known:
        module.panel.logic.connection.info = {}
    choose(module, 0)
    said = "This server does not show enrolled images" if known else "this server gives out no images"
    assert said in ui.compareLabel.text
    assert "⚠" not in ui.compareLabel.text
    assert ui.messageLabel.text == ""
    assert slicer.app.layoutManager().layout == FOUR_UP
    assert not ui.backButton.isVisibleTo(module.parent)


def test_an_image_that_is_not_there_leaves_the_views_alone(module, ui, slicer, checked) -> None:
    before = state(slicer)
    choose(module, 2)
    assert "not among the studies" in ui.compareLabel.text
    assert state(slicer) == before


def test_a_report_that_names_no_image_says_so(module, ui, checked) -> None:
    report = sample_report()
    del report["matches"][0]["sample_id"]
    module.panel.logic._on_answer({"event": "result", "report": report})
    choose(module, 0)
    assert "does not say which image" in ui.compareLabel.text


def test_what_is_no_image_is_not_shown(module, ui, slicer, volume) -> None:
    for content, words in ((b"<html>", "is not an image"), (b"\x1f\x8b damaged", "cannot read the image")):
        with FakeServer(sample_report(), enrolled={"a/1.png": content}) as server:
            check(module, server)
            choose(module, 0)
        assert words in ui.compareLabel.text
        assert slicer.app.layoutManager().layout == FOUR_UP


def test_another_row_replaces_a_slow_request(module, ui, slicer, volume) -> None:
    released = threading.Event()
    content = {"a/1.png": nifti(ENROLLED), "b/1.png": nifti(ENROLLED)}

    class Slow(dict):
        def get(self, sample, default=None):
            if sample == "a/1.png":
                released.wait(20)
            return super().get(sample, default)

    with FakeServer(sample_report(), enrolled=Slow(content)) as server:
        check(module, server)
        ui.matchesTable.selectRow(0)
        assert wait_until(lambda: server.asked[-1].endswith("a%2F1.png"))
        assert ui.compareLabel.text == "Fetching the image of match 1 …"
        choose(module, 1)
        released.set()
    assert comparison(module)._volume.GetName() == "match 2, S-77B0C1D2"
    ui.backButton.click()
    slicer.app.layoutManager().setLayout(FOUR_UP)


def test_fetching_can_be_cancelled_within_a_second(module, ui, slicer, volume) -> None:
    released = threading.Event()

    class Slow(dict):
        def get(self, sample, default=None):
            released.wait(20)

    with FakeServer(sample_report(), enrolled=Slow()) as server:
        check(module, server)
        ui.matchesTable.selectRow(0)
        assert wait_until(lambda: "/datastore/enrolled" in server.asked[-1])
        assert ui.backButton.text == "Cancel"
        process, began = comparison(module)._request._process._process, time.monotonic()
        ui.backButton.click()
        assert time.monotonic() - began < 1
        assert process.state() == process.ProcessState.NotRunning
        released.set()
    assert ui.compareLabel.text == "Select a row to see that image beside the scan."
    assert ui.matchesTable.selectedItems() == []
    assert not ui.backButton.isVisibleTo(module.parent)
