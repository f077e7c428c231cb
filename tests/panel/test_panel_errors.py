"""Whatever goes wrong, the panel says one sentence and is ready for the next try."""

import threading

import numpy as np
import pytest
from slicer_harness.driving import Answering, wait_until
from slicer_harness.fake_server import FakeServer
from slicer_harness.samples import sample_report


def sentence_after(module, address: str) -> str:
    """Press the button and give the message; the panel must be ready again."""
    ui = module.panel.ui
    ui.serverEdit.text = address
    with Answering("Agree and send"):
        ui.checkButton.click()
    assert wait_until(lambda: not module.panel.logic.busy)
    assert ui.checkButton.enabled
    assert module.panel.report is None
    assert not ui.resultArea.isVisibleTo(module.parent)
    assert ui.messageLabel.isVisibleTo(module.parent)
    assert "\n" not in ui.messageLabel.text
    return ui.messageLabel.text


def test_no_scan_is_selected(module, server) -> None:
    assert sentence_after(module, server.address) == "⚠ No scan is selected: choose a volume first."
    assert server.asked == []


def test_the_volume_is_empty(module, slicer, server) -> None:
    empty = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "empty")
    module.panel.ui.volumeSelector.setCurrentNode(empty)
    assert "holds no pixels" in sentence_after(module, server.address)
    assert server.asked == []


def test_the_volume_is_no_image(module, slicer, server) -> None:
    field = np.zeros((1, 40, 40, 2), np.float32)
    node = slicer.util.addVolumeFromArray(field, nodeClassName="vtkMRMLVectorVolumeNode")
    module.panel.ui.volumeSelector.setCurrentNode(node)
    assert "neither grey nor colour" in sentence_after(module, server.address)


@pytest.mark.parametrize("address", ["", "http://", "not an address", "ftp://server"])
def test_the_address_is_none(module, volume, address: str) -> None:
    assert "enter one such as http://127.0.0.1:8000" in sentence_after(module, address)
    assert module.panel.ui.serverEdit.text == address  # left as typed, to be mended


def test_no_server_is_running(module, volume) -> None:
    assert "start it with 'reid-engine serve --gallery DIR'" in sentence_after(module, "127.0.0.1:1")


def test_a_missing_scheme_and_0_0_0_0_are_forgiven(module, volume, server) -> None:
    ui = module.panel.ui
    ui.serverEdit.text = server.address.replace("http://127.0.0.1", "0.0.0.0")
    with Answering("Agree and send"):
        ui.checkButton.click()
    assert wait_until(lambda: not module.panel.logic.busy)
    assert module.panel.report is not None
    assert ui.serverEdit.text == server.address


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda h: h.reply(200, b"<html>hello</html>", "text/html"), "is not a re-identification risk server"),
        (lambda h: h.reply(500, {"detail": "the gallery is damaged"}), "refused: the gallery is damaged."),
        (lambda h: h.reply(413, b""), "too large"),
        (lambda h: h.reply(200, {"schema": "reid-risk/9"}), "'reid-risk/9'"),
        (lambda h: h.reply(200, {**sample_report(), "risk": {}}), "no proper 'risk.level'"),
    ],
)
def test_the_answer_is_none(module, volume, answer, words: str) -> None:
    with FakeServer(answer) as server:
        assert words in sentence_after(module, server.address)


def test_a_report_with_holes_is_shown_with_dashes(module, volume) -> None:
    """What is there is shown; what is missing, null or of the wrong kind never breaks the panel."""
    report = {
        "schema": "reid-risk/1",
        "scan": {},
        "encoder": {},
        "gallery": {},
        "assumptions": {},
        "risk": {"level": "elevated", "p_reidentified": None, "ci95": [None, 3], "anonymity_set": "x"},
        "matches": [{}, {"rank": True, "similarity": [], "p_same": {}, "subject_id": 7}],
        "leakage": [{}, {"attribute": "sex", "prediction": ["F"], "probe_auc": "good", "probe_auc_ci95": 3}],
        "caveats": [None, {"a": 1}, ""],
    }
    with FakeServer(report) as server:
        ui = module.panel.ui
        ui.serverEdit.text = server.address
        with Answering("Agree and send"):
            ui.checkButton.click()
        assert wait_until(lambda: not module.panel.logic.busy)
    assert ui.messageLabel.text == ""
    assert ui.levelLabel.text == "▲  Elevated risk"
    assert ui.sentenceLabel.text == "Possibly recognisable: –."
    assert ui.matchesTable.item(0, 1).text() == "–"
    assert ui.matchesTable.item(1, 1).text() == "7"
    assert [leak.text for leak in leak_labels(module)] == ["–: –", "sex: ['F']"]


def leak_labels(module) -> list:
    """Give the labels that name attributes."""
    import qt

    found = [label for label in module.parent.findChildren(qt.QLabel) if label.objectName.startswith("leakGuess")]
    return [label for label in found if label.isVisibleTo(module.parent)]


def test_empty_tables_say_why(module, volume) -> None:
    report = sample_report(level="unknown")
    report["matches"] = report["leakage"] = []
    ui = module.panel.ui
    with FakeServer(report) as server:
        ui.serverEdit.text = server.address
        with Answering("Agree and send"):
            ui.checkButton.click()
        assert wait_until(lambda: not module.panel.logic.busy)
    assert not ui.matchesTable.isVisibleTo(module.parent)
    assert leak_labels(module) == []
    for note in (ui.matchesNoteLabel, ui.leakageNoteLabel):
        assert note.isVisibleTo(module.parent)
        assert note.text


def test_text_from_a_server_is_never_markup(module, volume) -> None:
    report = sample_report()
    report["caveats"] = ["<img src=x><b>bold</b>"]
    report["matches"][0]["subject_id"] = "<h1>x</h1>\nsecond line"
    with FakeServer(report) as server:
        ui = module.panel.ui
        ui.serverEdit.text = server.address
        with Answering("Agree and send"):
            ui.checkButton.click()
        assert wait_until(lambda: not module.panel.logic.busy)
    import qt

    for name in ("sentenceLabel", "detailsLabel", "caveatsLabel", "sourceLabel", "messageLabel", "levelLabel"):
        assert getattr(ui, name).textFormat == qt.Qt.PlainText
    assert ui.caveatsLabel.text == "• <img src=x><b>bold</b>"
    assert ui.matchesTable.item(0, 1).text() == "<h1>x</h1> second line"


def test_a_client_that_dies_is_told(module, volume) -> None:
    released = threading.Event()
    with FakeServer(lambda handler: released.wait(10)) as server:
        ui = module.panel.ui
        ui.serverEdit.text = server.address
        with Answering("Agree and send"):
            ui.checkButton.click()
        assert wait_until(lambda: server.bodies)
        module.panel.logic._request._process._process.kill()
        assert wait_until(lambda: not module.panel.logic.busy)
        released.set()
    assert ui.messageLabel.text == "⚠ The check ended without an answer: try again."


def test_slicers_python_is_missing(module, volume, server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program than Python must not be started: it could be a second Slicer."""
    import sys

    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(sys, "executable", "/opt/Slicer/bin/SlicerApp-real")
    assert "PythonSlicer" in sentence_after(module, server.address)
    assert server.asked == []


def test_python_cannot_be_started(module, volume, server, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(sys, "executable", "/nowhere/python3")
    assert "could not be started" in sentence_after(module, server.address)


def test_there_is_no_temporary_folder(module, volume, server, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    kept = tempfile.tempdir
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    assert "No temporary folder can be made" in sentence_after(module, server.address)
    monkeypatch.setattr(tempfile, "tempdir", kept)
    assert server.asked == []
