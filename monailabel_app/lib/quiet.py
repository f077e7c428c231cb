"""Logs without identifiers, scores or file names.

MONAI Label logs every request, result and datastore event with its content, and so may any library. What
reaches a log is therefore chosen by who says it: this app, and uvicorn's start and stop. Of an error of
anybody else its kind is kept and its text, which may quote a header or a path, is withheld.
"""

import logging
import re
import sys
import threading
import traceback

from reid_engine.errors import ReidError

LOG = logging.getLogger("reidentification_risk")
"""The app's own log; what is written to it names nobody."""

_TASKS = ("task_train", "task_scoring")
"""Loggers by which MONAI Label repeats what a task's process printed."""

_OF_A_TASK = re.compile(rf"\({LOG.name}:\d+\) - (.+)$")

_UVICORN = (
    "Started ",
    "Waiting for ",
    "Application ",
    "Uvicorn running",
    "Shutting down",
    "Finished ",
    "[Errno",
)


class Discreet(logging.Filter):
    """Lets through what is known to name nobody, and withholds the text of the rest."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a record may be written, its text replaced where needed."""
        if record.name == LOG.name:
            return True
        if record.name in _TASKS:
            line = said_by_task(record.getMessage())
            record.msg, record.args = line or "", ()
            return line is not None
        if record.name == "uvicorn.error" and str(record.msg).startswith(_UVICORN):
            return True
        if record.levelno < logging.ERROR:
            return False
        record.msg, record.args = _kind(record), ()
        record.exc_info = record.exc_text = record.stack_info = None
        return True


def hush() -> None:
    """Put the filter on every handler there is, and keep warnings and threads from writing past it."""
    loggers = [logging.getLogger(), *logging.Logger.manager.loggerDict.values()]
    handlers = {handler for logger in loggers for handler in getattr(logger, "handlers", ())}
    for handler in handlers - {handler for handler in handlers if _has_filter(handler)}:
        handler.addFilter(Discreet())
    LOG.setLevel(logging.INFO)
    logging.captureWarnings(True)
    threading.excepthook = _report_thread


def end_quietly() -> None:
    """Let this process, a task's own, end without a traceback.

    MONAI Label keeps the last 20 lines that a task prints, and the line that says why it failed would not be among
    them. Call it in no other process.
    """
    sys.excepthook = lambda kind, error, trace: None


def said_by_task(line: str) -> str | None:
    """Pick what this app said out of a line that a task's process printed; None if a library printed it."""
    match = _OF_A_TASK.search(line)
    return match[1] if match else None


def where(error: BaseException) -> str:
    """Say what kind of error it was and where, without its text."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {frames[-1].name}, line {frames[-1].lineno}" if frames else ""
    return type(error).__name__ + place


def _has_filter(handler: logging.Handler) -> bool:
    return any(type(f).__name__ == Discreet.__name__ for f in handler.filters)


def _kind(record: logging.LogRecord) -> str:
    if record.exc_info and record.exc_info[1] is not None:
        return f"an error of {record.name}: {where(record.exc_info[1])}"
    lines = record.getMessage().strip().splitlines()
    if lines and lines[0].startswith("Traceback"):
        name, _, text = lines[-1].partition(": ")
        # What stopped the server at its start is for the operator, who gave it.
        return text if name.rpartition(".")[2] in _OWN else f"an error of {record.name}: {name}"
    return f"an error of {record.name}, its text withheld"


def _report_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
        LOG.error("a thread ended with %s", where(args.exc_value))


def _names(kind: type) -> set[str]:
    return {kind.__name__}.union(*(_names(child) for child in kind.__subclasses__()))


_OWN = _names(ReidError)
