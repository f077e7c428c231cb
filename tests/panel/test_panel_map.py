"""Why it matched: the map over the scan that it was made from, and over nothing else."""

import json

import numpy as np
import pytest
from slicer_harness.driving import Answering, wait_until
from slicer_harness.fake_server import FakeServer
from slicer_harness.images import nifti
from slicer_harness.samples import sample_report
from slicer_harness.slice_view import grab_view

SHAPE = (3, 48, 64)
TURNED = np.array([[0, 0, 2.0, 30], [-0.5, 0, 0, -20], [0, -0.5, 0, 10], [0, 0, 0, 1]])
MARKED = (1, 20, 40)  # slice, row and column of the voxel that is lost


def lost() -> np.ndarray:
    pixels = np.zeros(SHAPE, np.float32)
    pixels[MARKED] = 0.3
    pixels[0, 4:8, 4:8] = 0.1
    return pixels


def explained(**explanation) -> dict:
    return {**sample_report(), "explanation": explanation}


EXPLANATION = {"subject_id": "S-3F2A91C0", "sample_id": "a/1.png", "similarity": 0.81, "most_lost": 0.3}


@pytest.fixture
def server(slicer):
    """Give a server that explains when it is asked to."""
    content = nifti(lost(), TURNED)

    def answer(handler) -> None:
        if handler.path.endswith("output=all"):
            handler.reply_with_file(explained(**EXPLANATION), content, "map.nii.gz")
        else:
            handler.reply(200, sample_report())

    with FakeServer(answer) as running:
        yield running


@pytest.fixture
def scan(module, slicer):
    """Give a scan that is turned and moved, shown in one view; another volume is shown in the next."""
    scan = slicer.util.addVolumeFromArray(np.full(SHAPE, 100, np.int16), TURNED, "scan")
    other = slicer.util.addVolumeFromArray(np.full(SHAPE, 100, np.int16), TURNED, "other")
    module.panel.ui.volumeSelector.setCurrentNode(scan)
    composite(slicer, "Red").SetBackgroundVolumeID(scan.GetID())
    composite(slicer, "Yellow").SetBackgroundVolumeID(other.GetID())
    return scan


def composite(slicer, name: str):
    return slicer.app.layoutManager().sliceWidget(name).mrmlSliceCompositeNode()


def check(module, server, wanted: bool = True) -> None:
    ui = module.panel.ui
    ui.serverEdit.text = server.address
    ui.explainCheck.setChecked(wanted)
    press(module, ui.checkButton)


def press(module, button) -> None:
    with Answering("Agree and send"):
        button.click()
    assert wait_until(lambda: not module.panel.logic.busy)


def maps(slicer) -> list:
    nodes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
    return [node for node in nodes if node.GetName() == "What made the match"]


def images(slicer) -> list[str]:
    """Give the nodes that an image of the scene has: itself, its display, its storage."""
    kinds = ("vtkMRMLVolumeNode", "vtkMRMLVolumeDisplayNode", "vtkMRMLStorageNode")
    return sorted(node.GetID() for kind in kinds for node in slicer.util.getNodesByClass(kind))


def test_a_marked_voxel_lies_where_it_lies_in_the_scan(module, slicer, scan, server) -> None:
    import vtk

    check(module, server)
    (map_,) = maps(slicer)
    pixels = slicer.util.arrayFromVolume(map_)
    assert tuple(int(i) for i in np.unravel_index(pixels.argmax(), pixels.shape)) == MARKED
    places = []
    for volume in (map_, scan):
        matrix = vtk.vtkMatrix4x4()
        volume.GetIJKToRASMatrix(matrix)
        places.append(matrix.MultiplyPoint((*reversed(MARKED), 1.0))[:3])
    assert places[0] == pytest.approx(places[1], abs=1e-4)
    assert places[1] == pytest.approx((32.0, -40.0, 0.0))


def test_the_map_follows_the_scans_transform(module, slicer, scan, server) -> None:
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    scan.SetAndObserveTransformNodeID(transform.GetID())
    check(module, server)
    assert maps(slicer)[0].GetTransformNodeID() == transform.GetID()


def test_it_is_drawn_over_the_scan_and_nothing_else(module, ui, slicer, scan, server) -> None:
    check(module, server)
    (map_,) = maps(slicer)
    assert composite(slicer, "Red").GetForegroundVolumeID() == map_.GetID()
    assert composite(slicer, "Red").GetForegroundOpacity() == 0.5
    for name in ("Yellow", "Green"):
        assert composite(slicer, name).GetForegroundVolumeID() is None
    other = composite(slicer, "Yellow").GetBackgroundVolumeID()
    composite(slicer, "Red").SetBackgroundVolumeID(other)  # the user drags another volume in
    assert composite(slicer, "Red").GetForegroundVolumeID() is None
    composite(slicer, "Green").SetBackgroundVolumeID(scan.GetID())
    assert composite(slicer, "Green").GetForegroundVolumeID() == map_.GetID()


