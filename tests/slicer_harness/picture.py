"""Check a scan with the panel, off screen, and save a picture of both.

python tests/slicer_harness/picture.py --server URL --scan FILE --out PNG [--modality CXR]

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
        with Answering("Agree and send"):
            ui.checkButton.click()
        if not wait_until(lambda: not widget.panel.logic.busy, wanted.timeout):
            raise RuntimeError(f"no answer within {wanted.timeout:.0f} s")
        if widget.panel.report is None:
            raise RuntimeError(ui.messageLabel.text)
        window = beside(widget.parent, volume)
        if not window.grab().save(str(wanted.out)):
            raise OSError(f"'{wanted.out}' cannot be written")
        window.hide()
    finally:
        widget.cleanup()
        app.processEvents()


def beside(panel: Any, volume: Any) -> Any:
    """Give a window with the panel on the left and a slice view on the right, as Slicer has them."""
    import qt

    from slicer_harness.driving import fit_to_width
    from slicer_harness.slice_view import render_slice

    window = qt.QWidget()
    row = qt.QHBoxLayout(window)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(0)
    row.addWidget(panel)
    panel.setFixedWidth(PANEL_WIDTH)
    view = qt.QLabel()
    view.setFixedWidth(VIEW_WIDTH)
    row.addWidget(view)
    window.show()
    fit_to_width(window, PANEL_WIDTH + VIEW_WIDTH)
    picture = qt.QPixmap.fromImage(render_slice(volume, VIEW_WIDTH, window.height))
    painter = qt.QPainter(picture)
    painter.fillRect(0, 0, VIEW_WIDTH, 4, qt.QColor("#f34a33"))  # the red view's colour
    painter.setPen(qt.QColor("white"))
    painter.drawText(10, 24, f"R    {volume.GetName()}")
    painter.end()
    view.setPixmap(picture)
    return window


if __name__ == "__main__":
    sys.exit(main())
