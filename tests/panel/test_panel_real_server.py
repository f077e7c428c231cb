"""The whole way: widgets, the client's process, the MONAI Label server's process, the engine, and back."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from dicom_files import IDENTIFIERS, make_dicom, save_dicom
from PIL import Image
from slicer_harness import MODULE
from slicer_harness.driving import Answering, wait_until

from reid_engine.cohort import read_cohort
from reid_engine.fitting import fit_gallery
from reid_engine.matcher.enrolment import enrol
from reid_engine.matcher.gallery import Gallery
from reid_engine.phantom import phantom_scan, write_phantom_cohort
from reid_engine.serve import start

pytestmark = pytest.mark.slow

SEED, SIZE, NEW_VISIT = 5, 128, 2  # of the cohort; the first visit that is not enrolled
KINDS = ("CFP", "CXR")
SUBJECTS = 56  # enough for a probe of sex
TOKEN = "the-operator-gave-us-this"
TURNED = np.array([[0, 0, 2.0, 30], [-0.5, 0, 0, -20], [0, -0.5, 0, 10], [0, 0, 0, 1]])


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a cohort of phantoms, two visits each."""
    folder = tmp_path_factory.mktemp("cohort")
    write_phantom_cohort(folder, subjects=SUBJECTS, sessions=NEW_VISIT, modalities=KINDS, size=SIZE, seed=SEED)
    return folder


@pytest.fixture(scope="module")
def address(cohort: Path, encoder, tmp_path_factory: pytest.TempPathFactory):
    """Give the address of a real server with a gallery of that cohort, which it shows to whoever has the token."""
    gallery = Gallery.create(tmp_path_factory.mktemp("served") / "gallery", encoder.identity)
    enrol(read_cohort(cohort), gallery, encoder)
    fit_gallery(gallery)
    token = tmp_path_factory.mktemp("token") / "token"
    token.write_text(TOKEN)
    token.chmod(0o600)
    with start(gallery.path, cohort, options={"images": "yes", "token_file": str(token)}) as server:
        yield server.url


def label(module, name: str) -> str:
    import qt

    return next(found.text for found in module.parent.findChildren(qt.QLabel) if found.objectName == name)


def save(pixels: np.ndarray, path: Path) -> Path:
    Image.fromarray(pixels).save(path)
    return path


def sign_in(module, address: str) -> None:
    """Connect, find that a token is wanted, and give it."""
    ui, connection = module.panel.ui, module.panel.logic.connection
    ui.serverEdit.text = address
    ui.connectButton.click()
    assert wait_until(lambda: connection.state != "asking", 60)
    if connection.state == "sign in":
        ui.tokenEdit.text = TOKEN
        ui.connectButton.click()
        assert wait_until(lambda: connection.state != "asking", 60)
    assert ui.stateLabel.text == "Connected"


def check(module, path: Path, address: str, modality: str = "") -> dict:
    """Load a file and check it as a user would; give the report that the panel shows."""
    from slicer_harness.scene import load_volume

    return check_volume(module, load_volume(path), address, modality)


def check_volume(module, volume, address: str, modality: str = "") -> dict:
    """Check a volume as a user would, signed in."""
    ui = module.panel.ui
    ui.volumeSelector.setCurrentNode(volume)
    ui.modalityCombo.setCurrentIndex(ui.modalityCombo.findData(modality))
    sign_in(module, address)
    with Answering("Agree and send"):
        ui.checkButton.click()
    assert wait_until(lambda: not module.panel.logic.busy, 120)
    assert ui.messageLabel.text == ""
    return module.panel.report


