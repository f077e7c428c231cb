"""Uploads are bounded and gone, whatever becomes of the request."""

import socket
import time

import pytest
from samples import picture, pixels
from serving import CHECK, serving

LIMIT = 2**20
BOUNDARY = b"XX"


@pytest.fixture(scope="module")
def small(tmp_path_factory, phantom_cohort, _phantom_gallery):
    """Give a server that takes scans of up to 1 MiB, one at a time."""
    folder = tmp_path_factory.mktemp("small")
    with serving(folder, _phantom_gallery, None, options={"max_upload_mb": "1", "workers": "1"}) as server:
        yield server


def form(data):
    head = b'--XX\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
    return head + data + b"\r\n--XX--\r\n"


def start_request(server, *headers):
    connection = socket.create_connection(("127.0.0.1", server.server.port), timeout=30)
    head = [
        f"POST {CHECK} HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: multipart/form-data; boundary=XX",
        *headers,
    ]
    connection.sendall("\r\n".join(head).encode() + b"\r\n\r\n")
    return connection


def status(connection):
    return int(connection.makefile("rb").readline().split()[1])


def gone(server, seconds=10.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not server.left_behind():
            return True
        time.sleep(0.05)
    return False


def begun(server, seconds=10.0):
    """Wait until the server has begun to write an upload."""
    end = time.monotonic() + seconds
    while not uploads(server) and time.monotonic() < end:
        time.sleep(0.01)
    return uploads(server) != []


def uploads(server):
    return [path for path in server.left_behind() if "checks-" in path]


def test_after_an_answer(small):
    assert small.check(picture(pixels()), params={"modality": "CXR"}).status_code == 200
    assert small.left_behind() == []


@pytest.mark.parametrize("data", [b"", b"no scan", b"\x89PNG\r\n\x1a\n" + b"\0" * 5000])
def test_after_a_failure(small, data):
    assert small.check(data).status_code == 422
    assert small.left_behind() == []


def test_the_largest_scan_is_taken(small):
    assert small.check(b"x" * LIMIT).status_code == 422  # read, and no scan


def test_one_byte_more_is_not(small):
    response = small.check(b"x" * (LIMIT + 1))
    assert response.status_code == 413
    assert "1 MiB" in response.json()["detail"]
    assert small.left_behind() == []


def test_an_announced_size_is_refused_before_it_comes(small):
    with start_request(small, "Content-Length: 5000000000") as connection:
        assert status(connection) == 413
    assert small.left_behind() == []


@pytest.mark.parametrize("length", ["-1", "1e3", "0x10"])
def test_a_false_size_is_refused(small, length):
    with start_request(small, f"Content-Length: {length}") as connection:
        assert status(connection) == 400


def test_chunks_without_an_announced_size_are_counted(small):
    def chunks():
        yield form(b"")[:-10]
        for _ in range(64):
            yield b"x" * (LIMIT // 32)

    headers = {"content-type": "multipart/form-data; boundary=XX"}
    response = small.session.post(small.url + CHECK, data=chunks(), headers=headers, timeout=60)
    assert response.status_code == 413
    assert small.left_behind() == []


def test_a_chunked_scan_is_taken(small):
    whole = form(picture(pixels()))
    headers = {"content-type": "multipart/form-data; boundary=XX"}
    parts = (whole[i : i + 1000] for i in range(0, len(whole), 1000))
    response = small.session.post(small.url + CHECK, data=parts, headers=headers, timeout=60)
    assert response.status_code == 200, response.text
    assert small.left_behind() == []


def test_a_client_that_goes_away_leaves_nothing(small):
    connection = start_request(small, "Content-Length: 1000000")
    connection.sendall(form(b"x" * 900_000)[:900_000])
    assert begun(small)  # else it would be gone before it came
    connection.close()
    assert gone(small)


def test_a_client_that_goes_away_during_the_work_leaves_nothing(small):
    noise = big_scan()
    connection = start_request(small, f"Content-Length: {len(form(noise))}")
    connection.sendall(form(noise))
    begun(small)
    connection.close()
    assert gone(small)
    assert small.get("/info/").status_code == 200


def big_scan():
    """Give a picture that is small to send and long to read: 50 million pixels."""
    import numpy as np

    return picture(np.zeros((8000, 6250), np.uint8), compress_level=9)


def test_while_a_scan_is_worked_on_others_are_heard(small):
    scan = big_scan()
    with start_request(small, f"Content-Length: {len(form(scan))}") as connection:
        start = time.monotonic()
        connection.sendall(form(scan))
        time.sleep(0.2)
        waits = []
        while time.monotonic() - start < 1.0:
            asked = time.monotonic()
            assert small.get("/info/").status_code == 200
            waits.append(time.monotonic() - asked)
        assert status(connection) in (200, 422)
        took = time.monotonic() - start
    assert took > 0.5, "the scan was too easy to show anything"
    assert sorted(waits)[len(waits) // 2] < took / 4
    assert len(waits) >= 3


def test_more_than_can_wait_are_told_to_come_back(small):
    connections = []
    try:
        for _ in range(40):
            connection = start_request(small, "Content-Length: 1000")
            connection.sendall(b"--XX\r\n")
            connections.append(connection)
        response = small.check(picture(pixels()))
        assert response.status_code == 503
        assert response.headers["retry-after"]
    finally:
        for connection in connections:
            connection.close()
    end = time.monotonic() + 10
    while small.check(picture(pixels())).status_code == 503 and time.monotonic() < end:
        time.sleep(0.1)
    assert small.check(picture(pixels())).status_code == 200
    assert small.left_behind() == []
