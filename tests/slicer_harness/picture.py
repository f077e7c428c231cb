"""Check a scan with the panel, off screen, and save a picture of both.

python tests/slicer_harness/picture.py --server URL --scan FILE --out PNG [--modality CXR] [--explain] [--match 1]

The scan is loaded into the real MRML scene, the question for consent is answered with yes, the button is pressed,
and the panel's own client asks the server. Exits with 0, or with 2 and one line on stderr.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from slicer_harness import start

PANEL_WIDTH = 460
VIEW_WIDTH = 520


def main() -> int:
    """Take the picture that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--server", required=True, help="address of a running server")
    parser.add_argument("--scan", required=True, type=Path, help="DICOM, NIfTI, NRRD, PNG, JPEG or TIFF file")
    parser.add_argument("--out", required=True, type=Path, help="PNG file to write")
    parser.add_argument("--modality", default="", help="CFP, OCT, CXR, CT, MR...; left out, the server judges")
    parser.add_argument("--explain", action="store_true", help="lay over the scan what made the match")
    parser.add_argument("--match", type=int, default=0, help="show this row of the matches beside the scan")
    parser.add_argument("--name", default="scan", help="name of the volume in the picture")
    parser.add_argument("--timeout", type=float, default=300.0, help="seconds")
    wanted = parser.parse_args()
    try:
        take_picture(wanted)
    except (RuntimeError, ValueError, OSError) as error:
        print(f"picture: {error}", file=sys.stderr)
        return 2
    print(wanted.out)
    return 0


def take_picture(wanted: Any) -> None:
    """Run one check through the panel's widgets and save what they show."""
    app = start()
    from slicer_harness.driving import Answering, open_module, wait_until
    from slicer_harness.scene import load_volume

    volume = load_volume(wanted.scan, wanted.name)
    widget = open_module()
    try:
        ui = widget.panel.ui
        ui.volumeSelector.setCurrentNode(volume)
        ui.serverEdit.setText(wanted.server)
        index = ui.modalityCombo.findData(wanted.modality)
        if index < 0:
            raise ValueError(f"the panel does not know the modality '{wanted.modality}'")
        ui.modalityCombo.setCurrentIndex(index)
        ui.explainCheck.setChecked(wanted.explain)
        show_as_slicer_does(volume)
        with Answering("Agree and send"):
            ui.checkButton.click()
        if not wait_until(lambda: not widget.panel.logic.busy, wanted.timeout):
            raise RuntimeError(f"no answer within {wanted.timeout:.0f} s")
        if widget.panel.report is None:
            raise RuntimeError(ui.messageLabel.text)
        if wanted.match:
            compare(ui, wanted.match)
        window = beside(widget.parent, volume)
        if not window.grab().save(str(wanted.out)):
            raise OSError(f"'{wanted.out}' cannot be written")
        window.hide()
    finally:
        widget.cleanup()
        app.processEvents()


def show_as_slicer_does(volume: Any) -> None:
    """Show the volume in the red view, as Slicer shows what it loads."""
    import slicer

    view = slicer.app.layoutManager().sliceWidget("Red")
    view.mrmlSliceCompositeNode().SetBackgroundVolumeID(volume.GetID())
    view.mrmlSliceNode().RotateToVolumePlane(volume)
    view.sliceLogic().FitSliceToVolume(volume, *view.mrmlSliceNode().GetDimensions()[:2])
    view.sliceLogic().SnapSliceOffsetToIJK()


def compare(ui: Any, rank: int) -> None:
    """Select a match and wait for its image."""
    from slicer_harness.driving import wait_until

    ui.matchesTable.selectRow(rank - 1)
    if not wait_until(lambda: ui.compareLabel.text.startswith("Left"), 30):
        raise RuntimeError(ui.compareLabel.text)


def beside(panel: Any, volume: Any, view_width: int = VIEW_WIDTH) -> Any:
    """Give a window with the panel on the left and the layout's slice views on the right, as Slicer has them."""
    import qt
    import slicer

    from slicer_harness.driving import fit_to_width
    from slicer_harness.slice_view import grab_view

    window = qt.QWidget()
    row = qt.QHBoxLayout(window)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(2)
    row.addWidget(panel)
    panel.setFixedWidth(PANEL_WIDTH)
    manager = slicer.app.layoutManager()
    side_by_side = manager.layout == slicer.vtkMRMLLayoutNode.SlicerLayoutSideBySideView
    views = [qt.QLabel() for _ in range(2 if side_by_side else 1)]
    for view in views:
        view.setFixedWidth(view_width)
        row.addWidget(view)
    window.show()
    fit_to_width(window, PANEL_WIDTH + len(views) * (view_width + 2))
    for view, name, colour in zip(views, ("Red", "Yellow"), ("#f34a33", "#edd54c"), strict=False):
        logic = manager.sliceWidget(name).sliceLogic()
        resize_view(logic, view_width, window.height)
        picture = qt.QPixmap.fromImage(grab_view(logic))
        painter = qt.QPainter(picture)
        painter.fillRect(0, 0, view_width, 4, qt.QColor(colour))
        painter.setPen(qt.QColor("white"))
        in_view = slicer.mrmlScene.GetNodeByID(logic.GetSliceCompositeNode().GetBackgroundVolumeID())
        painter.drawText(10, 24, f"{name[0]}    {(in_view or volume).GetName()}")
        painter.end()
        view.setPixmap(picture)
    return window


def resize_view(logic: Any, width: int, height: int) -> None:
    """Give a view another size, its field of view growing along as in Slicer."""
    node = logic.GetSliceNode()
    before, field = node.GetDimensions(), node.GetFieldOfView()
    scale = max(field[0] / width, field[1] / height)
    node.SetDimensions(width, height, before[2])
    node.SetFieldOfView(width * scale, height * scale, field[2])
    logic.UpdatePipeline()


if __name__ == "__main__":
    sys.exit(main())
