import asyncio
import socket

import pytest
from lib.guard import Guard, host_is_ours


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:8000", "127.1.2.3", "[::1]:8000"])
def test_loopback_names_are_ours(host):
    assert host_is_ours(host, "127.0.0.1", frozenset())
    assert host_is_ours(host, "192.168.1.5", frozenset())


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "",
        "[::1",
        "@",
    ],
)
def test_names_of_others_are_not(host):
    assert not host_is_ours(host, "127.0.0.1", frozenset())
    assert not host_is_ours(host, "192.168.1.5", frozenset())


def test_addresses_and_the_machines_own_name_count_where_other_machines_reach_it():
    assert host_is_ours("192.168.1.5:8000", "192.168.1.5", frozenset())
    assert host_is_ours(socket.gethostname().lower(), "192.168.1.5", frozenset())
    assert not host_is_ours("192.168.1.5:8000", "127.0.0.1", frozenset())


def test_a_name_that_the_operator_gave_is_ours():
    assert host_is_ours("risk.hospital.example", "127.0.0.1", frozenset({"risk.hospital.example"}))


def _answer(headers, remote=False, **scope):
    passed, sent = [], []

    async def app(scope, receive, send):
        passed.append(scope)

    async def send(message):
        sent.append(message)

    guard = Guard(app, remote=remote, hosts=frozenset(), origins=frozenset({"https://pacs.example"}))
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    asyncio.run(guard({"type": "http", "server": ("127.0.0.1", 8000), "headers": pairs, **scope}, None, send))
    return (200 if passed else sent[0]["status"]), sent


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1:8000", 200),
        ("http://localhost:3000", 200),
        ("https://pacs.example", 200),
        ("https://evil.example", 403),
        ("http://127.0.0.1.evil.example", 403),
        ("null", 403),
        ("file://", 403),
    ],
)
def test_pages_of_other_sites_are_refused(origin, status):
    assert _answer({"host": "127.0.0.1:8000", "origin": origin})[0] == status


def test_a_foreign_name_is_answered_in_one_sentence():
    status, sent = _answer({"host": "evil.example"})
    assert status == 421
    assert b'"detail"' in sent[1]["body"]
    assert b"evil" not in sent[1]["body"]


@pytest.mark.parametrize(("remote", "status"), [(False, 403), (True, 200)])
def test_other_machines_are_served_only_if_the_operator_says_so(remote, status):
    """The address is this end's: a connection from elsewhere does not come in by loopback."""
    headers = {"host": "192.168.1.5:8000"}
    assert _answer(headers, remote, server=("192.168.1.5", 8000))[0] == status
    assert _answer({"host": "localhost"}, remote, server=("::1", 8000))[0] == 200


def test_a_missing_host_is_refused():
    assert _answer({})[0] == 421
