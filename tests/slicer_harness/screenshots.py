"""Take pictures of the panel in each of its states, off screen, with what a real server answers.

python tests/slicer_harness/screenshots.py --out docs/images [--subjects 150] [--sessions 3] [--size 256]

Synthetic people are enrolled, and the server holds them on this machine alone. Among scans that it does not hold, the
server is asked for one whose level is high and one whose level is low; the panel then checks these through its widgets.
Exits with 0, or with 2 and one line on stderr where a state cannot be reached; what each picture shows is printed.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from slicer_harness import start as start_slicer
from slicer_harness import tutorial
from slicer_harness.picture import PANEL_WIDTH, beside, compare, show_as_slicer_does

SMALL_WIDTH = 320
VIEW_WIDTH = 320
MODALITY, OTHER_MODALITY = "CXR", "CFP"  # the one that is enrolled, and one that is not
SEED = 3
TRIES = {"high": 12, "low": 60}
LARGEST = 350_000  # bytes of a picture
WAIT = 300.0  # seconds
DARK = {
    "Window": "#2b2b2b", "WindowText": "#e6e6e6", "Base": "#1e1e1e", "AlternateBase": "#262626", "Text": "#e6e6e6",
    "Button": "#3a3a3a", "ButtonText": "#e6e6e6", "Highlight": "#3f6fb0", "HighlightedText": "#ffffff",
    "PlaceholderText": "#9a9a9a", "ToolTipBase": "#2b2b2b", "ToolTipText": "#e6e6e6", "Mid": "#5a5a5a",
}  # fmt: skip


@dataclass(frozen=True)
class Cast:
    """The scans that are checked: none of them is enrolled, and nobody of the third's kind is."""

    high: Path
    low: Path
    unknown: Path


def main() -> int:
    """Take the pictures that the command line asks for."""
    from reid_engine.errors import ReidError

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", required=True, type=Path, help="folder for the pictures")
    parser.add_argument("--subjects", type=int, default=150, help="people that are enrolled")
    parser.add_argument("--sessions", type=int, default=3, help="images of each of them")
    parser.add_argument("--size", type=int, default=256, help="pixels a side")
    wanted = parser.parse_args()
    try:
        wanted.out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="screenshots-") as folder:
            take_pictures(wanted, Path(folder))
    except (ReidError, RuntimeError, ValueError, OSError) as error:
        print(f"screenshots: {error}", file=sys.stderr)
        return 2
    return 0


def take_pictures(wanted: Any, folder: Path) -> None:
    """Enrol, start the server, and bring the panel from state to state."""
    from reid_engine.serve import start

    gallery = make_gallery(wanted, folder)
    start_slicer()
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    show_first(wanted.out)
    show_no_server(wanted.out, address)
    with start(gallery, folder / "cohort", port=port, options={"images": "yes"}, log=folder / "server.log") as server:
        cast = choose_scans(wanted, server.url, folder)
        for level in ("low", "unknown"):
            show_level(wanted.out, address, getattr(cast, level), level)
        show_high(wanted.out, address, cast.high)
        forget_everything()
        tutorial.take_pictures(address, cast.high, wanted.out)


# Who is enrolled, and who is not


def make_gallery(wanted: Any, folder: Path) -> Path:
    """Enrol synthetic people; give the gallery's folder."""
    from reid_engine.cohort import read_cohort
    from reid_engine.encoder import load_encoder
    from reid_engine.fitting import fit_gallery
    from reid_engine.matcher.enrolment import enrol
    from reid_engine.matcher.gallery import Gallery
    from reid_engine.phantom import write_phantom_cohort

    size, count, visits = wanted.size, wanted.subjects, wanted.sessions
    cohort = write_phantom_cohort(
        folder / "cohort", subjects=count, sessions=visits, modalities=(MODALITY,), size=size, seed=SEED
    )
    encoder = load_encoder()
    gallery = Gallery.create(folder / "gallery", encoder.identity)
    enrol(read_cohort(cohort), gallery, encoder)
    fit_gallery(gallery)
    print(f"enrolled: {count} synthetic people with {visits} chest x-rays each, encoder {encoder.identity.name}")
    return gallery.path


