"""The server's part of the panel: address, state, what was found, and the token."""

import json
import logging
import threading
import time
from pathlib import Path

import pytest
from slicer_harness.driving import Answering, open_module, wait_until
from slicer_harness.fake_server import FakeServer, our_info
from slicer_harness.samples import sample_report

TOKEN = "correct-horse-battery-staple"


def connect(module, address: str) -> None:
    """Type an address and press Connect."""
    ui = module.panel.ui
    ui.serverEdit.text = address
    ui.connectButton.click()
    assert wait_until(lambda: module.panel.logic.connection.state != "asking")


def check(module) -> None:
    with Answering("Agree and send"):
        module.panel.ui.checkButton.click()
    assert wait_until(lambda: not module.panel.logic.busy)


def test_at_first_it_says_what_connect_does(module, ui) -> None:
    assert ui.stateLabel.text == "Not asked yet"
    assert "No scan is sent" in ui.connectionLabel.text
    assert not ui.tokenEdit.isVisibleTo(module.parent)


def test_a_server_says_its_models_and_its_gallery(module, ui, server) -> None:
    connect(module, server.address)
    assert ui.stateLabel.text == "Connected"
    assert ui.connectionLabel.text == ("Gallery: 332 subjects (CXR 332), 1\u00a0204 images. Models: measures, risk.")
    assert server.asked == ["/info/"]
    assert server.bodies == []


def test_without_a_server_it_says_why_and_how_to_start_one(module, ui) -> None:
    connect(module, "127.0.0.1:1")
    assert ui.stateLabel.text == "Not connected"
    assert "start it with 'reid-engine serve --gallery DIR'" in ui.connectionLabel.text
    assert ui.stateLabel.styleSheet != ""


@pytest.mark.parametrize("typed", ["0.0.0.0:{port}", "localhost:{port}", "http://127.0.0.1:{port}/"])
def test_an_address_as_people_type_it_is_forgiven(module, ui, server, typed: str) -> None:
    connect(module, typed.format(port=server.server_port))
    assert ui.stateLabel.text == "Connected"


def test_opening_the_panel_asks_once(module, slicer, server) -> None:
    module.panel.logic.settings.server = server.address
    for _ in range(3):
        module.enter()
        assert wait_until(lambda: module.panel.logic.connection.state == "connected")
    assert server.asked == ["/info/"]


def test_an_empty_gallery_is_connected_but_not_ready(module, ui) -> None:
    info = our_info()
    info["models"]["reidentification_risk"].update(state="no gallery", reason="there is no gallery yet; enrol images")
    with FakeServer(sample_report(), info=info) as server:
        connect(module, server.address)
    assert ui.stateLabel.text == "Connected, not ready"
    assert ui.connectionLabel.text == "There is no gallery yet; enrol images."


def test_what_answers_there_is_something_else(module, ui) -> None:
    with FakeServer(info={"models": {"deepedit": {}}}) as server:
        connect(module, server.address)
    assert ui.stateLabel.text == "Not connected"
    assert "has no task 'reidentification_risk'" in ui.connectionLabel.text


def test_a_check_finds_out_as_well(module, ui, volume, server) -> None:
    """No second request is needed for it."""
    ui.serverEdit.text = server.address
    check(module)
    assert ui.stateLabel.text == "Connected"
    assert server.asked.count("/info/") == 1
    server.shutdown()
    server.server_close()
    check(module)
    assert ui.stateLabel.text == "Not connected"


def test_another_address_forgets_what_the_last_server_said(module, ui, server) -> None:
    connect(module, server.address)
    ui.serverEdit.text = "10.255.255.1:8000"
    module.panel.sections[0].take_address()
    assert ui.stateLabel.text == "Not asked yet"
    assert module.panel.logic.connection.info == {}


def test_leaving_the_address_as_it_is_asks_nothing(module, ui, server) -> None:
    connect(module, server.address)
    ui.serverEdit.editingFinished.emit()
    assert module.panel.logic.connection.state == "connected"
    assert server.asked == ["/info/"]


def test_asking_ends_at_its_time_out(module, ui, monkeypatch: pytest.MonkeyPatch) -> None:
    from ReidentificationRiskLib import connection

    monkeypatch.setattr(connection, "CONNECT_TIMEOUT", 0.3)
    released = threading.Event()
    with FakeServer(lambda handler: released.wait(20), info=None) as server:
        began = time.monotonic()
        connect(module, server.address)
        assert time.monotonic() - began < 4
        released.set()
    assert ui.stateLabel.text == "Not connected"
    assert "took too long" in ui.connectionLabel.text


# The token


@pytest.fixture
def guarded():
    """Give a server that wants a token."""
    with FakeServer(sample_report(), token=TOKEN) as running:
        yield running


