"""What else a server can be asked: a map, measures, a copy, its images and studies; and the token on the way."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ReidentificationRiskLib.actions import ask_check, ask_copy, ask_enrolled, ask_images, ask_measures, ask_study
from ReidentificationRiskLib.address import parse_address
from ReidentificationRiskLib.answer import read_parts
from ReidentificationRiskLib.errors import ClientError
from ReidentificationRiskLib.exchange import Reply
from ReidentificationRiskLib.talk import Talk
from slicer_harness.fake_server import FakeServer
from slicer_harness.samples import sample_report

GZIP = b"\x1f\x8b"
FILE = GZIP + bytes(range(256)) * 40 + b"\r\n--2b7f0c5\r\n\n\r--\r\n"  # with what looks like ends of lines and parts
MEASURES = {"schema": "reid-measures/1", "before": {}, "measures": [{"name": "blur"}], "caveats": []}
TOKEN = "a-token-of-the-operator"


def talk(server, token: str = "", timeout: float = 20.0, **heard) -> Talk:
    return Talk(server.address, timeout, token, **heard)


def refusal(function, *args, **kwargs) -> ClientError:
    with pytest.raises(ClientError) as caught:
        function(*args, **kwargs)
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_map_comes_with_the_report(scan: Path, tmp_path: Path) -> None:
    with FakeServer(lambda handler: handler.reply_with_file(sample_report(), FILE, "map.nii.gz")) as server:
        event = ask_check(talk(server), scan, {}, str(tmp_path), explain=True)
    assert server.asked == ["/info/", "/infer/reidentification_risk?output=all"]
    assert event["event"] == "result"
    assert event["report"] == sample_report()
    assert Path(event["file"]) == tmp_path / "map.nii.gz"
    assert Path(event["file"]).read_bytes() == FILE


def test_a_report_without_a_map_is_taken(scan: Path, server, tmp_path: Path) -> None:
    event = ask_check(talk(server), scan, {}, str(tmp_path), explain=True)
    assert event == {"event": "result", "report": sample_report(), "file": None}


def test_measures_come_as_their_document(scan: Path) -> None:
    with FakeServer(MEASURES) as server:
        event = ask_measures(talk(server), scan, {"measures": ["blur"]})
    assert event == {"event": "measures", "document": MEASURES}
    assert server.asked[-1] == "/infer/reidentification_measures?output=json"
    assert b'{"measures": ["blur"]}' in server.bodies[0][1]


def test_a_copy_comes_as_a_file(scan: Path, tmp_path: Path) -> None:
    with FakeServer(lambda handler: handler.reply_with_file(MEASURES, FILE, "copy.nii.gz")) as server:
        event = ask_copy(talk(server), scan, {"measures": ["blur"]}, str(tmp_path))
    assert Path(event["file"]).read_bytes() == FILE
    assert event["document"] == MEASURES
    with FakeServer(MEASURES) as server:
        assert "holds no copy" in str(refusal(ask_copy, talk(server), scan, {}, str(tmp_path)))


@pytest.mark.parametrize(
    ("document", "words"),
    [({}, "no schema"), ({**MEASURES, "schema": "reid-measures/2"}, "'reid-measures/2'"),
     ({**MEASURES, "measures": ["blur"]}, "'measures'"), ({**MEASURES, "before": None}, "'before'")],
)  # fmt: skip
def test_measures_of_another_shape_are_refused(scan: Path, document: dict, words: str) -> None:
    with FakeServer(document) as server:
        assert words in str(refusal(ask_measures, talk(server), scan, {}))


def test_studies_and_enrolled_images_are_fetched(tmp_path: Path) -> None:
    with FakeServer(sample_report(), studies=["a", "b"], enrolled={"x/1 & 2.png": FILE}) as server:
        assert ask_images(talk(server)) == {"event": "images", "images": ["a", "b"]}
        event = ask_enrolled(talk(server), "x/1 & 2.png", str(tmp_path))
        assert Path(event["file"]).read_bytes() == FILE
        missing = refusal(ask_enrolled, talk(server), "other", str(tmp_path))
        assert missing.kind == "not_there"
        assert ask_study(talk(server), "a b", {"top": 3})["report"] == sample_report()
    assert server.asked[-1] == "/infer/reidentification_risk?image=a+b&output=json"
    headers, body = server.bodies[-1]
    assert int(headers["Content-Length"]) == len(body)
    assert b'name="params"\r\n\r\n{"top": 3}\r\n' in body
    assert b"filename" not in body


def test_a_server_that_shows_no_images_says_so(server, tmp_path: Path) -> None:
    for function, *args in ((ask_images,), (ask_enrolled, "a", str(tmp_path))):
        error = refusal(function, talk(server), *args)
        assert error.kind == "not_allowed"
        assert "gives out no images" in str(error)


@pytest.mark.parametrize("images", [None, "a", [1], {"images": 3}])
def test_a_list_of_studies_of_another_shape_is_refused(images: object) -> None:
    with FakeServer(sample_report(), studies=images) as server:
        refusal(ask_images, talk(server))


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    with FakeServer(sample_report(), enrolled={"a": b"<html>"}) as server:
        assert "is not an image" in str(refusal(ask_enrolled, talk(server), "a", str(tmp_path)))
    assert list(tmp_path.iterdir()) == []


def test_no_room_for_the_file(scan: Path, tmp_path: Path) -> None:
    with FakeServer(lambda handler: handler.reply_with_file(sample_report(), FILE, "map.nii.gz")) as server:
        error = refusal(ask_check, talk(server), scan, {}, str(tmp_path / "nowhere"), explain=True)
    assert "cannot be kept" in str(error)


@pytest.mark.parametrize(
    "content", [b"", b"--x", b"--x\r\n\r\n--x--\r\n", b"--x\r\nContent-Disposition: form-data\r\n\r\nabc\r\n--x--"]
)
def test_an_answer_in_odd_parts_has_no_report(content: bytes) -> None:
    reply = Reply(200, "", content, 'multipart/form-data; boundary="x"')
    parts = read_parts(reply, parse_address("127.0.0.1:1"))
    assert parts.file is None
    assert parts.document.content == b""


# The token


def test_a_token_is_sent_with_every_request(scan: Path) -> None:
    with FakeServer(sample_report(), token=TOKEN) as server:
        ask_check(talk(server, TOKEN), scan, {})
    assert server.tokens == [f"Bearer {TOKEN}"] * 2


@pytest.mark.parametrize("token", ["", "another"])
def test_without_the_right_token_no_scan_is_sent(scan: Path, token: str) -> None:
    with FakeServer(sample_report(), token=TOKEN) as server:
        error = refusal(ask_check, talk(server, token), scan, {})
    assert error.kind == "sign_in"
    assert str(error) == f"The server at {server.address} wants a token: enter the one that whoever runs it gave you."
    assert server.bodies == []


@pytest.mark.parametrize("token", ["a b", "a\r\nX-Evil: 1", "tökén", "\x00"])
def test_a_token_cannot_add_headers(server, token: str) -> None:
    error = refusal(Talk, server.address, 5.0, token)
    assert token not in str(error)


def test_a_token_is_not_sent_on(scan: Path) -> None:
    with FakeServer(sample_report()) as elsewhere:
        sent_on = FakeServer(lambda h: h.reply(307, b"", Location=elsewhere.address), info=None)
        with sent_on as server:
            refusal(ask_check, talk(server, TOKEN), scan, {})
    assert elsewhere.asked == []


def test_the_script_takes_a_token_from_its_input_alone(script: Path, scan: Path) -> None:
    with FakeServer(sample_report(), token=TOKEN) as server:
        request = {"server": server.address, "file": str(scan), "token": TOKEN}
        done = subprocess.run(
            [sys.executable, script], input=json.dumps(request).encode(), capture_output=True, timeout=60, check=False
        )
    assert done.returncode == 0
    assert TOKEN.encode() not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("request_", "lacking"),
    [({"action": "check"}, "file"), ({"action": "measures"}, "file"), ({"action": "copy", "file": "a"}, "folder"),
     ({"action": "enrolled", "folder": "a"}, "sample"), ({"action": "study"}, "image")],
)  # fmt: skip
def test_the_script_says_which_field_is_missing(script: Path, request_: dict, lacking: str) -> None:
    line = json.dumps({"server": "127.0.0.1:1", **request_}).encode()
    done = subprocess.run([sys.executable, script], input=line, capture_output=True, timeout=60, check=False)
    event = json.loads(done.stdout.splitlines()[-1])
    assert event["message"] == f"The request to the client is not understood: it needs '{lacking}'."


def test_the_script_tells_kinds_of_errors_apart(script: Path, tmp_path: Path) -> None:
    def kind(**request) -> str:
        line = json.dumps({"action": "enrolled", "sample": "a", "folder": str(tmp_path), **request}).encode()
        done = subprocess.run([sys.executable, script], input=line, capture_output=True, timeout=60, check=False)
        return json.loads(done.stdout.splitlines()[-1])["kind"]

    assert kind(server="127.0.0.1:1") == "unreachable"
    with FakeServer(sample_report(), token=TOKEN) as server:
        assert kind(server=server.address) == "sign_in"
        assert kind(server=server.address, token=TOKEN) == "not_allowed"


def test_a_large_file_is_taken_apart_quickly() -> None:
    body = GZIP + os.urandom(20_000_000)
    content = (
        b'--x\r\nContent-Disposition: form-data; name="params"\r\n\r\n{}\r\n--x\r\nContent-Disposition: form-data; '
    )
    content += b'name="image"; filename="map.nii.gz"\r\n\r\n' + body + b"\r\n--x--\r\n"
    began = time.process_time()
    parts = read_parts(Reply(200, "", content, "multipart/form-data; boundary=x"), parse_address("127.0.0.1:1"))
    assert parts.file == body
    assert time.process_time() - began < 5
