"""A server with a token is used by those who have it, and by nobody else."""

import asyncio
import os
import stat
from pathlib import Path

import psutil
import pytest
import requests
from lib.options import read_options
from lib.quiet import LOG
from lib.sign_in import SignIn
from samples import picture, pixels
from serving import CHECK, MEASURES, TOKEN

from reid_engine.errors import ServeError
from reid_engine.token_file import read_token


def answer(*headers):
    """Give the messages that are sent for a request with these headers, and whether it was passed on."""
    passed, sent = [], []

    async def app(scope, receive, send):
        passed.append(scope)

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    asyncio.run(SignIn(app, TOKEN)({"type": "http", "method": "GET", "headers": list(headers)}, receive, send))
    return sent, bool(passed)


@pytest.mark.parametrize("value", [f"Bearer {TOKEN}", f"bearer {TOKEN}", f"BEARER  {TOKEN} "])
def test_whoever_has_the_token_is_served(value):
    assert answer((b"authorization", value.encode())) == ([], True)


@pytest.mark.parametrize(
    "value",
    ["", "Bearer", "Bearer ", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}",
     f"Bearer {TOKEN.upper()}", f"Token {TOKEN}", f"Bearer\t{TOKEN}", "Bearer \xff\xfe", f"Bearer {TOKEN} {TOKEN}"],
)  # fmt: skip
def test_whoever_has_not_is_asked_for_it(value):
    sent, passed = answer((b"authorization", value.encode("latin-1")))
    assert not passed
    assert sent[0]["status"] == 401
    assert (b"www-authenticate", b"Bearer") in sent[0]["headers"]
    assert TOKEN.encode() not in sent[1]["body"]


def test_no_header_at_all_is_asked_for_it():
    assert answer()[0][0]["status"] == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/info/"), ("GET", "/"), ("GET", "/openapi.json"), ("GET", "/datastore/"), ("GET", "/nowhere"),
     ("GET", "/datastore/enrolled?sample=cxr_P003_s2.png"), ("POST", CHECK), ("POST", MEASURES), ("GET", "/train/"),
     ("POST", "/train/gallery"), ("DELETE", "/scoring/"), ("POST", "/activelearning/highest_risk")],
)  # fmt: skip
def test_nothing_is_answered_without_the_token(guarded, method, path):
    response = requests.request(method, guarded.url + path, timeout=60)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.json() == {"detail": "the server asks for its token; send it as 'Authorization: Bearer TOKEN'"}


def test_a_scan_without_the_token_is_not_kept(guarded):
    files = {"file": ("a.png", bytes(3_000_000))}
    response = requests.post(guarded.url + CHECK, files=files, timeout=60)
    assert response.status_code == 401
    assert guarded.left_behind() == []


def test_with_the_token_all_is_as_without_one(guarded):
    assert guarded.get("/info/").json()["server"]["sign_in"] == "token"
    report = guarded.check(picture(pixels()), params={"modality": "CXR"})
    assert report.status_code == 200, report.text


def test_a_page_of_this_machine_may_ask_whether_it_may_send_the_token(guarded):
    headers = {
        "Origin": "http://localhost:3000",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    response = requests.options(guarded.url + CHECK, headers=headers, timeout=60)
    assert response.status_code == 200
    assert "authorization" in response.headers["access-control-allow-headers"].lower()
    asked = requests.get(guarded.url + "/info/", headers={"Origin": "http://localhost:3000"}, timeout=60)
    assert asked.headers["access-control-allow-origin"] == "http://localhost:3000"
    assert guarded.get("/info/", Origin="https://evil.example").status_code == 403


def test_the_token_is_nowhere_to_be_read(guarded):
    guarded.get("/info/")
    assert TOKEN not in guarded.printed()
    process = psutil.Process(guarded.server.process.pid)
    for one in (process, *process.children(recursive=True)):
        assert TOKEN not in " ".join(one.cmdline())
        assert TOKEN not in " ".join(one.environ().values())
    for path in guarded.temporary.rglob("*"):
        assert not path.is_file() or TOKEN.encode() not in path.read_bytes()


def test_options_do_not_show_the_token(tmp_path, caplog):
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o644)
    with caplog.at_level("WARNING", LOG.name):
        options = read_options({"gallery": str(tmp_path), "token_file": str(tmp_path / "token")}, str(tmp_path))
    assert options.token == TOKEN
    assert TOKEN not in repr(options)
    assert "chmod 600" in caplog.text
    assert str(tmp_path) not in caplog.text


def test_a_token_of_ones_own_is_taken_without_a_word(tmp_path, caplog):
    path = tmp_path / "token"
    path.touch(0o600)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text("  " + TOKEN + "\r\n\n")
    with caplog.at_level("WARNING", LOG.name):
        assert read_options({"gallery": str(tmp_path), "token_file": str(path)}, str(tmp_path)).token == TOKEN
    assert caplog.text == ""


@pytest.mark.parametrize(
    "data", [b"", b"\n", b"short", b"x" * 15, b"two words of a token", b"x" * 5000, "Ünïcode-0123456789".encode(), b"\0" * 32,
             b"0123456789abcdef\n0123456789abcdef"]
)  # fmt: skip
def test_what_is_no_token_is_refused_without_being_repeated(tmp_path, data):
    (tmp_path / "token").write_bytes(data)
    with pytest.raises(ServeError, match="holds no token") as caught:
        read_token(tmp_path / "token")
    text = str(caught.value).replace(str(tmp_path), "")
    assert "\n" not in text
    assert "two words of" not in text
    assert "short" not in text


def test_a_token_that_cannot_be_read_is_told(tmp_path):
    for path in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(ServeError, match="the token cannot be read"):
            read_options({"gallery": str(tmp_path), "token_file": str(path)}, str(tmp_path))
    with pytest.raises(ServeError):
        read_options({"gallery": str(tmp_path), "token_file": ""}, str(tmp_path))


def test_a_link_to_a_token_counts_by_what_it_leads_to(tmp_path):
    (tmp_path / "secret").write_text(TOKEN)
    os.symlink(tmp_path / "secret", tmp_path / "token")
    assert read_token(Path(tmp_path / "token")) == TOKEN