@pytest.mark.parametrize("modality", KINDS)
def test_a_new_visit_of_an_enrolled_person(module, address: str, tmp_path: Path, modality: str) -> None:
    path = save(phantom_scan(modality, 4, NEW_VISIT, SEED, SIZE), tmp_path / "Doe_Jane.png")
    report = check(module, path, address, modality)
    ui = module.panel.ui
    assert report["scan"]["modality"] == modality
    assert len(report["matches"]) == ui.matchesTable.rowCount == 10
    assert "P005" in [ui.matchesTable.item(i, 1).text() for i in range(3)]
    assert ui.matchesTable.item(0, 1).text() == report["matches"][0]["subject_id"]
    assert [leak["attribute"] for leak in report["leakage"]] == ["sex", "age"]
    assert "of 100 pairs" in label(module, "leakQuality0")
    assert "is off by" in label(module, "leakQuality1")
    assert f"{SUBJECTS} subjects" in ui.sourceLabel.text
    assert report["risk"]["level"] in ("high", "elevated")


def test_slicers_way_gives_the_same_report_as_the_file_itself(module, address: str, tmp_path: Path) -> None:
    """The same pixels arrive, whichever container they travel in."""
    sys.path.insert(0, str(MODULE))
    from ReidentificationRiskLib.client import check as check_file

    path = save(phantom_scan("CFP", 2, NEW_VISIT, SEED, SIZE), tmp_path / "eye.png")
    shown, direct = check(module, path, address, "CFP"), check_file(address, path, {"modality": "CFP"}, token=TOKEN)
    for report in (shown, direct):
        del report["timing_ms"]
    assert shown == direct


def test_an_enrolled_picture_is_flagged(module, address: str, cohort: Path) -> None:
    report = check(module, cohort / "cxr_P003_s2.png", address, "CXR")
    assert report["matches"][0]["subject_id"] == "P003"
    assert module.panel.ui.matchesTable.item(0, 4).text().startswith("the same picture")
    assert "Nearly the same picture is enrolled" in module.panel.ui.detailsLabel.text


def test_noise_is_no_low_risk(module, address: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (160, 160), dtype=np.uint8)
    report = check(module, save(noise, tmp_path / "noise.png"), address)
    assert report["risk"]["level"] == "unknown"
    assert module.panel.ui.levelLabel.text == "?  No statement possible: unlike the enrolled"
    assert "dashed" in module.panel.ui.headlineFrame.styleSheet


def test_what_the_engine_refuses_comes_as_its_sentence(module, address: str, slicer) -> None:
    tiny = slicer.util.addVolumeFromArray(np.arange(100, dtype=np.uint8).reshape(1, 10, 10), name="tiny")
    ui = module.panel.ui
    ui.volumeSelector.setCurrentNode(tiny)
    sign_in(module, address)
    with Answering("Agree and send"):
        ui.checkButton.click()
    assert wait_until(lambda: not module.panel.logic.busy, 60)
    assert module.panel.report is None
    assert ui.messageLabel.text.startswith(f"⚠ The server at {address} refused: ")
    assert "scan.nrrd" not in ui.messageLabel.text or "/" not in ui.messageLabel.text.split("refused:")[1]


def test_the_server_is_found_with_its_token(module, address: str) -> None:
    ui = module.panel.ui
    ui.serverEdit.text = address
    ui.connectButton.click()
    assert wait_until(lambda: ui.stateLabel.text == "Token needed", 60)
    module.panel.logic.connection.sign_in("this-is-not-the-token")
    ui.connectButton.click()
    assert wait_until(lambda: "did not accept the token" in ui.connectionLabel.text, 60)
    sign_in(module, address)
    assert f"Gallery: {SUBJECTS} subjects (CFP {SUBJECTS}, CXR {SUBJECTS})" in ui.connectionLabel.text
    assert "measures, risk" in ui.connectionLabel.text