def choose_scans(wanted: Any, address: str, folder: Path) -> Cast:
    """Give scans whose levels are what they are called, by asking the server."""
    enrolled = ((index, wanted.sessions) for index in range(wanted.subjects))
    strangers = ((index, 0) for index in range(wanted.subjects, wanted.subjects + TRIES["low"]))
    high = find_scan(address, "high", enrolled, wanted.size, folder, sure=lambda risk: risk["p_reidentified"])
    low = find_scan(address, "low", strangers, wanted.size, folder, sure=lambda risk: -risk["ci95"][1])
    return Cast(high, low, write_scan(OTHER_MODALITY, 0, 0, wanted.size, folder))


def find_scan(
    address: str,
    level: str,
    people: Iterator[tuple[int, int]],
    size: int,
    folder: Path,
    sure: Callable[[dict[str, Any]], float],
) -> Path:
    """Give the surest of the first scans whose level is this one; the nearest of a high one is the person in truth."""
    from reid_engine.demo.panel import PanelClient, find_client

    client = PanelClient(address, find_client())
    found: list[tuple[float, Path]] = []
    for index, visit in islice(people, TRIES[level]):
        scan = write_scan(MODALITY, index, visit, size, folder)
        report = client.check(scan, {"modality": MODALITY})
        right = level != "high" or report["matches"][0]["subject_id"] == f"P{index + 1:03d}"
        if right and report["risk"]["level"] == level:
            found.append((sure(report["risk"]), scan))
        if len(found) == 3:  # the panel sends the scan in another file; one at the edge might turn over
            break
    if not found:
        raise RuntimeError(
            f"no scan among the first {TRIES[level]} has the level '{level}'; enrol more --subjects or --sessions"
        )
    return max(found)[1]


def write_scan(modality: str, index: int, visit: int, size: int, folder: Path) -> Path:
    """Write one scan of one person as a DICOM file with a full header."""
    from reid_engine.phantom.cohort import Shot
    from reid_engine.phantom.dicom import write_dicom
    from reid_engine.phantom.person import person
    from reid_engine.phantom.scan import render_phantom

    who = person(SEED, index)
    shot = Shot(who, visit, modality, who.eye if modality == OTHER_MODALITY else None)
    path = folder / f"{shot.stem()}.dcm"
    write_dicom(path, render_phantom(modality, who, visit, size), shot.row(".dcm"), SEED)
    return path


def free_port() -> int:
    """Give the server's usual port where nobody has it, else another one."""
    from reid_engine.child_process import take_port
    from reid_engine.errors import ServeError
    from reid_engine.serve import DEFAULT_PORT

    try:
        return take_port("127.0.0.1", DEFAULT_PORT)
    except ServeError:
        return take_port("127.0.0.1", 0)


# The states


def show_first(out: Path) -> None:
    """Show the panel as it is when it is opened for the first time."""
    with opened() as panel:
        if panel.logic.connection.state != "not asked":
            raise RuntimeError("the panel asked a server before it was told to")
        save(panel, out / "state-first.png", panel.ui.stateLabel.text)


def show_no_server(out: Path, address: str) -> None:
    """Show what the panel says where nobody answers."""
    with opened() as panel:
        panel.ui.serverEdit.setText(address)
        panel.ui.connectButton.click()
        wait_for(lambda: panel.logic.connection.state == "failed", "the panel does not see that there is no server")
        save(panel, out / "state-no-server.png", panel.logic.connection.reason)


def show_level(out: Path, address: str, scan: Path, level: str) -> None:
    """Show the result of one check."""
    with opened(scan) as panel:
        check(panel, address)
        finish(panel, level)
        save(panel, out / f"state-{level}.png", panel.ui.sentenceLabel.text)


def show_high(out: Path, address: str, scan: Path) -> None:
    """Show a check that runs, and its result in several looks."""
    import slicer

    with opened(scan) as panel:
        ui = panel.ui
        volume = panel.logic.volume
        show_as_slicer_does(volume)
        ui.explainCheck.setChecked(True)
        check(panel, address)
        wait_for(lambda: "omparing" in ui.progressLabel.text or not panel.logic.busy, "the check does not go on")
        if not panel.logic.busy:
            raise RuntimeError("the check was over before its picture was taken; give a larger --size")
        save(panel, out / "state-running.png", ui.progressLabel.text)
        finish(panel, "high")
        if not ui.mapCheck.isVisibleTo(panel.root):
            raise RuntimeError(f"there is no map: {ui.mapLabel.text}")
        save(panel, out / "state-small.png", ui.sentenceLabel.text, SMALL_WIDTH)
        with dark():
            save(panel, out / "state-dark.png", ui.sentenceLabel.text)
        compare(ui, 1)
        if slicer.app.layoutManager().layout != slicer.vtkMRMLLayoutNode.SlicerLayoutSideBySideView:
            raise RuntimeError("the match does not stand beside the scan")
        save_beside(panel, volume, out / "state-high.png", f"{ui.sentenceLabel.text} {ui.compareLabel.text}")


