"""The panel from loading a scan to reading the result, through its widgets."""

import email
import itertools
import os
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from slicer_harness.driving import Answering, wait_until
from slicer_harness.fake_server import FakeServer
from slicer_harness.samples import sample_report

CHECK = "/infer/reidentification_risk?output=json"


def press(ui, answer: str = "Agree and send") -> list[str]:
    """Press the button as a user, answer what is asked, and give the texts of the questions."""
    with Answering(answer) as answering:
        ui.checkButton.click()
    return answering.texts


def press_and_wait(module) -> None:
    press(module.panel.ui)
    assert wait_until(lambda: not module.panel.logic.busy)


def cells(table) -> list[list[str]]:
    import slicer

    slicer.app.processEvents()  # the table gets its width
    return [[table.item(i, j).text() for j in range(table.columnCount)] for i in range(table.rowCount)]


def texts_of(module, prefix: str) -> list[str]:
    """Give what the labels say whose names begin like this, from top to bottom."""
    import qt

    labels = [label for label in module.parent.findChildren(qt.QLabel) if label.objectName.startswith(prefix)]
    return [label.text for label in labels if label.text and label.isVisibleTo(module.parent)]


def test_a_scan_is_checked_from_question_to_tables(module, ui, server, volume) -> None:
    ui.volumeSelector.setCurrentNode(volume)
    ui.serverEdit.text = server.address
    ui.serverEdit.editingFinished.emit()
    assert wait_until(lambda: server.asked == ["/info/"])  # it is asked beside the panel, and may take its time
    for hidden in (ui.resultArea, ui.progressArea, ui.messageLabel, ui.withdrawButton):
        assert not hidden.isVisibleTo(module.parent)

    (question,) = press(ui)
    assert server.address in question
    assert "pixels" in question
    assert "DICOM headers" in question
    assert module.panel.logic.busy
    assert ui.progressArea.isVisibleTo(module.parent)
    assert not ui.checkButton.enabled
    assert wait_until(lambda: not module.panel.logic.busy)

    assert server.asked == ["/info/", "/info/", CHECK]  # at the address, and before the scan leaves
    assert ui.messageLabel.text == ""
    assert ui.resultArea.isVisibleTo(module.parent)
    assert not ui.progressArea.isVisibleTo(module.parent)
    assert ui.checkButton.enabled
    assert ui.levelLabel.text == "▲▲  High risk"
    assert ui.sentenceLabel.text == (
        "Likely recognisable: 87 % (78 to 93 %) that this is subject S-3F2A91C0, given an even chance that they are among "
        "the 332 enrolled."
    )
    assert ui.detailsLabel.text.splitlines() == [
        "Hides among 1.3 of 332 people.",
        "Assumes a chance of 50 % beforehand that the patient is one of these 332, and an attacker who holds what is "
        "enrolled.",
        "Of 74 trials with such a probability, 91 % (84 to 96 %) were truly re-identified.",
    ]
    assert cells(ui.matchesTable) == [
        ["1", "S-3F2A91C0", "0.812", "87 %", "same session"],
        ["2", "S-77B0C1D2", "0.440", "2 %", ""],
        ["3", "S-0099ABCD", "0.412", "< 1 %", "near-duplicate"],
    ]
    assert texts_of(module, "leak") == [
        "sex: female", "93 %, unseen 46 %",
        "1.02 bits gained. Tells a woman from a man among other patients in 91 of 100 pairs (87 to 95); guessing does in 50.",
        "age: 57 (43–72)",
        "0.31 bits gained. On other patients it is off by 7.3 (6.8–7.9) on average; without the image by 13.9.",
    ]  # fmt: skip
    assert "212 mated pairs" in ui.caveatsLabel.text
    assert "332 subjects" in ui.sourceLabel.text
    assert module.panel.report == sample_report()


