"""The script, as Slicer and the demo run it."""

import ast
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from slicer_harness import MODULE
from slicer_harness.fake_server import FakeServer
from slicer_harness.pythons import VERSIONS, python_of
from slicer_harness.samples import sample_report

LIB = MODULE / "ReidentificationRiskLib"
WITHOUT_QT = ["actions.py", "address.py", "answer.py", "client.py", "errors.py", "exchange.py", "form.py", "talk.py"]


def run(script: Path, request: object, python: str = sys.executable) -> tuple[int, list[dict]]:
    """Give the script's exit status and events."""
    text = request if isinstance(request, bytes) else json.dumps(request).encode()
    done = subprocess.run([python, script], input=text, capture_output=True, timeout=60, check=False)
    assert done.stderr == b""
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("version", VERSIONS)
def test_it_runs_on_slicers_pythons(version: str, script: Path, server, scan: Path) -> None:
    code, events = run(script, {"server": server.address, "file": str(scan)}, python_of(version))
    assert code == 0
    assert events[-1] == {"event": "result", "report": sample_report()}


def test_it_tells_progress_and_then_the_report(script: Path, server, scan: Path) -> None:
    code, events = run(script, {"server": server.address, "file": str(scan), "params": {"top": 3}, "timeout": 30})
    assert code == 0
    assert {event["event"] for event in events[:-1]} == {"progress", "server"}
    assert {"connect", "send", "wait"} <= {event.get("stage") for event in events[:-1]}
    assert events[-1]["report"] == sample_report()
    assert b'{"top": 3}' in server.bodies[0][1]


def test_it_asks_only_what_the_server_is(script: Path, server) -> None:
    code, events = run(script, {"action": "info", "server": server.address})
    assert code == 0
    assert events[-1]["info"] == json.loads(json.dumps(server.info))
    assert server.asked == ["/info/"]


@pytest.mark.parametrize(
    "request_",
    [b"", b"{", b"[]", b"null", b'"a"', b"\xff", b"{}", b'{"server": "a"}', b'{"file": "a"}',
     b'{"server": "a", "file": "b", "params": 3}', b'{"server": "a", "file": "b", "timeout": "x"}',
     b'{"server": "a", "file": "b", "timeout": -1}', b'{"server": "a", "file": "b", "timeout": NaN}',
     b'{"server": "a", "file": "b", "action": "delete"}', b"[" * 100_000],
)  # fmt: skip
def test_a_request_that_is_none_is_refused(script: Path, request_: bytes) -> None:
    code, events = run(script, request_)
    assert code == 1
    assert events[-1]["event"] == "error"
    assert "The request to the client" in events[-1]["message"]


def test_an_error_is_the_last_line_and_the_status(script: Path, scan: Path) -> None:
    code, events = run(script, {"server": "127.0.0.1:1", "file": str(scan)})
    assert code == 1
    assert events[-1]["message"].startswith("No server answers at http://127.0.0.1:1")


def test_progress_is_thinned_out(script: Path, server, tmp_path: Path) -> None:
    big = tmp_path / "big.nrrd"
    with big.open("wb") as file:
        file.truncate(64_000_000)  # 245 chunks
    code, events = run(script, {"server": server.address, "file": str(big)})
    assert code == 0
    assert len([event for event in events if event.get("stage") == "send"]) < 60


def test_dripping_headers_do_not_outlive_the_timeout(script: Path, scan: Path) -> None:
    """Each byte comes in time for a socket's time-out; only the watchdog ends it."""
    stop = threading.Event()

    def drip(handler) -> None:
        while not stop.wait(0.1):
            handler.wfile.write(b"x")
            handler.wfile.flush()

    with FakeServer(drip) as server:
        began = time.monotonic()
        code, events = run(script, {"server": server.address, "file": str(scan), "timeout": 1})
        assert time.monotonic() - began < 6
        stop.set()
    assert code == 1
    assert "took too long" in events[-1]["message"]


def test_it_ends_quietly_when_nobody_listens(script: Path, server, scan: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as nobody:
        done = subprocess.run(
            [sys.executable, script],
            input=json.dumps({"server": server.address, "file": str(scan)}).encode(),
            stdout=nobody,
            stderr=subprocess.PIPE,
            timeout=20,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, b"")
    assert server.asked == []


def test_it_ends_with_its_input(script: Path, scan: Path) -> None:
    """As when Slicer crashes, or a launcher that stood between is killed."""
    released = threading.Event()
    with FakeServer(lambda handler: released.wait(20)) as server:
        process = subprocess.Popen([sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        request = {"server": server.address, "file": str(scan), "watch_input": True}
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()
        while not server.bodies:
            assert process.poll() is None
            time.sleep(0.01)
        process.stdin.close()
        assert process.wait(1) == 1
        released.set()


def test_watching_its_input_does_not_hold_it_up(script: Path, server, scan: Path) -> None:
    process = subprocess.Popen([sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdin.write(json.dumps({"server": server.address, "file": str(scan), "watch_input": True}).encode() + b"\n")
    process.stdin.flush()
    assert json.loads(process.stdout.read().splitlines()[-1])["event"] == "result"
    assert process.wait(5) == 0
    process.stdin.close()
    process.stdout.close()


def test_it_can_be_imported_from_its_own_folder(server, scan: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from client import ClientError, check; "
        "print(check(sys.argv[2], sys.argv[3])['schema'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, LIB, server.address, scan], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "reid-risk/1"


@pytest.mark.parametrize("name", WITHOUT_QT)
def test_it_needs_the_standard_library_only(name: str) -> None:
    tree = ast.parse((LIB / name).read_text(encoding="utf-8"), feature_version=(3, 9))
    imported = {
        alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    } | {node.module.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= set(sys.stdlib_module_names) | {"ReidentificationRiskLib"}


def test_no_file_beside_the_script_hides_one_of_pythons_own() -> None:
    """Python puts a script's folder first on its path."""
    assert not {path.stem for path in LIB.glob("*.py")} & set(sys.stdlib_module_names)