def test_what_is_seen_is_coloured_where_something_is_lost_and_grey_elsewhere(module, slicer, scan, server) -> None:
    check(module, server)
    view = slicer.app.layoutManager().sliceWidget("Red")
    view.mrmlSliceNode().SetOrientation("Sagittal")
    view.mrmlSliceNode().RotateToVolumePlane(scan)
    view.sliceLogic().FitSliceToVolume(scan, *view.mrmlSliceNode().GetDimensions()[:2])
    view.mrmlSliceNode().JumpSliceByCentering(32.0, -40.0, 0.0)
    picture = grab_view(view.sliceLogic())
    centre = picture.pixelColor(picture.width() // 2, picture.height() // 2)
    assert centre.red() - centre.blue() > 60
    beside = picture.pixelColor(picture.width() // 2 + 40, picture.height() // 2 + 40)
    assert beside.red() == beside.green() == beside.blue()


def test_one_click_hides_and_one_removes_it(module, ui, slicer, scan, server) -> None:
    other = composite(slicer, "Yellow").GetBackgroundVolumeID()
    composite(slicer, "Red").SetForegroundVolumeID(other)
    composite(slicer, "Red").SetForegroundOpacity(0.2)
    held = images(slicer)
    assert not ui.mapArea.isVisibleTo(module.parent)
    check(module, server)
    assert ui.mapArea.isVisibleTo(module.parent)
    ui.mapCheck.click()
    assert composite(slicer, "Red").GetForegroundVolumeID() == other
    assert composite(slicer, "Red").GetForegroundOpacity() == 0.2
    ui.mapCheck.click()
    assert composite(slicer, "Red").GetForegroundVolumeID() == maps(slicer)[0].GetID()
    ui.removeMapButton.click()
    assert maps(slicer) == []
    assert images(slicer) == held
    assert composite(slicer, "Red").GetForegroundVolumeID() == other
    assert composite(slicer, "Red").GetForegroundOpacity() == 0.2
    assert not ui.mapArea.isVisibleTo(module.parent)
    assert module.panel.report is not None


def test_the_slider_fades_it_and_the_scene_keeps_that(module, ui, slicer, scan, server) -> None:
    check(module, server)
    ui.opacitySlider.setValue(80)
    assert composite(slicer, "Red").GetForegroundOpacity() == pytest.approx(0.8)
    assert module.panel.logic.parameters.node.GetParameter("MapOpacity") == "0.80"
    for damaged in ("much", "nan", "7"):
        module.panel.logic.parameters.node.SetParameter("MapOpacity", damaged)
        assert module.panel.logic.parameters.opacity == 0.5


@pytest.mark.parametrize("how", ["pixels", "other volume", "map removed", "scan removed", "scene", "check", "cleanup"])
def test_the_map_goes_with_what_it_was_made_from(module, ui, slicer, scan, server, how: str) -> None:
    check(module, server)
    (map_,) = maps(slicer)
    if how == "pixels":
        slicer.util.updateVolumeFromArray(scan, np.zeros(SHAPE, np.int16))
    elif how == "other volume":
        ui.volumeSelector.setCurrentNode(slicer.util.getNode("other"))
    elif how == "map removed":
        slicer.mrmlScene.RemoveNode(map_)
    elif how == "scan removed":
        slicer.mrmlScene.RemoveNode(scan)
    elif how == "scene":
        slicer.mrmlScene.Clear(0)
    elif how == "check":
        check(module, server, wanted=False)
    else:
        module.cleanup()
    assert maps(slicer) == []
    for name in ("Red", "Yellow", "Green"):
        assert composite(slicer, name).GetForegroundVolumeID() is None


def test_the_button_asks_why_for_the_match_that_is_chosen(module, ui, scan, server) -> None:
    check(module, server, wanted=False)
    assert ui.explainButton.text == "Show &why"
    assert "output=json" in server.asked[-1]
    ui.matchesTable.selectRow(1)
    assert ui.explainButton.text == "Show &why it matched S-77B0C1D2"
    press(module, ui.explainButton)
    assert "output=all" in server.asked[-1]
    assert b'"explain_subject": "S-77B0C1D2"' in server.bodies[-1][1]
    assert ui.mapLabel.text == (
        "Bright: what made the scan match subject S-3F2A91C0. Without the brightest region 30 % of the similarity would be "
        "lost; below a tenth of that nothing is drawn."
    )


COMPARED = {"method": "patch correspondence", "subject_id": "S-3F2A91C0", "most_lost": None, "others": 5}


@pytest.mark.parametrize(
    ("told", "pixels", "sentence"),
    [
        (
            {**COMPARED, "margin": 0.3},
            lost(),
            "Bright: what is more like the image of subject S-3F2A91C0 than like other subjects'. The brightest patch is more "
            "like it by 0.30 (cosine; 1 is the most); below a tenth of that nothing is drawn.",
        ),
        (
            {**COMPARED, "margin": 0.0},
            np.zeros(SHAPE, np.float32),
            "Nothing in the scan is more like the image of subject S-3F2A91C0 than like other subjects'.",
        ),
        (
            {**COMPARED, "margin": "much", "subject_id": None},
            lost(),
            "Bright: what is more like the image of subject – than like other subjects'.",
        ),
        (
            {**EXPLANATION, "method": "occlusion", "note": "the enrolled image is not at hand"},
            lost(),
            "Bright: what made the scan match subject S-3F2A91C0. Without the brightest region 30 % of the similarity would "
            "be lost; below a tenth of that nothing is drawn.",
        ),
    ],
)
def test_what_the_colours_mean_follows_how_the_map_was_made(module, ui, slicer, scan, told, pixels, sentence) -> None:
    content = nifti(pixels, TURNED)
    with FakeServer(lambda h: h.reply_with_file(explained(**told), content, "map.nii.gz")) as server:
        check(module, server)
    assert len(maps(slicer)) == 1
    assert ui.mapLabel.text == sentence


def test_the_report_stays_while_the_map_is_made(module, ui, scan, server) -> None:
    check(module, server, wanted=False)
    with Answering("Agree and send"):
        ui.explainButton.click()
    assert module.panel.logic.busy
    assert ui.resultArea.isVisibleTo(module.parent)
    assert "made the match" in ui.progressLabel.text or ui.progressLabel.text
    ui.cancelButton.click()
    assert module.panel.report is not None


def test_where_nothing_can_be_explained_the_reason_is_said(module, ui, slicer, scan) -> None:
    with FakeServer(explained(reason="nobody of this kind is enrolled")) as server:
        check(module, server)
    assert maps(slicer) == []
    assert ui.mapLabel.text == "nobody of this kind is enrolled"
    assert ui.messageLabel.text == ""


@pytest.mark.parametrize(
    ("pixels", "affine"),
    [(np.zeros((3, 48, 63), np.float32), TURNED), (lost(), TURNED @ np.diag([1, -1, 1, 1])), (lost(), np.eye(4))],
)
def test_a_map_of_another_grid_is_never_shown(module, ui, slicer, scan, pixels, affine) -> None:
    content = nifti(pixels, affine)
    with FakeServer(lambda h: h.reply_with_file(explained(**EXPLANATION), content, "map.nii.gz")) as server:
        check(module, server)
    assert maps(slicer) == []
    assert ui.mapLabel.text == "The server's map does not fit the scan, so it is not shown."
    assert module.panel.report is not None


def test_a_damaged_map_leaves_the_report(module, ui, slicer, scan) -> None:
    with FakeServer(lambda h: h.reply_with_file(explained(), b"\x1f\x8b damaged", "map.nii.gz")) as server:
        check(module, server)
    assert maps(slicer) == []
    assert "cannot read the image" in ui.mapLabel.text
    assert module.panel.report is not None


def test_map_and_comparison_get_along(module, ui, slicer, scan, server) -> None:
    """Whatever is taken away first, the views end as they began."""
    server.enrolled = {"a/1.png": nifti(np.zeros((1, 20, 20), np.uint8))}
    server.info["server"]["images"] = True
    manager = slicer.app.layoutManager()
    for back_first in (True, False):
        composite(slicer, "Yellow").SetBackgroundVolumeID(slicer.util.getNode("other").GetID())
        check(module, server)
        ui.matchesTable.selectRow(0)
        assert wait_until(lambda: manager.layout == 29)
        assert composite(slicer, "Red").GetForegroundVolumeID() == maps(slicer)[0].GetID()
        assert composite(slicer, "Yellow").GetForegroundVolumeID() is None
        if back_first:
            ui.backButton.click()
            assert composite(slicer, "Red").GetForegroundVolumeID() == maps(slicer)[0].GetID()
        ui.removeMapButton.click()
        if not back_first:
            ui.backButton.click()
        assert manager.layout == 3
        assert composite(slicer, "Red").GetForegroundVolumeID() is None
        assert composite(slicer, "Red").GetForegroundOpacity() == 0


def test_the_wish_for_a_map_comes_back_with_the_scene(module, ui, slicer) -> None:
    ui.explainCheck.click()
    kept = module.panel.logic.parameters.node.GetParameter("Explain")
    assert json.loads(kept) is True
    slicer.mrmlScene.Clear(0)
    assert not ui.explainCheck.checked
