"""The harness refuses what Slicer would refuse."""

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from slicer_harness import ROOT

PICTURE = ROOT / "tests" / "slicer_harness" / "picture.py"


def test_a_property_is_a_value_and_not_a_method(app) -> None:
    import qt

    label = qt.QLabel("one")
    assert label.text == "one"
    label.text = "two"
    assert label.text == "two"
    label.setText("three")
    with pytest.raises(TypeError):
        label.text()


def test_a_read_only_property_stays(app) -> None:
    import qt

    with pytest.raises(AttributeError, match="read-only"):
        qt.QWidget().width = 3


def test_an_unknown_signal_is_refused(app) -> None:
    import qt

    with pytest.raises(ValueError, match=r"has no signal clickd\(\)"):
        qt.QPushButton().connect("clickd()", print)


def test_signals_connect_both_ways(app) -> None:
    import qt

    button, heard = qt.QPushButton(), []
    button.connect("clicked(bool)", lambda on: heard.append("by signature"))
    button.clicked.connect(lambda: heard.append("by name"))
    button.click()
    assert sorted(heard) == ["by name", "by signature"]


def test_static_functions_survive_properties_of_the_same_name(app) -> None:
    import qt

    fired = []
    qt.QTimer.singleShot(0, lambda: fired.append(True))
    app.processEvents()
    assert fired == [True]


def test_settings_are_not_the_users(app) -> None:
    import qt

    assert "slicer-harness-" in qt.QSettings().fileName()


def test_a_folded_section_hides_and_shows_only_what_was_shown(app) -> None:
    import ctk
    import qt

    section = ctk.ctkCollapsibleButton()
    shown, hidden = qt.QLabel("shown", section), qt.QLabel("hidden", section)
    hidden.setVisible(False)
    for folded in (False, True, False):
        section.collapsed = folded
        assert shown.isVisibleTo(section) is not folded
        assert not hidden.isVisibleTo(section)


def test_a_section_that_is_shown_folded_twice_unfolds(app) -> None:
    import ctk
    import qt

    section = ctk.ctkCollapsibleButton()
    inside = qt.QLabel("inside", section)
    section.collapsed = True
    for _ in range(2):
        section.show()
        section.hide()
    section.collapsed = False
    assert inside.isVisibleTo(section)


def test_an_unknown_widget_in_a_ui_file_is_refused(slicer, tmp_path: Path) -> None:
    ui = tmp_path / "wrong.ui"
    ui.write_text('<ui version="4.0"><widget class="qMRMLWidgetOfDreams" name="x"/></ui>')
    with pytest.raises(RuntimeError, match=r"qMRMLWidgetOfDreams|Could not load"):
        slicer.util.loadUI(str(ui))


def failed_picture(scan: Path, out: Path) -> str:
    """Give the last line on stderr of a picture that cannot be taken."""
    command = [sys.executable, PICTURE, "--server", "127.0.0.1:1", "--scan", scan, "--out", out]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert not out.exists()
    return done.stderr.splitlines()[-1]


def test_a_picture_of_a_scan_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "scan.nrrd").write_text("not an image")
    assert "cannot be read as a volume" in failed_picture(tmp_path / "scan.nrrd", tmp_path / "picture.png")


def test_a_picture_without_a_server_says_what_the_panel_says(tmp_path: Path) -> None:
    Image.new("L", (64, 64), 90).save(tmp_path / "scan.png")
    line = failed_picture(tmp_path / "scan.png", tmp_path / "picture.png")
    assert "No server answers at http://127.0.0.1:1" in line


def test_the_layout_is_the_real_one(slicer) -> None:
    """Its nodes are MRML's, they survive a closed scene as in Slicer, and linked views move together."""
    manager = slicer.app.layoutManager()
    assert manager.layout == slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView
    assert sorted(manager.sliceViewNames()) == ["Green", "Red", "Yellow"]
    assert manager.sliceWidget("Blue") is None
    red, yellow = manager.sliceWidget("Red"), manager.sliceWidget("Yellow")
    assert slicer.mrmlScene.IsNodePresent(red.mrmlSliceNode())
    assert red.sliceLogic().GetSliceCompositeNode() is red.mrmlSliceCompositeNode()
    assert red.mrmlSliceNode().GetOrientation() == "Axial"
    manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutSideBySideView)
    shown = manager.layoutLogic().GetViewNodes()
    assert [shown.GetItemAsObject(i).GetLayoutName() for i in range(shown.GetNumberOfItems())] == ["Red", "Yellow"]
    slicer.mrmlScene.Clear(0)
    assert slicer.mrmlScene.IsNodePresent(red.mrmlSliceNode())
    for linked in (False, True):
        for view in (red, yellow):
            view.mrmlSliceNode().SetOrientation("Axial")
            view.mrmlSliceCompositeNode().SetLinkedControl(linked)
        red.sliceLogic().StartSliceOffsetInteraction()
        red.sliceLogic().SetSliceOffset(7.0 + linked)
        red.sliceLogic().EndSliceOffsetInteraction()
        assert (yellow.mrmlSliceNode().GetSliceOffset() == 8.0) is linked
    manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
