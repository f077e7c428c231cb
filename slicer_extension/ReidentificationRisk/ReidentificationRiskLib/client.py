"""Have a server check one scan: a script that Slicer runs beside itself, and a module for whoever imports it.

Standard library only, neither Qt nor Slicer, any Python from 3.9 on.

As a script it reads one JSON request, one line, from standard input::

    {"server": "127.0.0.1:8000", "file": "/tmp/x/scan.nrrd", "params": {"modality": "CXR"}, "timeout": 300}

``params`` and ``timeout`` (seconds for the whole exchange) may be left out. Before any pixel leaves, the
server is asked whether it is one of ours; ``"verify": false`` skips that. ``"action": "info"`` asks nothing
else and needs no ``file``. With ``"watch_input": true`` the process ends when its standard input does: whoever
started it, or is behind a launcher, need only go away to stop it.

It answers on standard output with one JSON object a line::

    {"event": "progress", "stage": "send", "fraction": 0.25, "text": "Sending the scan: 1.0 of 4.0 MB"}
    {"event": "result", "report": {"schema": "reid-risk/1", ...}}
    {"event": "info", "info": {"models": {...}, ...}}
    {"event": "error", "message": "One sentence for the user."}

``stage`` is connect, send, wait or receive; ``fraction`` is null where it cannot be known. The last line is
a result, an info or an error; the exit status is 0 for the first two and 1 for an error.

On the wire a check is ``POST {server}/infer/reidentification_risk?output=json``, multipart, with the scan as
``file`` and the parameters as JSON in the field ``params``. The name of the file is never sent.
"""

import contextlib
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any, BinaryIO, Dict, Iterator, Optional, Union

if __package__ in (None, ""):  # run as a script, or imported from its own folder
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ReidentificationRiskLib.address import Address, parse_address
from ReidentificationRiskLib.answer import TASK, read_info, read_report
from ReidentificationRiskLib.errors import ClientError
from ReidentificationRiskLib.exchange import CONNECT_TIMEOUT, Progress, exchange
from ReidentificationRiskLib.form import open_form

DEFAULT_TIMEOUT = 300.0  # seconds for one whole exchange
LONGEST_TIMEOUT = 86_400.0
LONGEST_REQUEST = 1_000_000  # bytes
PROGRESS_EVERY = 0.1  # seconds between two progress lines of one stage


def check(
    server: str,
    file: Union[str, "os.PathLike[str]"],
    params: Optional[Dict[str, Any]] = None,
    timeout: float = DEFAULT_TIMEOUT,
    progress: Optional[Progress] = None,
    verify: bool = True,
) -> Dict[str, Any]:
    """Have a server measure how easily the scan in a file identifies its patient.

    Parameters
    ----------
    server
        Address as a person types it.
    file
        The scan. Its bytes are sent, its name is not.
    params
        What the infer task knows: modality, prior_enrolled, population, top, window, invert.
    timeout
        Seconds for the whole exchange.
    progress
        Called with the stage, its fraction done (None: unknown) and a text for people.
    verify
        Ask the server what it is before any pixel leaves.

    Returns
    -------
    dict
        The report, schema "reid-risk/1", its structure checked.

    Raises
    ------
    ClientError
        With one sentence for the user, whatever went wrong.
    """
    tell = progress or _quiet
    address = parse_address(server)
    deadline = time.monotonic() + timeout
    with open_form(file, params or {}) as form:
        if verify:
            _ask_what_it_is(address, deadline, tell)
        reply = exchange(address, "POST", f"/infer/{TASK}?output=json", deadline, tell, form)
    return read_report(reply, address)


def info(server: str, timeout: float = CONNECT_TIMEOUT, progress: Optional[Progress] = None) -> Dict[str, Any]:
    """Ask a server what it is, sending nothing: its reply to /info/; ClientError when it has not our task."""
    return _ask_what_it_is(parse_address(server), time.monotonic() + timeout, progress or _quiet)


def _ask_what_it_is(address: Address, deadline: float, tell: Progress) -> Dict[str, Any]:
    return read_info(exchange(address, "GET", "/info/", deadline, tell), address)


def _quiet(stage: str, fraction: Optional[float], text: str) -> None:
    del stage, fraction, text


def main(source: Optional[BinaryIO] = None, sink: Optional[BinaryIO] = None) -> int:
    """Serve one request as the module's head describes; give the exit status."""
    emit = _Emitter(sink or sys.stdout.buffer)
    try:
        request = _request((source or sys.stdin.buffer).readline(LONGEST_REQUEST))
        if request.pop("watch_input"):
            threading.Thread(target=_end_with_input, daemon=True).start()
        with _watchdog(request["timeout"], emit):
            if request.pop("action") == "info":
                emit({"event": "info", "info": info(progress=emit.progress, **request)})
            else:
                emit({"event": "result", "report": check(progress=emit.progress, **request)})
    except ClientError as error:
        emit({"event": "error", "message": str(error)})
        return 1
    return 0


def _request(data: bytes) -> Dict[str, Any]:
    try:
        asked = json.loads(data)
        action = asked.get("action", "check")
        timeout = float(asked.get("timeout", CONNECT_TIMEOUT if action == "info" else DEFAULT_TIMEOUT))
        request = {"action": action, "server": str(asked["server"]), "timeout": timeout}
        request["watch_input"] = bool(asked.get("watch_input", False))
        if action == "check":
            request["file"] = str(asked["file"])
            request["params"] = dict(asked.get("params") or {})
            request["verify"] = bool(asked.get("verify", True))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ClientError("The request to the client is not understood: it needs 'server' and 'file'.") from error
    if action not in ("check", "info") or not 0 < timeout <= LONGEST_TIMEOUT:
        raise ClientError("The request to the client has a wrong 'action' or 'timeout'.")
    return request


def _end_with_input() -> None:
    while os.read(sys.stdin.fileno(), 1024):  # not through the buffer, whose lock would hold up an ordinary end
        pass
    os._exit(1)


class _Emitter:
    """Writes events, one JSON object a line, and thins out progress."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self._lock = threading.Lock()
        self._last = ("", 0.0)

    def __call__(self, event: Dict[str, Any]) -> None:
        with self._lock:
            try:
                self._sink.write(json.dumps(event).encode() + b"\n")
                self._sink.flush()
            except BrokenPipeError:  # whoever asked is gone, so nobody waits for the scan to be sent
                os._exit(1)

    def progress(self, stage: str, fraction: Optional[float], text: str) -> None:
        now = time.monotonic()
        if stage != self._last[0] or now - self._last[1] >= PROGRESS_EVERY:
            self._last = (stage, now)
            self({"event": "progress", "stage": stage, "fraction": fraction, "text": text})


@contextlib.contextmanager
def _watchdog(timeout: float, emit: _Emitter) -> Iterator[None]:
    """End the process where no socket's timeout does: in a look-up of a name, or while headers drip in."""

    def give_up() -> None:
        emit(
            {
                "event": "error",
                "message": "The server took too long to answer: try again, or ask whoever runs it.",
            }
        )
        os._exit(1)

    timer = threading.Timer(timeout + 1.0, give_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


if __name__ == "__main__":
    sys.exit(main())