def test_why_it_matched_lies_over_the_scan_beside_the_match(module, address: str, cohort: Path, slicer) -> None:
    """A turned scan, as Slicer sends it; the map comes back on its voxels, and the match as it was enrolled."""
    pixels = phantom_scan("CXR", 4, NEW_VISIT, SEED, SIZE)
    scan = slicer.util.addVolumeFromArray(pixels[np.newaxis], TURNED, "scan")
    manager, ui = slicer.app.layoutManager(), module.panel.ui
    red, yellow = (manager.sliceWidget(name).mrmlSliceCompositeNode() for name in ("Red", "Yellow"))
    red.SetBackgroundVolumeID(scan.GetID())
    before = manager.layout
    ui.explainCheck.setChecked(True)
    report = check_volume(module, scan, address, "CXR")
    assert "made the scan match subject" in ui.mapLabel.text
    map_ = slicer.mrmlScene.GetNodeByID(red.GetForegroundVolumeID())
    lost = slicer.util.arrayFromVolume(map_)
    assert lost.shape == (1, *pixels.shape)
    assert 0 < lost.max() <= 1
    assert lost.max() == pytest.approx(report["explanation"]["most_lost"], abs=1e-3)

    ui.matchesTable.selectRow(0)
    assert wait_until(lambda: ui.compareLabel.text.startswith("Left"), 60)
    match = slicer.mrmlScene.GetNodeByID(yellow.GetBackgroundVolumeID())
    with Image.open(cohort / report["matches"][0]["sample_id"]) as enrolled:
        assert (slicer.util.arrayFromVolume(match)[0] == np.asarray(enrolled)).all()
    ui.backButton.click()
    assert manager.layout == before
    assert yellow.GetBackgroundVolumeID() is None
    assert red.GetForegroundVolumeID() == map_.GetID()
    ui.removeMapButton.click()
    assert red.GetForegroundVolumeID() is None


def section_of(module, kind: str):
    return next(section for section in module.panel.sections if type(section).__name__ == kind)


def test_measures_are_tried_and_their_copies_lie_where_the_scan_lies(module, address: str, slicer) -> None:
    pixels = phantom_scan("CXR", 4, NEW_VISIT, SEED, SIZE)
    volume = slicer.util.addVolumeFromArray(pixels[np.newaxis], TURNED, "DOE^JANE")
    check_volume(module, volume, address, "CXR")
    ui, logic = module.panel.ui, section_of(module, "MeasuresSection").measures
    ui.tryMeasuresButton.click()
    assert wait_until(lambda: not logic.busy, 120)
    assert ui.measuresMessageLabel.text == ""
    names = [ui.measuresTable.item(i, 0).text() for i in range(ui.measuresTable.rowCount)]
    assert names[:2] == ["as it is", "header-only"]
    assert "marks" in names  # which is for x-rays
    assert "optic-disc" not in names
    assert ui.measuresTable.item(1, 2).text() == "NOT lower"
    assert "attacker" in ui.measureCaveatsLabel.text
    for name, keeps_shape in (("blur", True), ("crop", False)):
        ui.measuresTable.selectRow(names.index(name))
        assert ui.previewAfter.pixmap.width() > 20
        ui.copyButton.click()
        assert wait_until(lambda: not logic.busy, 120)
        copy = slicer.util.getNode(f"De-risked copy ({name})")
        made = slicer.util.arrayFromVolume(copy)
        assert np.allclose(copy.GetSpacing(), volume.GetSpacing())
        assert 0 <= made.min() < made.max() <= pixels.max()
        inside, whole = [0.0] * 6, [0.0] * 6
        copy.GetRASBounds(inside)
        volume.GetRASBounds(whole)
        assert all(a >= b - 0.01 for a, b in zip(inside[::2], whole[::2], strict=True))
        assert all(a <= b + 0.01 for a, b in zip(inside[1::2], whole[1::2], strict=True))
        assert (made.shape == (1, *pixels.shape)) == keeps_shape
        if not keeps_shape:  # the very pixels of the middle
            steps = np.linalg.inv(slicer.util.arrayFromVTKMatrix(ijk_to_ras(volume))) @ [*copy.GetOrigin(), 1]
            i, j = round(steps[0]), round(steps[1])
            part = pixels[j : j + made.shape[1], i : i + made.shape[2]].astype(int)
            assert np.abs(made[0] - part).mean() < 1
    assert np.array_equal(slicer.util.arrayFromVolume(volume)[0], pixels)


def ijk_to_ras(volume):
    import vtk

    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    return matrix


