import io
import logging

import pytest
from lib.quiet import LOG, Discreet, where

from reid_engine.errors import ServeError


@pytest.fixture
def console():
    handler = logging.StreamHandler(io.StringIO())
    handler.addFilter(Discreet())
    return handler


def _written(console, name, level, message, *args, **more):
    record = logging.LogRecord(name, level, __file__, 1, message, args, more.pop("exc_info", None), **more)
    if console.filter(record):
        console.emit(record)
    return console.stream.getvalue()


def test_the_apps_own_lines_are_written(console):
    assert _written(console, LOG.name, logging.INFO, "ready for %s", "checks") == "ready for checks\n"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("monailabel.endpoints.infer", "Infer Request: {'image': '/tmp/P-17.png'}"),
        ("monailabel.datastore.local", "Adding New Image: P-17 => P-17.png"),
        ("monailabel.utils.async_tasks.task", "Train request: P-17"),
        ("__main__", 'Result: {"P-17": 0.97}'),
        ("uvicorn.access", '127.0.0.1 - "POST /infer/x?image=P-17 HTTP/1.1" 200'),
        ("uvicorn.error", '127.0.0.1 - "WebSocket /P-17" 403'),
        ("pydicom", "Invalid value for P-17"),
        ("py.warnings", "P-17"),
        ("task_train", "[INFO] Adding P-17"),
        ("task_scoring", 'Result: {"P-17": 0.97}'),
    ],
)
def test_what_others_say_is_not(console, name, message):
    assert _written(console, name, logging.INFO, message) == ""


def test_of_an_error_its_kind_is_kept(console):
    try:
        {}["P-17"]
    except KeyError as error:
        info = (KeyError, error, error.__traceback__)
        said = where(error)
    text = _written(console, "uvicorn.error", logging.ERROR, "Exception in ASGI application\n", exc_info=info)
    assert text == "an error of uvicorn.error: KeyError in test_of_an_error_its_kind_is_kept, line 55\n".replace(
        "line 55", said.rpartition(", ")[2]
    )
    assert "P-17" not in text


def test_an_error_without_an_exception_loses_its_text(console):
    assert "P-17" not in (text := _written(console, "monailabel", logging.ERROR, "cannot read P-17"))
    assert "monailabel" in text


def test_what_stopped_the_start_is_told_in_one_line(console):
    trace = 'Traceback (most recent call last):\n  File "x.py", line 1\n'
    own = trace + f"{ServeError.__module__}.ServeError: the gallery's folder is missing; add --conf gallery DIR\n"
    assert _written(console, "uvicorn.error", logging.ERROR, own) == (
        "the gallery's folder is missing; add --conf gallery DIR\n"
    )
    foreign = _written(console, "uvicorn.error", logging.ERROR, trace + "KeyError: 'P-17'\n")
    assert foreign.endswith("an error of uvicorn.error: KeyError\n")


def test_the_start_and_stop_of_the_server_are_written(console):
    assert "Started" in _written(console, "uvicorn.error", logging.INFO, "Started server process [%d]", 3)


@pytest.mark.parametrize("task", ["task_train", "task_scoring"])
def test_lines_of_a_long_task_are_written(console, task):
    line = f"[2026-01-01 10:00:00] [MainThread] [INFO] ({LOG.name}:99) - gallery: enrolling 120 of 300"
    assert _written(console, task, logging.INFO, line) == "gallery: enrolling 120 of 300\n"
