"""Have a server check one scan: a script that Slicer runs beside itself, and a module for whoever imports it.

Standard library only, neither Qt nor Slicer, any Python from 3.9 on.

As a script it reads one JSON request, one line, from standard input::

    {"server": "127.0.0.1:8000", "file": "/tmp/x/scan.nrrd", "params": {"modality": "CXR"}, "timeout": 300}

``action`` says what is asked; with the fields that it takes and the event that ends it:

========  ======================================  ==================================================
check     file, params, verify, explain, folder   result: report, and file (the map) with explain
measures  file, params                            measures: document
copy      file, params, folder                    copy: document, file
images                                            images: the ids of the server's studies
enrolled  sample, folder                          enrolled: sample, file (pixels of an enrolled image)
study     image, params                           result: report of a study that the server holds
info                                              info: what the server says of itself
========  ======================================  ==================================================

``check`` is meant where ``action`` is left out; so may be ``params``, ``timeout`` (seconds for the whole of it) and
``token``, which is sent as a bearer's. Files that come are laid into ``folder``. Before any pixel leaves, the server
is asked whether it is one of ours; ``"verify": false`` skips that. With ``"watch_input": true`` the process ends when
its standard input does: whoever started it, or is behind a launcher, need only go away to stop it.

It answers on standard output with one JSON object a line::

    {"event": "progress", "stage": "send", "fraction": 0.25, "text": "Sending the scan: 1.0 of 4.0 MB"}
    {"event": "server", "info": {"models": {...}, ...}}
    {"event": "result", "report": {"schema": "reid-risk/1", ...}}
    {"event": "error", "kind": "", "message": "One sentence for the user."}

``stage`` is connect, send, wait or receive; ``fraction`` is null where it cannot be known. ``kind`` is unreachable,
sign_in, not_allowed, not_there, or empty. The last line is the event of the table or an error; the exit status is
0 or 1.

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
from typing import Any, BinaryIO, Dict, Iterator, NamedTuple, Optional, Union

if __package__ in (None, ""):  # run as a script, or imported from its own folder
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ReidentificationRiskLib.actions import ACTIONS, FIELDS, ask_check
from ReidentificationRiskLib.errors import UNREACHABLE, ClientError
from ReidentificationRiskLib.exchange import CONNECT_TIMEOUT, Progress
from ReidentificationRiskLib.talk import Talk

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
    token: str = "",
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
    token
        What the server's operator handed out, where it wants one.

    Returns
    -------
    dict
        The report, schema "reid-risk/1", its structure checked.

    Raises
    ------
    ClientError
        With one sentence for the user, whatever went wrong.
    """
    talk = Talk(server, timeout, token, progress)
    report: Dict[str, Any] = ask_check(talk, file, params or {}, verify=verify)["report"]
    return report


def info(
    server: str, timeout: float = CONNECT_TIMEOUT, progress: Optional[Progress] = None, token: str = ""
) -> Dict[str, Any]:
    """Ask a server what it is, sending nothing: its reply to /info/; ClientError when it has not our task."""
    return Talk(server, timeout, token, progress).ask_what_it_is()


def main(source: Optional[BinaryIO] = None, sink: Optional[BinaryIO] = None) -> int:
    """Serve one request as the module's head describes; give the exit status."""
    emit = _Emitter(sink or sys.stdout.buffer)
    try:
        request = _read(source or sys.stdin.buffer)
        if request.watch_input:
            threading.Thread(target=_end_with_input, daemon=True).start()
        with _watchdog(request.timeout, emit):
            talk = Talk(request.server, request.timeout, request.token, emit.progress, emit.server)
            emit(ACTIONS[request.action](talk, **request.fields))
    except ClientError as error:
        emit({"event": "error", "kind": error.kind, "message": str(error)})
        return 1
    return 0


class _Request(NamedTuple):
    action: str
    server: str
    token: str
    timeout: float
    watch_input: bool
    fields: Dict[str, Any]


def _read(source: BinaryIO) -> _Request:
    try:
        asked = json.loads(source.readline(LONGEST_REQUEST))
        action = asked.get("action", "check")
        timeout = float(asked.get("timeout", CONNECT_TIMEOUT if action == "info" else DEFAULT_TIMEOUT))
        token, watch_input = str(asked.get("token") or ""), bool(asked.get("watch_input", False))
        fields = {name: _KINDS[name](asked[name]) for name in FIELDS.get(action, []) if name in asked}
        if "params" in FIELDS.get(action, []):
            fields.setdefault("params", {})
        lacking = [name for name in FIELDS.get(action, []) if name in _NEEDED.get(action, ()) and name not in fields]
        request = _Request(action, str(asked["server"]), token, timeout, watch_input, fields)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ClientError("The request to the client is not understood: it needs 'server' and 'file'.") from error
    if lacking:
        raise ClientError(f"The request to the client is not understood: it needs '{lacking[0]}'.")
    if action not in ACTIONS or not 0 < timeout <= LONGEST_TIMEOUT:
        raise ClientError("The request to the client has a wrong 'action' or 'timeout'.")
    return request


_KINDS: Dict[str, Any] = {
    "file": str,
    "folder": str,
    "sample": str,
    "image": str,
    "explain": bool,
    "verify": bool,
    "params": lambda params: dict(params or {}),
}
_NEEDED = {
    "check": ("file",),
    "measures": ("file",),
    "copy": ("file", "folder"),
    "enrolled": ("sample", "folder"),
    "study": ("image",),
}


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

    def server(self, info: Dict[str, Any]) -> None:
        self({"event": "server", "info": info})


@contextlib.contextmanager
def _watchdog(timeout: float, emit: _Emitter) -> Iterator[None]:
    """End the process where no socket's timeout does: in a look-up of a name, or while headers drip in."""

    def give_up() -> None:
        emit(
            {
                "event": "error",
                "kind": UNREACHABLE,
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