def test_what_is_sent_is_the_pixels_and_nothing_that_names_anybody(module, ui, server, volume) -> None:
    volume.SetAttribute("DICOM.instanceUIDs", "1.2.826.0.1.SECRET")
    volume.SetDescription("SECRET")
    ui.serverEdit.text = server.address
    ui.modalityCombo.setCurrentIndex(ui.modalityCombo.findData("CXR"))
    press_and_wait(module)
    headers, body = server.bodies[0]
    everything = str(headers).encode() + body
    for secret in (b"DOE", b"JANE", b"SECRET", b"reid-scan"):
        assert secret not in everything
    message = email.message_from_bytes(f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode() + body)
    params, file = message.get_payload()
    assert params.get_payload() == '{"modality": "CXR"}'
    assert file.get_filename() == "scan.nrrd"
    assert np.arange(48 * 64, dtype="<i2").tobytes() in body


def test_consent_is_asked_once_for_each_address(module, ui, server, volume) -> None:
    ui.serverEdit.text = server.address
    assert len(press(ui)) == 1
    assert wait_until(lambda: not module.panel.logic.busy)
    assert press(ui) == []
    assert wait_until(lambda: not module.panel.logic.busy)
    with FakeServer(sample_report()) as other:
        ui.serverEdit.text = other.address
        assert len(press(ui)) == 1
        assert wait_until(lambda: not module.panel.logic.busy)
    assert len(server.bodies) == 2


def test_refused_consent_sends_nothing_and_is_asked_again(module, ui, server, volume) -> None:
    ui.serverEdit.text = server.address
    assert len(press(ui, "Do not send")) == 1
    assert not module.panel.logic.busy
    assert ui.messageLabel.text == "Nothing was sent."
    assert len(press(ui, "Do not send")) == 1
    assert server.asked == []


def test_withdrawn_consent_is_asked_again(module, ui, server, volume) -> None:
    ui.serverEdit.text = server.address
    press_and_wait(module)
    assert ui.agreementLabel.text == "You agreed to send scans here."
    ui.withdrawButton.click()
    assert ui.agreementLabel.text == "Asks before the first scan is sent here."
    assert not ui.withdrawButton.isVisibleTo(module.parent)
    assert len(press(ui, "Do not send")) == 1


def test_the_logic_itself_sends_nothing_without_consent(module, server, volume) -> None:
    """Even if a widget forgot to ask."""
    logic, said = module.panel.logic, []
    logic.failed.connect(said.append)
    logic.settings.server = server.address
    logic.check()
    assert not logic.busy
    assert said == ["Nothing was sent: sending scans to this address was not agreed to."]
    assert server.asked == []


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("127.0.0.1:8000", "runs on this computer"),
        ("https://reid.hospital.org", "is encrypted"),
        ("http://reid.hospital.org", "NOT encrypted"),
    ],
)
def test_the_question_says_how_safe_the_way_is(slicer, address: str, words: str) -> None:
    from ReidentificationRiskLib.consent import consent_text

    assert words in consent_text(address)


def test_slicer_goes_on_while_a_check_runs(module, ui, volume) -> None:
    answer = threading.Event()

    def late(handler) -> None:
        answer.wait(10)
        handler.reply(200, sample_report())

    with FakeServer(late) as server:
        import qt

        ui.serverEdit.text = server.address
        ticks = []
        timer = qt.QTimer()
        timer.interval = 10
        timer.connect("timeout()", lambda: ticks.append(time.monotonic()))
        timer.start()
        press(ui)
        assert wait_until(lambda: ui.progressLabel.text == "The server is comparing the scan with its gallery")
        assert ui.progressBar.maximum == 0  # busy: nobody knows how long
        wait_until(lambda: len(ticks) > 40)
        answer.set()
        assert wait_until(lambda: not module.panel.logic.busy)
        timer.stop()
    gaps = [b - a for a, b in itertools.pairwise(ticks)]
    assert max(gaps) < 0.5
    assert module.panel.report is not None


