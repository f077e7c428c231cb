"""Keeps the decoding libraries silent: their warnings and log lines may quote a header's identifiers."""

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_LOGGERS = ("pydicom", "PIL")
_SILENT = logging.CRITICAL + 1
_lock = threading.Lock()
_depth = 0
_filters: "warnings.catch_warnings[None] | None" = None


@contextmanager
def quiet() -> Iterator[None]:
    """Hold back warnings and log lines while files are decoded, in any number of threads at once.

    ``warnings.catch_warnings`` alone isn't safe between threads: the first to enter saves the filters, and
    only the last to leave restores them.
    """
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _depth, _filters
    with _lock:
        _depth += 1
        if _depth > 1:
            return
        _filters = warnings.catch_warnings()
        _filters.__enter__()
        warnings.simplefilter("ignore")
        for name in _LOGGERS:
            logger = logging.getLogger(name)
            if logger.level != _SILENT:  # setting it empties a cache that all loggers share
                logger.setLevel(_SILENT)


def _leave() -> None:
    global _depth, _filters
    with _lock:
        _depth -= 1
        if _depth == 0 and _filters is not None:
            _filters.__exit__(None, None, None)
            _filters = None
