"""The client in a process of its own, so that neither the network nor the server can hold up Slicer."""

import json
import logging
import os
import shutil
import sys
from typing import Any, Dict, Optional

import qt

from ReidentificationRiskLib.errors import PanelError
from ReidentificationRiskLib.signals import Signal

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "client.py")
KILL_WAIT = 900  # milliseconds
FINAL = ("result", "info", "measures", "copy", "images", "enrolled", "error")


class ClientProcess:
    """Runs one request of client.py at a time.

    Signals
    -------
    progressed
        stage, fraction (None: unknown), text.
    heard
        What the server said of itself, on the way: {"event": "server", "info": ...}.
    ended
        The last event, see client.py. Not emitted after ``stop``.
    """

    def __init__(self) -> None:
        self.progressed = Signal()
        self.heard = Signal()
        self.ended = Signal()
        self._process: Any = None
        self._retired: Any = None  # may still be sending the signal that it is retired by
        self._unread = b""
        self._last: Optional[Dict[str, Any]] = None

    @property
    def running(self) -> bool:
        """Whether a request is under way."""
        return self._process is not None

    def start(self, request: Dict[str, Any]) -> None:
        """Start a request; PanelError when one is running or there is no Python to run it."""
        if self.running:
            raise PanelError("A check is running already: wait for it or cancel it.")
        python = find_python()
        process = qt.QProcess()
        self._process, self._unread, self._last = process, b"", None
        process.connect("readyReadStandardOutput()", self._read)
        process.connect("finished(int,QProcess::ExitStatus)", self._finished)
        process.connect("errorOccurred(QProcess::ProcessError)", self._failed)
        process.start(python, [SCRIPT])
        # The channel stays open: its end tells the client to stop, even where a launcher stands between us.
        process.write(json.dumps({**request, "watch_input": True}).encode() + b"\n")

    def stop(self) -> None:
        """Kill a running request and wait until it is gone, which takes milliseconds."""
        process = self._retire()
        if process is not None:
            process.closeWriteChannel()
            process.kill()
            process.waitForFinished(KILL_WAIT)

    def _read(self) -> None:
        if self._process is None:
            return
        *lines, self._unread = (self._unread + _bytes(self._process.readAllStandardOutput())).split(b"\n")
        for line in lines:
            self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            event = json.loads(line)
            kind = event["event"]
        except (ValueError, KeyError, TypeError):
            logging.debug("The client said something that is not an event")
            return
        if kind == "progress":
            self.progressed.emit(event.get("stage"), event.get("fraction"), event.get("text", ""))
        elif kind == "server":
            self.heard.emit(event)
        elif kind in FINAL:
            self._last = event

    def _finished(self, code: int, status: Any) -> None:
        if self._process is None:
            return
        self._read()
        if self._process is None:  # whoever heard of progress stopped it
            return
        errors = _bytes(self._process.readAllStandardError()).decode(errors="replace").strip()
        if errors:
            logging.debug("The client ended with %s: %s", code, errors)
        self._end(self._last or _error("The check ended without an answer: try again."))

    def _failed(self, error: Any) -> None:
        if self._process is not None and error == qt.QProcess.FailedToStart:
            self._end(_error("Python could not be started for the check: reinstall Slicer."))

    def _end(self, event: Dict[str, Any]) -> None:
        self._retire()
        self.ended.emit(event)

    def _retire(self) -> Any:
        process, self._process = self._process, None
        if process is not None:
            self._retired = process
        return process


def find_python() -> str:
    """Give the Python that belongs to this Slicer; PanelError when there is none."""
    found = shutil.which("PythonSlicer")
    if found:
        return found
    name = os.path.basename(sys.executable or "").lower()
    if name.startswith(("python", "pypy")):  # anything else could start a second Slicer
        return sys.executable
    raise PanelError("Slicer's Python (PythonSlicer) is not on the path: reinstall Slicer.")


def _error(message: str) -> Dict[str, Any]:
    return {"event": "error", "message": message}


def _bytes(data: Any) -> bytes:
    content = data.data()
    return content if isinstance(content, bytes) else bytes(content, "utf-8")