def test_cancel_ends_it_within_a_second(module, ui, volume, tmp_path: Path) -> None:
    released = threading.Event()
    with FakeServer(lambda handler: released.wait(10)) as server:
        ui.serverEdit.text = server.address
        press(ui)
        assert wait_until(lambda: server.bodies)
        assert list((tmp_path / "temporary").iterdir())
        process = module.panel.logic._request._process._process
        began = time.monotonic()
        ui.cancelButton.click()
        assert time.monotonic() - began < 1
        assert process.state() == process.ProcessState.NotRunning
        released.set()
    assert not module.panel.logic.busy
    assert list((tmp_path / "temporary").iterdir()) == []
    assert ui.messageLabel.text == "Cancelled. Nothing was kept."
    assert ui.checkButton.enabled
    assert module.panel.report is None


def test_cancel_reaches_the_client_behind_slicers_launcher(
    module, ui, volume, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PythonSlicer is a launcher; killing it alone would let the real Python go on sending."""
    launcher, pid_file = tmp_path / "bin" / "PythonSlicer", tmp_path / "pid"
    launcher.parent.mkdir()
    launcher.write_text(
        f"#!{sys.executable}\nimport pathlib, subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, *sys.argv[1:]])\n"
        f"pathlib.Path({str(pid_file)!r}).write_text(str(child.pid))\nsys.exit(child.wait())\n"
    )
    launcher.chmod(0o755)
    monkeypatch.setenv("PATH", f"{launcher.parent}{os.pathsep}{os.environ['PATH']}")
    released = threading.Event()
    with FakeServer(lambda handler: released.wait(20)) as server:
        ui.serverEdit.text = server.address
        press(ui)
        assert wait_until(lambda: server.bodies)
        client = int(pid_file.read_text())
        assert is_running(client)
        ui.cancelButton.click()
        assert wait_until(lambda: not is_running(client), 1)
        released.set()


def is_running(pid: int) -> bool:
    """Whether a process is there and is no zombie."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_after_a_cancel_the_next_check_works(module, ui, server, volume) -> None:
    ui.serverEdit.text = server.address
    press(ui)
    ui.cancelButton.click()
    press_and_wait(module)
    assert module.panel.report == sample_report()


def test_upload_is_shown_as_a_fraction(module, ui, slicer, server) -> None:
    slicer.util.addVolumeFromArray(np.zeros((40, 512, 512), np.int16), name="ct")
    module.panel.refresh()
    ui.serverEdit.text = server.address
    seen = []
    module.panel.logic.progressed.connect(lambda fraction, text: seen.append((fraction, text)))
    press_and_wait(module)
    fractions = [fraction for fraction, _ in seen if fraction is not None]
    assert fractions
    assert all(0 <= fraction <= 1 for fraction in fractions)
    assert any(text.startswith("Sending the scan: ") for _, text in seen)


@pytest.mark.parametrize("level", ["high", "elevated", "low", "unknown"])
def test_levels_are_told_apart_by_word_sign_and_style(module, ui, level: str, volume) -> None:
    from ReidentificationRiskLib.headline import STYLES

    with FakeServer(sample_report(level=level)) as server:
        ui.serverEdit.text = server.address
        press_and_wait(module)
    words = {
        "high": "▲▲  High risk",
        "elevated": "▲  Elevated risk",
        "low": "○  Low risk in this gallery",
        "unknown": "?  No statement possible",
    }
    assert ui.levelLabel.text == words[level]
    assert STYLES[level] in ui.headlineFrame.styleSheet
    assert ("dashed" in ui.headlineFrame.styleSheet) == (level == "unknown")
    if level == "unknown":
        assert "This is not a low risk" in ui.detailsLabel.text
        assert "%" not in ui.sentenceLabel.text
    if level == "low":
        assert "no proof of safety" in ui.detailsLabel.text