def test_a_colour_scan_keeps_its_colour(module, address: str, slicer, tmp_path: Path) -> None:
    check(module, save(phantom_scan("CFP", 3, NEW_VISIT, SEED, SIZE), tmp_path / "eye.png"), address, "CFP")
    logic = section_of(module, "MeasuresSection").measures
    logic.make_copy("optic-disc")
    assert wait_until(lambda: not logic.busy, 120)
    copy = slicer.util.getNode("De-risked copy (optic-disc)")
    assert copy.GetClassName() == "vtkMRMLVectorVolumeNode"
    made, whole = slicer.util.arrayFromVolume(copy), slicer.util.arrayFromVolume(module.panel.logic.volume)
    assert made.dtype == np.uint8
    assert made.shape == whole.shape
    assert 0.005 < (made != whole).any(axis=-1).mean() < 0.3


def test_the_servers_own_studies_are_checked(module, address: str, slicer) -> None:
    ui, batch = module.panel.ui, section_of(module, "BatchSection").batch
    sign_in(module, address)
    ui.studiesButton.click()
    assert wait_until(lambda: sum(bool(row.report) for row in batch.rows) >= 3 or not batch.busy, 120)
    ui.batchCancelButton.click()
    assert len(batch.rows) == SUBJECTS * NEW_VISIT * len(KINDS)
    assert ui.batchTable.rowCount == len(batch.rows)
    done = [row for row in batch.rows if row.report]
    assert len(done) >= 3
    assert not [row for row in batch.rows if row.note]


def test_the_whole_story_from_a_dicom_file_to_the_saved_report(module, address: str, slicer, tmp_path: Path) -> None:
    """A clinician's hour: a scan with a header, a check with why, the match, the measures, the header, the report."""
    from slicer_harness.scene import load_volume

    pixels = phantom_scan("CXR", 4, NEW_VISIT, SEED, SIZE)
    dataset = make_dicom(pixels.astype(np.uint16) * 16, Modality="DX", WindowCenter=2040, WindowWidth=4080)
    volume = load_volume(save_dicom(tmp_path / "a.dcm", dataset), "scan")
    ui, manager = module.panel.ui, slicer.app.layoutManager()
    red = manager.sliceWidget("Red").mrmlSliceCompositeNode()
    red.SetBackgroundVolumeID(volume.GetID())
    before = manager.layout

    ui.explainCheck.setChecked(True)
    report = check_volume(module, volume, address)
    assert report["scan"]["modality"] == "CXR"
    assert ui.levelLabel.text
    assert red.GetForegroundVolumeID()
    ui.matchesTable.selectRow(0)
    assert wait_until(lambda: ui.compareLabel.text.startswith("Left"), 60)
    ui.backButton.click()
    assert manager.layout == before

    measures = section_of(module, "MeasuresSection").measures
    ui.tryMeasuresButton.click()
    assert wait_until(lambda: not measures.busy, 120)
    names = [ui.measuresTable.item(i, 0).text() for i in range(ui.measuresTable.rowCount)]
    ui.measuresTable.selectRow(names.index("down-sample"))
    ui.copyButton.click()
    assert wait_until(lambda: not measures.busy, 120)
    assert slicer.util.getNode("De-risked copy (down-sample)") is not None

    ui.headerButton.click()
    assert wait_until(lambda: not section_of(module, "HeaderSection").header.busy, 60)
    cells = [(i, j) for i in range(ui.headerTable.rowCount) for j in range(ui.headerTable.columnCount)]
    hidden = " ".join(ui.headerTable.item(i, j).text() for i, j in cells if ui.headerTable.item(i, j))
    assert "Patient's Name" in hidden
    assert not [value for value in IDENTIFIERS.values() if value in hidden]

    for kind in ("html", "pdf", "json"):
        path = tmp_path / f"report.{kind}"
        section_of(module, "ReportSection").ask_path = lambda *asked, path=path: str(path)
        getattr(ui, f"{kind}Button").click()
        assert path.stat().st_size > 1000
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert report["matches"][0]["subject_id"] in page
    assert "down-sample" in page
    assert not [value for value in IDENTIFIERS.values() if value in page]
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    kept = [node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLTextNode")]
    assert any(name.startswith("Re-id") for name in kept)