def sign_in(module, token: str, keep: bool = False) -> None:
    ui = module.panel.ui
    assert ui.tokenEdit.isVisibleTo(module.parent)
    ui.tokenEdit.text = token
    ui.keepTokenCheck.setChecked(keep)
    ui.connectButton.click()
    assert wait_until(lambda: module.panel.logic.connection.state != "asking")


def test_a_token_is_asked_for_where_it_is_wanted(module, ui, volume, guarded) -> None:
    import qt

    connect(module, guarded.address)
    assert ui.stateLabel.text == "Token needed"
    assert "wants a token" in ui.connectionLabel.text
    assert ui.tokenEdit.echoMode == qt.QLineEdit.Password
    sign_in(module, "wrong")
    assert ui.stateLabel.text == "Token needed"
    assert ui.connectionLabel.text == "The server did not accept the token: enter it again."
    sign_in(module, f" {TOKEN} ")
    assert ui.stateLabel.text == "Connected"
    check(module)
    assert module.panel.report == sample_report()
    assert guarded.tokens[-1] == f"Bearer {TOKEN}"


def test_a_check_without_the_token_asks_for_it(module, ui, volume, guarded) -> None:
    ui.serverEdit.text = guarded.address
    check(module)
    assert "wants a token" in ui.messageLabel.text
    assert ui.tokenEdit.isVisibleTo(module.parent)
    assert guarded.bodies == []


def test_a_token_is_forgotten_with_the_session_unless_it_is_kept(module, ui, guarded) -> None:
    import qt

    def reopened() -> str:
        again = open_module()
        token = again.panel.logic.connection.token
        again.cleanup()
        again.parent.deleteLater()
        return token

    connect(module, guarded.address)
    sign_in(module, TOKEN)
    assert ui.tokenEdit.text == ""
    qt.QSettings().sync()
    assert TOKEN not in Path(qt.QSettings().fileName()).read_text()
    assert reopened() == ""
    ui.keepTokenCheck.click()
    assert reopened() == TOKEN
    ui.keepTokenCheck.click()
    assert reopened() == ""
    assert module.panel.logic.connection.token == TOKEN


def test_a_token_goes_to_its_own_server_only(module, ui, volume, guarded, server) -> None:
    connect(module, guarded.address)
    sign_in(module, TOKEN, keep=True)
    connect(module, server.address)
    check(module)
    assert module.panel.report is not None
    assert set(server.tokens) == {None}
    assert not ui.tokenEdit.isVisibleTo(module.parent)


def test_a_token_is_in_no_log_scene_or_command_line(
    module, ui, volume, slicer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    released = threading.Event()
    with FakeServer(lambda handler: released.wait(20), token=TOKEN) as server:
        connect(module, server.address)
        sign_in(module, TOKEN)
        with Answering("Agree and send"):
            ui.checkButton.click()
        assert wait_until(lambda: server.bodies)
        process = module.panel.logic._request._process._process
        line = Path(f"/proc/{process.processId()}/cmdline").read_bytes()
        environment = Path(f"/proc/{process.processId()}/environ").read_bytes()
        assert b"client.py" in line
        assert TOKEN.encode() not in line + environment
        for file in (tmp_path / "temporary").rglob("*"):
            assert file.is_dir() or TOKEN.encode() not in file.read_bytes()
        ui.cancelButton.click()
        released.set()
    slicer.mrmlScene.SetURL(str(tmp_path / "saved.mrml"))
    assert slicer.mrmlScene.Commit()
    assert TOKEN not in (tmp_path / "saved.mrml").read_text()
    assert TOKEN not in caplog.text


@pytest.mark.parametrize("token", ["two words", "line\nfeed", "tökén"])
def test_what_is_no_token_is_not_sent(module, ui, guarded, token: str) -> None:
    from ReidentificationRiskLib.errors import PanelError

    connect(module, guarded.address)
    with pytest.raises(PanelError, match="is not one") as caught:
        module.panel.logic.connection.sign_in(token)
    assert token not in str(caught.value)
    assert module.panel.logic.connection.token == ""


def test_a_token_over_an_open_network_is_warned_of(module, ui) -> None:
    connection = module.panel.logic.connection
    connection.move("http://reid.hospital.org")
    connection.sign_in(TOKEN)
    module.panel.update()
    assert "NOT encrypted" in ui.tokenNoteLabel.text
    assert ui.tokenNoteLabel.isVisibleTo(module.parent)
    connection.move("https://reid.hospital.org")
    connection.sign_in(TOKEN)
    module.panel.update()
    assert not ui.tokenNoteLabel.isVisibleTo(module.parent)


def test_damaged_tokens_in_the_settings_are_none(module, server) -> None:
    import qt

    for damaged in ("{", "7", "[1]", json.dumps({server.address: 7})):
        qt.QSettings().setValue("ReidentificationRisk/Tokens", damaged)
        assert module.panel.logic.settings.token(server.address) == ""