# Acting as a user


@contextmanager
def opened(scan: Path | None = None) -> Iterator[Any]:
    """Open the panel in an empty scene, or one with a scan that is selected, by somebody who never opened it before."""
    import slicer

    from slicer_harness.driving import open_module
    from slicer_harness.scene import load_volume

    forget_everything()
    volume = None if scan is None else load_volume(scan, "scan")
    widget = open_module()
    try:
        widget.panel.ui.volumeSelector.setCurrentNode(volume)
        widget.panel.refresh()
        yield widget.panel
    finally:
        widget.cleanup()
        widget.parent.hide()
        widget.parent.deleteLater()
        slicer.app.processEvents()


def forget_everything() -> None:
    """Empty the scene and the user's settings, which lie in a folder of this process."""
    import qt
    import slicer

    qt.QSettings().clear()
    slicer.mrmlScene.Clear(0)


def check(panel: Any, address: str) -> None:
    """Connect, press the button and agree."""
    from slicer_harness.driving import Answering

    panel.ui.serverEdit.setText(address)
    panel.ui.connectButton.click()
    wait_for(lambda: panel.logic.connection.state != "asking", "the server does not answer")
    with Answering("Agree and send"):
        panel.ui.checkButton.click()


def finish(panel: Any, level: str) -> None:
    """Wait for the result, which has to be of this level."""
    wait_for(lambda: not panel.logic.busy, "the check takes too long")
    if panel.report is None:
        raise RuntimeError(panel.ui.messageLabel.text)
    if panel.report["risk"]["level"] != level:
        raise RuntimeError(f"the panel's level is '{panel.report['risk']['level']}' and not '{level}'")


def wait_for(condition: Callable[[], Any], complaint: str) -> None:
    """Let Qt's events happen until the condition holds."""
    from slicer_harness.driving import wait_until

    if not wait_until(condition, WAIT):
        raise RuntimeError(complaint)


@contextmanager
def dark() -> Iterator[None]:
    """Give the application a dark palette for a while."""
    import qt
    import slicer

    before = slicer.app.palette()
    palette = qt.QPalette()
    for role, colour in DARK.items():
        palette.setColor(getattr(qt.QPalette, role), qt.QColor(colour))
    slicer.app.setPalette(palette)
    slicer.app.processEvents()
    try:
        yield
    finally:
        slicer.app.setPalette(before)
        slicer.app.processEvents()


# Pictures


def save(panel: Any, file: Path, shows: str, width: int = PANEL_WIDTH) -> None:
    """Save what the panel shows at a width."""
    from slicer_harness.driving import fit_to_width

    window = panel.root.window()
    fit_to_width(window, width)
    if window.width != width:
        raise RuntimeError(f"{file.name}: the panel cannot be {width} pixels wide, it needs {window.width}")
    write(window.grab(), file, shows)


def save_beside(panel: Any, volume: Any, file: Path, shows: str) -> None:
    """Save the panel with the views as they are on its right."""
    module = panel.root.window()
    window = beside(module, volume, VIEW_WIDTH)
    write(window.grab(), file, shows)
    window.hide()
    module.setParent(None)  # or it would go with the window


def write(picture: Any, file: Path, shows: str) -> None:
    """Write a picture, packed as small as it goes without a loss."""
    from PIL import Image

    if not picture.save(str(file)):
        raise OSError(f"'{file}' cannot be written")
    with Image.open(file) as written:
        packed = written.convert("RGB")
    packed.save(file, optimize=True)
    if file.stat().st_size > LARGEST:
        raise RuntimeError(
            f"{file.name} has {file.stat().st_size // 1000} kB and should have {LARGEST // 1000} at most"
        )
    print(f"{file.name}: {' '.join(shows.split())}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
