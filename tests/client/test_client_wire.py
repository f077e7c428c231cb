"""What goes over the wire."""

import email
import socket
import threading
import time
from pathlib import Path

import pytest
from ReidentificationRiskLib.client import check, info
from ReidentificationRiskLib.errors import ClientError
from ReidentificationRiskLib.exchange import _proxy
from slicer_harness.fake_server import FakeServer
from slicer_harness.samples import sample_report


def parts_of(headers: dict, body: bytes) -> dict:
    """Parse multipart by the standard library's mail parser, which shares no code with the client."""
    message = email.message_from_bytes(f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode() + body)
    return {part.get_param("name", header="content-disposition"): part for part in message.get_payload()}


def test_the_form_holds_the_scan_and_the_parameters(server, scan: Path) -> None:
    report = check(server.address, scan, {"modality": "CXR", "window": [40.0, 400.0], "invert": True})
    assert report == sample_report()
    assert server.asked == ["/info/", "/infer/reidentification_risk?output=json"]
    headers, body = server.bodies[0]
    parts = parts_of(headers, body)
    assert int(headers["Content-Length"]) == len(body)
    assert set(parts) == {"params", "file"}
    assert parts["params"].get_payload() == '{"modality": "CXR", "window": [40.0, 400.0], "invert": true}'
    assert scan.read_bytes() in body


def test_the_name_of_the_file_stays_here(server, scan: Path) -> None:
    check(server.address, scan)
    headers, body = server.bodies[0]
    assert b"Doe" not in body
    assert "Doe" not in str(headers)
    assert parts_of(headers, body)["file"].get_filename() == "scan.nii.gz"


@pytest.mark.parametrize(
    ("name", "sent"),
    [("IM.00012345", "scan"), ("a.JPEG", "scan.jpeg"), ("doe.jane.dcm", "scan.dcm"), ("x.nrrd", "scan.nrrd")],
)
def test_only_a_known_suffix_is_sent(server, tmp_path: Path, name: str, sent: str) -> None:
    (tmp_path / name).write_bytes(b"pixels")
    check(server.address, tmp_path / name)
    assert parts_of(*server.bodies[0])["file"].get_filename() == sent


def test_progress_tells_each_stage_in_order(server, scan: Path) -> None:
    told = []
    check(server.address, scan, progress=lambda stage, fraction, text: told.append((stage, fraction, text)))
    stages = [stage for stage, _, _ in told]
    assert [s for i, s in enumerate(stages) if i == 0 or stages[i - 1] != s] == [
        "connect", "receive", "connect", "send", "wait", "receive",
    ]  # fmt: skip
    fractions = [fraction for stage, fraction, _ in told if stage == "send"]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert len(fractions) >= 4


def test_no_pixel_leaves_for_a_server_that_is_not_ours(scan: Path) -> None:
    with FakeServer(sample_report(), info={"models": {"deepedit": {}}}) as server:
        with pytest.raises(ClientError, match="has no task 'reidentification_risk', so no scan was sent"):
            check(server.address, scan)
        assert server.asked == ["/info/"]
        with pytest.raises(ClientError):
            info(server.address)
        check(server.address, scan, verify=False)
        assert server.asked[-1].startswith("/infer/")


def test_a_redirection_is_not_followed(server, scan: Path) -> None:
    with (
        FakeServer(
            lambda handler: handler.reply(307, b"", Location=server.address + "/infer/reidentification_risk")
        ) as other,
        pytest.raises(ClientError, match=r"sends us on to http://127\.0\.0\.1:"),
    ):
        check(other.address, scan)
    assert server.asked == []


def test_a_path_of_a_reverse_proxy_is_kept(server, scan: Path) -> None:
    check(server.address + "/monai/", scan)
    assert server.asked == ["/monai/info/", "/monai/infer/reidentification_risk?output=json"]


def test_proxy_settings_do_not_hold_for_this_computer(server, scan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert check(server.address, scan) == sample_report()


def test_proxy_settings_hold_for_other_computers(scan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ReidentificationRiskLib.address import parse_address

    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with FakeServer(sample_report()) as proxy:
        monkeypatch.setenv("http_proxy", proxy.address.replace("//", "//jane:pass%20word@"))
        assert check("http://reid.invalid:8123", scan) == sample_report()
        assert proxy.asked[1] == "http://reid.invalid:8123/infer/reidentification_risk?output=json"
        headers = proxy.bodies[0][0]
        assert headers["Proxy-Authorization"] == "Basic amFuZTpwYXNzIHdvcmQ="
        assert headers["Host"] == "reid.invalid:8123"
        monkeypatch.setenv("no_proxy", "reid.invalid")
        assert _proxy(parse_address("http://reid.invalid:8123")) is None


def test_a_refusal_before_the_end_of_the_upload_is_heard(tmp_path: Path) -> None:
    big = tmp_path / "big.nrrd"
    with big.open("wb") as file:
        file.truncate(200_000_000)

    def refuse(handler) -> None:
        handler.reply(413, {"detail": "scans of more than 100 MB are not taken"}, Connection="close")
        handler.close_connection = True
        handler.connection.shutdown(socket.SHUT_RD)

    with FakeServer(refuse, reads_body=False) as server, pytest.raises(ClientError) as caught:
        check(server.address, big)
    text = str(caught.value)
    assert "more than 100 MB" in text or "broke off" in text  # a reset may overtake the answer on some systems


def test_a_file_that_shrinks_is_noticed(server, scan: Path) -> None:
    def shrink(stage, fraction, text) -> None:
        if stage == "send" and fraction < 0.5:
            with scan.open("r+b") as file:
                file.truncate(1000)

    with pytest.raises(ClientError, match="became shorter"):
        check(server.address, scan, progress=shrink)


def test_a_server_that_drips_its_answer_is_left_at_the_deadline(scan: Path) -> None:
    stop = threading.Event()

    def drip(handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        while not stop.wait(0.05):
            handler.wfile.write(b" ")
            handler.wfile.flush()

    with FakeServer(drip) as server:
        began = time.monotonic()
        with pytest.raises(ClientError, match="took too long"):
            check(server.address, scan, timeout=0.7)
        assert time.monotonic() - began < 3
        stop.set()


def test_a_server_that_never_answers_is_left_at_the_deadline(scan: Path) -> None:
    done = threading.Event()
    with FakeServer(lambda handler: done.wait(10)) as server:
        with pytest.raises(ClientError, match="took too long"):
            check(server.address, scan, timeout=0.5)
        done.set()
