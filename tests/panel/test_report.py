"""Results beyond the moment: in the scene, saved and loaded with it, and as files."""

import base64
import html.parser
import json
import os
import re
import shutil
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
from dicom_files import IDENTIFIERS, grey8, make_dicom, save_dicom
from slicer_harness.driving import Answering, wait_until
from slicer_harness.fake_measures import measures_server
from slicer_harness.samples import sample_report

import reid_engine

SECRETS = ("DOE", "JANE")


@pytest.fixture
def server():
    """Give a server that checks, and tries measures."""
    with measures_server(report=sample_report()) as running:
        yield running


def section_of(module, kind: str):
    return next(s for s in module.panel.sections if type(s).__name__ == kind)


def check(module, server) -> None:
    module.panel.ui.serverEdit.text = server.address
    with Answering("Agree and send"):
        module.panel.ui.checkButton.click()
    assert wait_until(lambda: not module.panel.logic.busy)
    assert module.panel.report is not None


def save(module, folder: Path, kind: str) -> Path:
    path = folder / f"out.{kind}"
    section_of(module, "ReportSection").ask_path = lambda *asked: str(path)
    getattr(module.panel.ui, f"{kind}Button").click()
    return path


class Page(html.parser.HTMLParser):
    """Reads a page: its text, and that every element that was opened is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.open, self.pictures = "", [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes) -> None:
        if tag == "img":
            self.pictures.append(dict(attributes)["src"])
        elif tag not in ("br", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data) -> None:
        self.text += data + "\n"


# In the scene


def kept_nodes(slicer) -> dict[str, list]:
    kinds = {"text": "vtkMRMLTextNode", "table": "vtkMRMLTableNode"}
    return {name: [n for n in slicer.util.getNodesByClass(kind) if n.GetName().startswith("Re-id")] for name, kind in kinds.items()}  # fmt: skip


def test_a_result_is_kept_below_its_volume(module, ui, slicer, server, volume) -> None:
    check(module, server)
    check(module, server)  # the second takes the first's place
    nodes = kept_nodes(slicer)
    ((text,), (table,)) = nodes["text"], nodes["table"]
    document = json.loads(text.GetText())
    assert document["report"] == sample_report()
    assert document["versions"]["module"] == reid_engine.__version__
    assert document["versions"]["server"] == "fake 0.1.0"
    assert document["versions"]["encoder"] == "efficientnet-lite0 0123456789abcdef"
    assert document["scan"]["size"] == "64 × 48"
    assert not [s for s in (*SECRETS, "127.0.0.1") if s in text.GetText()]
    assert table.GetTable().GetNumberOfRows() == 3
    assert table.GetCellText(0, 1) == "S-3F2A91C0"
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    for node in (text, table):
        assert hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) == hierarchy.GetItemByDataNode(volume)


@pytest.mark.parametrize("suffix", ["mrb", "mrml"])
def test_it_is_there_when_the_scene_is_opened_again(
    module, ui, slicer, server, volume, tmp_path: Path, suffix: str
) -> None:
    check(module, server)
    made = json.loads(kept_nodes(slicer)["text"][0].GetText())["made"]
    scene = slicer.mrmlScene
    saved = tmp_path / "saved" / f"scene.{suffix}"
    saved.parent.mkdir()
    if suffix == "mrb":
        assert scene.WriteToMRB(str(saved))
    else:
        folder = saved.parent
        assert scene.SaveSceneToSlicerDataBundleDirectory(str(folder))
        (saved,) = folder.rglob("*.mrml")
    scene.Clear(0)
    assert module.panel.report is None
    assert not ui.earlierLabel.isVisibleTo(module.parent)

    if suffix == "mrb":
        (tmp_path / "unpacked").mkdir()
        saved = scene.UnpackSlicerDataBundle(str(saved), str(tmp_path / "unpacked"))
    scene.SetURL(str(saved))
    assert scene.Connect()
    assert module.panel.logic.volume is not None
    assert module.panel.report == sample_report()
    assert ui.matchesTable.rowCount == 3
    assert "High risk" in ui.levelLabel.text
    assert ui.earlierLabel.isVisibleTo(module.parent)
    when = made[:16].replace("T", " ")
    assert ui.earlierLabel.text.startswith(f"Earlier result, of {when}, kept in the scene.")
    table = kept_nodes(slicer)["table"][0]
    assert table.GetCellText(0, 1) == "S-3F2A91C0"
    check(module, server)
    assert not ui.earlierLabel.isVisibleTo(module.parent)


def test_it_comes_back_with_its_volume_and_not_with_other_pixels(module, ui, slicer, server, volume) -> None:
    other = slicer.util.addVolumeFromArray(np.zeros((1, 40, 40), np.uint8), name="other")
    ui.volumeSelector.setCurrentNode(volume)
    check(module, server)
    ui.volumeSelector.setCurrentNode(other)
    assert module.panel.report is None
    assert not ui.htmlButton.enabled
    ui.volumeSelector.setCurrentNode(volume)
    assert module.panel.report == sample_report()
    assert ui.earlierLabel.isVisibleTo(module.parent)
    assert ui.htmlButton.enabled
    ui.volumeSelector.setCurrentNode(other)
    slicer.util.updateVolumeFromArray(volume, np.ones((1, 40, 40), np.int16))
    ui.volumeSelector.setCurrentNode(volume)
    assert module.panel.report is None


def test_nothing_is_kept_where_the_user_does_not_want_it(module, ui, slicer, server, volume) -> None:
    assert ui.keepCheck.checked
    check(module, server)
    ui.keepCheck.click()
    assert kept_nodes(slicer) == {"text": [], "table": []}
    check(module, server)
    assert kept_nodes(slicer) == {"text": [], "table": []}
    assert ui.htmlButton.enabled
    ui.keepCheck.click()
    assert len(kept_nodes(slicer)["text"]) == 1


def test_a_result_goes_with_its_volume_and_nothing_else_does(module, ui, slicer, volume) -> None:
    other = slicer.util.addVolumeFromArray(np.zeros((1, 40, 40), np.uint8), name="other")
    theirs = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTextNode", "Re-identification risk: somebody's own notes")
    for scan in (volume, other):
        ui.volumeSelector.setCurrentNode(scan)
        module.panel.logic._on_answer({"event": "result", "report": sample_report()})
    assert len(kept_nodes(slicer)["text"]) == 3
    slicer.mrmlScene.RemoveNode(other)
    assert len(kept_nodes(slicer)["table"]) == 1
    assert theirs in kept_nodes(slicer)["text"]
    ui.volumeSelector.setCurrentNode(volume)
    assert module.panel.report == sample_report()
    slicer.mrmlScene.RemoveNode(volume)
    assert kept_nodes(slicer) == {"text": [theirs], "table": []}


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"schema": "reid-panel/1"}', '{"schema": "reid-panel/1", "made": "yesterday", "report": {}}',
     '{"schema": "reid-panel/1", "made": "2026-01-01T10:00:00+00:00", "report": {"schema": "reid-risk/1"}}', "[" * 9999],
)  # fmt: skip
def test_a_scene_of_somebody_elses_making_shows_nothing(module, ui, slicer, volume, text: str) -> None:
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTextNode")
    node.SetText(text)
    volume.SetNodeReferenceID("ReidentificationRisk.Report", node.GetID())
    module.panel.logic.select(None)
    module.panel.logic.select(volume)
    assert module.panel.report is None


# As files


def test_without_a_result_there_is_nothing_to_save(module, ui, volume) -> None:
    for button in (ui.htmlButton, ui.pdfButton, ui.jsonButton):
        assert not button.enabled


def test_a_page_says_all_that_the_panel_says(module, ui, server, volume, tmp_path: Path) -> None:
    check(module, server)
    written = save(module, tmp_path, "html").read_text(encoding="utf-8")
    page = Page(written)
    for words in ("High risk", ui.sentenceLabel.text, "S-3F2A91C0", "S-77B0C1D2",
                  "in 91 of 100 pairs", "212 mated pairs", "332", "50 %", "efficientnet-lite0 0123456789abcdef",
                  "fake 0.1.0", reid_engine.__version__, "no match is no proof of safety"):  # fmt: skip
        assert words in page.text, words
    assert re.search(r"20\d\d-\d\d-\d\d \d\d:\d\d", page.text)
    assert page.pictures == []
    assert "What would lower it" not in page.text
    assert not [s for s in (*SECRETS, "127.0.0.1") if s in written]
    assert ui.reportMessageLabel.text == "Saved as 'out.html'."


def test_measures_header_and_pictures_go_into_it(module, ui, slicer, server, tmp_path: Path) -> None:
    from slicer_harness.scene import load_volume

    load_volume(save_dicom(tmp_path / "a.dcm", make_dicom(grey8())), "scan")
    module.enter()
    check(module, server)
    ui.tryMeasuresButton.click()
    assert wait_until(lambda: not section_of(module, "MeasuresSection").measures.busy)
    ui.headerButton.click()
    assert wait_until(lambda: ui.headerTable.rowCount)
    ui.revealCheck.click()
    page = Page(save(module, tmp_path, "html").read_text(encoding="utf-8"))
    for words in ("Does NOT lower the risk here: header-only.", "31.3", "Patient's Name", "1 file was read."):
        assert words in page.text, words
    assert not [v for v in IDENTIFIERS.values() if v in page.text]
    assert page.pictures == []
    ui.picturesCheck.click()
    page = Page(save(module, tmp_path, "html").read_text(encoding="utf-8"))
    assert len(page.pictures) == 5  # the scan, as the server read it, and after three measures
    assert all(base64.b64decode(p.partition(",")[2]).startswith(b"\x89PNG") for p in page.pictures)
    document = json.loads(save(module, tmp_path, "json").read_text(encoding="utf-8"))
    assert document["measures"]["measures"][1]["preview"]
    assert document["pictures"]["scan"]


def test_the_scans_picture_is_as_it_is_displayed(slicer, module, tmp_path: Path) -> None:
    import io

    from PIL import Image
    from ReidentificationRiskLib.scan_picture import scan_png

    pixels = np.zeros((3, 40, 60), np.int16)
    pixels[1, :10] = 1000
    volume = slicer.util.addVolumeFromArray(pixels)
    volume.CreateDefaultDisplayNodes()
    volume.GetDisplayNode().SetAutoWindowLevel(False)
    volume.GetDisplayNode().SetWindowLevel(2000, 1000)
    drawn = np.asarray(Image.open(io.BytesIO(scan_png(volume))))
    assert drawn.shape == (40, 60)
    assert (drawn[:10] == 127).all()
    assert not drawn[10:].any()
    colour = np.random.default_rng(0).integers(0, 255, (1, 1100, 600, 3), np.uint8)
    volume = slicer.util.addVolumeFromArray(colour, nodeClassName="vtkMRMLVectorVolumeNode")
    drawn = np.asarray(Image.open(io.BytesIO(scan_png(volume))))
    assert np.array_equal(drawn, colour[0, ::3, ::3])


def test_what_came_from_elsewhere_is_escaped(module, ui, server, volume, tmp_path: Path) -> None:
    check(module, server)
    report = section_of(module, "ReportSection").report
    report.document["report"]["matches"][0]["subject_id"] = "<script>alert(1)</script>"
    report.document["versions"]["server"] = "<b>x"
    report.document["report"]["caveats"] = ["a < b & c"]
    page = Page(save(module, tmp_path, "html").read_text(encoding="utf-8"))
    assert "<script>alert(1)</script>" in page.text
    assert "a < b & c" in page.text


def test_a_pdf_is_whole_and_holds_its_pictures(module, ui, server, volume, tmp_path: Path) -> None:
    check(module, server)
    content = save(module, tmp_path, "pdf").read_bytes()
    assert content.startswith(b"%PDF-")
    assert content.rstrip().endswith(b"%%EOF")
    assert len(re.findall(rb"/Type\s*/Page\b", content)) in (1, 2, 3)
    assert b"/Subtype /Image" not in content
    ui.tryMeasuresButton.click()
    assert wait_until(lambda: not section_of(module, "MeasuresSection").measures.busy)
    ui.picturesCheck.click()
    with_pictures = save(module, tmp_path, "pdf").read_bytes()
    assert with_pictures.count(b"/Subtype /Image") == 4  # the copy without a header looks like the scan as it is


@pytest.mark.parametrize("kind", ["html", "pdf", "json"])
def test_a_report_is_for_its_owner_alone(module, ui, server, volume, tmp_path: Path, kind: str) -> None:
    module.panel.logic._on_answer({"event": "result", "report": sample_report()})
    assert save(module, tmp_path, kind).stat().st_mode & 0o077 == 0


def test_a_slicer_without_printing_says_so(module, ui, volume, tmp_path: Path, monkeypatch) -> None:
    import qt

    module.panel.logic._on_answer({"event": "result", "report": sample_report()})
    monkeypatch.delattr(qt, "QPrinter")
    assert not save(module, tmp_path, "pdf").exists()
    assert ui.reportMessageLabel.text == "⚠ This Slicer cannot print: save HTML, and print that from a browser."


def test_json_is_the_document(module, ui, server, volume, tmp_path: Path) -> None:
    from ReidentificationRiskLib.document import read_document

    check(module, server)
    document = read_document(save(module, tmp_path, "json").read_text(encoding="utf-8"))
    assert document["report"] == sample_report()
    assert document["made"]


@pytest.mark.parametrize("kind", ["html", "pdf", "json"])
def test_a_folder_that_takes_nothing_is_one_sentence(module, ui, server, volume, tmp_path: Path, kind: str) -> None:
    check(module, server)
    save(module, tmp_path / "gone", kind)
    assert ui.reportMessageLabel.text == (
        f"⚠ 'out.{kind}' cannot be written: No such file or directory. Choose another folder, or make room."
    )


def small_disk(folder: Path, size: int) -> bool:
    """Mount a small file system; False where this user may not."""
    mount = shutil.which("mount")
    if mount is None:
        return False
    command = [mount, "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("kind", ["html", "pdf", "json"])
def test_a_full_disk_is_one_sentence_and_keeps_what_was_there(
    module, ui, server, volume, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    check(module, server)
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = small_disk(folder, 8192)
    if not mounted:  # as far as this user can have it: writing fails as on a full disk
        monkeypatch.setattr(os, "fsync", lambda handle: (_ for _ in ()).throw(OSError(28, os.strerror(28))))
    try:
        (folder / f"out.{kind}").write_text("as it was")
        report = section_of(module, "ReportSection").report
        report.document["report"]["caveats"] = [zlib.compress(os.urandom(9000)).hex()]
        save(module, folder, kind)
        assert "No space left on device. Choose another folder, or make room." in ui.reportMessageLabel.text
        assert (folder / f"out.{kind}").read_text() == "as it was"
        assert [file.name for file in folder.iterdir()] == [f"out.{kind}"]
    finally:
        if mounted:
            subprocess.run(["umount", "-l", folder], check=True)


def test_a_cancelled_dialog_saves_nothing(module, ui, server, volume, tmp_path: Path) -> None:
    check(module, server)
    section_of(module, "ReportSection").ask_path = lambda *asked: ""
    ui.htmlButton.click()
    assert not ui.reportMessageLabel.isVisibleTo(module.parent)


def test_the_dialog_proposes_a_neutral_name_and_the_last_folder(module, tmp_path: Path, monkeypatch) -> None:
    import qt
    from ReidentificationRiskLib.file_dialog import ask_path

    asked = []
    answers = iter([str(tmp_path / "one"), str(tmp_path / "two.PDF"), ""])
    monkeypatch.setattr(qt.QFileDialog, "getSaveFileName", lambda *args: asked.append(args) or next(answers))
    assert ask_path(None, "Save", "re-identification-risk.html", "html") == str(tmp_path / "one.html")
    assert ask_path(None, "Save", "re-identification-risk.pdf", "pdf") == str(tmp_path / "two.PDF")
    assert ask_path(None, "Save", "re-identification-risk.pdf", "pdf") == ""
    assert asked[0][2].endswith("re-identification-risk.html")
    assert asked[0][3] == "HTML (*.html)"
    assert asked[1][2] == str(tmp_path / "re-identification-risk.pdf")


def test_the_version_is_that_of_the_release() -> None:
    from ReidentificationRiskLib.version import VERSION

    assert reid_engine.__version__ == VERSION
