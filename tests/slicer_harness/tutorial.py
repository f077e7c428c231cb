"""Take the pictures of docs/tutorial.md with the panel, off screen, against a running server.

python tests/slicer_harness/tutorial.py --server URL --scan FILE --out docs/images

FILE is a DICOM file of a subject whose other visit is enrolled. The server has to allow its list of images
(``reid-engine serve --images --studies DIR``). Exits with 0, or with 2 and one line on stderr.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from slicer_harness import start

WIDTH = 460


def main() -> int:
    """Take the pictures that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--server", required=True, help="address of a running server")
    parser.add_argument("--scan", required=True, type=Path, help="DICOM file to check")
    parser.add_argument("--out", required=True, type=Path, help="folder for the pictures")
    wanted = parser.parse_args()
    try:
        take_pictures(wanted.server, wanted.scan, wanted.out)
    except (RuntimeError, ValueError, OSError) as error:
        print(f"tutorial: {error}", file=sys.stderr)
        return 2
    return 0


def take_pictures(server: str, scan: Path, out: Path) -> None:
    """Go through the tutorial's steps, and save what the panel shows at each."""
    app = start()
    from slicer_harness.driving import Answering, open_module
    from slicer_harness.scene import load_volume

    volume = load_volume(scan, "scan")
    widget = open_module()
    panel, ui = widget.panel, widget.panel.ui
    own = {type(section).__name__: section for section in panel.sections}
    try:
        ui.volumeSelector.setCurrentNode(volume)
        ui.serverEdit.setText(server)
        ui.connectButton.click()
        _wait(lambda: panel.logic.connection.info, ui.messageLabel)
        _save(widget, out / "tutorial-connected.png", ("serverSection", "scanSection", "checkArea"))
        with Answering("Agree and send"):
            ui.checkButton.click()
        _wait(lambda: panel.report, ui.messageLabel)
        ui.measuresSection.setChecked(True)
        ui.tryMeasuresButton.click()
        measures = own["MeasuresSection"].measures
        _wait(lambda: not measures.busy and measures.document, ui.measuresMessageLabel)
        lowering = [i for i, row in enumerate(measures.rows(), 1) if row["lowers"]]  # row 0 is the scan as it is
        ui.measuresTable.selectRow(lowering[0] if lowering else 2)
        _save(widget, out / "measures.png", ("measuresSection",))
        ui.headerSection.setChecked(True)
        ui.headerButton.click()
        _wait(lambda: ui.headerTable.rowCount, ui.headerMessageLabel)
        _save(widget, out / "header.png", ("headerSection",))
        ui.reportSection.setChecked(True)
        _save(widget, out / "tutorial-report.png", ("reportSection",))
        ui.batchSection.setChecked(True)
        ui.studiesButton.click()
        batch = own["BatchSection"].batch
        _wait(lambda: batch.rows and sum(bool(row.report) for row in batch.rows) >= 8, ui.batchMessageLabel)
        ui.batchCancelButton.click()
        _save(widget, out / "tutorial-batch.png", ("batchSection",))
    finally:
        widget.cleanup()
        widget.parent.hide()
        widget.parent.deleteLater()
        app.processEvents()


def _wait(condition: Callable[[], Any], message: Any) -> None:
    from slicer_harness.driving import wait_until

    if not wait_until(condition, 300):
        raise RuntimeError(message.text or "it takes too long")


def _save(widget: Any, file: Path, shown: tuple[str, ...]) -> None:
    """Save a picture of some sections only."""
    from slicer_harness.driving import fit_to_width

    parts = [section.widget for section in widget.panel.sections]
    was = [part for part in parts if part.isVisibleTo(widget.parent)]
    for part in parts:
        part.setVisible(part.name in shown)
    fit_to_width(widget.parent, WIDTH)
    if not widget.parent.grab().save(str(file)):
        raise OSError(f"'{file}' cannot be written")
    print(file)
    for part in parts:
        part.setVisible(part in was)


if __name__ == "__main__":
    sys.exit(main())
