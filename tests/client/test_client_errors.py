"""Whatever goes wrong becomes one sentence."""

import json
import shutil
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import pytest
from ReidentificationRiskLib.client import check, info
from ReidentificationRiskLib.errors import ClientError
from ReidentificationRiskLib.exchange import MAX_REPLY
from slicer_harness.fake_server import FakeServer
from slicer_harness.samples import sample_report

HTML = b"<html><body>Welcome to nginx</body></html>"


def refused_by(answer, scan: Path) -> str:
    """Give the sentence with which a check at such a server fails."""
    with FakeServer(answer) as server, pytest.raises(ClientError) as caught:
        check(server.address, scan, timeout=20)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence[-1] in ".?…"
    return sentence


@pytest.mark.parametrize(
    ("status", "value", "words"),
    [
        (500, {"detail": "the gallery is being rebuilt"}, "refused: the gallery is being rebuilt."),
        (422, {"detail": [{"loc": ["body"], "msg": "field required"}]}, "failed with status 422"),
        (500, HTML, "failed with status 500"),
        (500, {"detail": ""}, "failed with status 500"),
        (404, {}, "does not know this kind of check"),
        (413, HTML, "too large"),
        (401, {}, "wants a token"),
        (403, {"detail": "other sites may not use this server"}, "other sites may not use this server."),
        (429, {}, "busy"),
        (503, b"", "not ready"),
        (504, HTML, "gave up waiting"),
        (200, HTML, "is not a re-identification risk server"),
        (200, b"", "is not a re-identification risk server"),
        (200, b"[1, 2]", "is not a re-identification risk server"),
        (200, b'{"schema": "reid-risk/1", "risk": {"p": NaN}}', "is not a re-identification risk server"),
        (200, b"[" * 100_000, "is not a re-identification risk server"),
        (200, b"\xff\xfe\x00", "is not a re-identification risk server"),
        (200, {}, "has no schema where 'reid-risk/1' is read here"),
        (200, {"schema": "reid-risk/2"}, "has 'reid-risk/2' where 'reid-risk/1' is read here"),
        (204, b"", "failed with status 204"),
    ],
)  # fmt: skip
def test_answers_that_are_no_report(scan: Path, status: int, value: object, words: str) -> None:
    assert words in refused_by(lambda handler: handler.reply(status, value), scan)


def without(place: str) -> dict:
    """Give a report that lacks one place."""
    report = sample_report()
    *path, last = place.split(".")
    inner = report
    for key in path:
        inner = inner[key]
    del inner[last]
    return report


@pytest.mark.parametrize(
    "place",
    ["scan", "encoder", "gallery", "assumptions", "risk", "risk.level", "matches", "leakage", "caveats"],
)
def test_a_report_that_lacks_something_is_refused(scan: Path, place: str) -> None:
    assert "has no proper '" + place in refused_by(without(place), scan).replace("'risk.level'", f"'{place}'")


@pytest.mark.parametrize(
    ("change", "place"),
    [({"matches": ["a"]}, "matches"), ({"leakage": {"sex": 1}}, "leakage"), ({"risk": {"level": "fine"}}, "risk.level"),
     ({"risk": {"level": None}}, "risk.level"), ({"gallery": None}, "gallery")],
)  # fmt: skip
def test_a_report_of_the_wrong_shape_is_refused(scan: Path, change: dict, place: str) -> None:
    assert f"has no proper '{place}'" in refused_by({**sample_report(), **change}, scan)


def test_additions_to_a_report_are_welcome(scan: Path) -> None:
    report = {**sample_report(), "explanation": {"map": 1}}
    with FakeServer(report) as server:
        assert check(server.address, scan) == report


def test_a_servers_own_words_are_cut_to_one_short_line(scan: Path) -> None:
    words = "a\nb\r\x1b[31m" + "x" * 5000
    sentence = refused_by(lambda handler: handler.reply(500, {"detail": words}), scan)
    assert len(sentence) < 400
    assert sentence.isprintable()


def test_an_endless_answer_is_not_read(scan: Path) -> None:
    def flood(handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.close_connection = True
        for _ in range(MAX_REPLY // 2**20 + 40):
            handler.wfile.write(b" " * 2**20)

    assert "far too large" in refused_by(flood, scan)


def test_an_answer_that_breaks_off(scan: Path) -> None:
    def break_off(handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b'{"schema": ')
        handler.close_connection = True

    assert "broke off" in refused_by(break_off, scan)


def test_no_server(scan: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(ClientError, match=rf"^No server answers at http://127\.0\.0\.1:{port}: start it with"):
            check(f"127.0.0.1:{port}", scan)


def test_a_host_that_does_not_exist(scan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ClientError, match=r"^The host 'nowhere\.invalid' cannot be found"):
        check("http://nowhere.invalid:8000", scan)


def test_something_that_does_not_speak_http(scan: Path) -> None:
    def talk() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=talk)
        thread.start()
        with pytest.raises(ClientError, match="does not speak HTTP"):
            check(f"127.0.0.1:{listener.getsockname()[1]}", scan)
        thread.join()


def test_https_where_there_is_none(server, scan: Path) -> None:
    with pytest.raises(ClientError, match="does not speak https"):
        check(server.address.replace("http:", "https:"), scan)
    assert server.asked == []


@pytest.fixture
def secure_server(tmp_path: Path):
    """Give a server with a certificate that it signed itself, and the certificate's file."""
    if shutil.which("openssl") is None:
        pytest.skip("the openssl command, which makes the certificate, is not here")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with FakeServer(sample_report()) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        yield server, certificate


def test_a_certificate_that_nobody_vouches_for(secure_server, scan: Path) -> None:
    server, _ = secure_server
    with pytest.raises(ClientError, match=r"cannot be trusted \(self.signed certificate\), so nothing was sent"):
        check(server.address.replace("http:", "https:"), scan)
    assert server.asked == []


def test_a_trusted_certificate_is_taken(secure_server, scan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server, certificate = secure_server
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert check(server.address.replace("http:", "https:"), scan) == sample_report()


def test_scans_that_cannot_be_sent(server, tmp_path: Path) -> None:
    (tmp_path / "empty.dcm").touch()
    for path, words in [("empty.dcm", "is empty"), ("gone.dcm", "cannot be opened"), (".", "is a folder")]:
        with pytest.raises(ClientError, match=words):
            check(server.address, tmp_path / path)
    with pytest.raises(ClientError, match="cannot be opened"):
        check(server.address, "a\0b")
    assert server.asked == []


def test_parameters_that_are_not_plain(server, scan: Path) -> None:
    for value in (float("nan"), object()):
        with pytest.raises(ClientError, match="not plain finite"):
            check(server.address, scan, {"window": value})
    assert server.asked == []


def test_info_gives_what_the_server_says(server) -> None:
    assert info(server.address) == json.loads(json.dumps(server.info))
