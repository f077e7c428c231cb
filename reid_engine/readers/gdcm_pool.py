"""Processes that decode with GDCM, started when first needed and kept for the next frame."""

import atexit
import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import IO

from reid_engine.readers import gdcm_worker

SECONDS = 60.0
"""How long one frame may take."""


class MissingDecoderError(RuntimeError):
    """The decoding process does not start, mostly for want of python-gdcm."""


def decode_with_gdcm(data: bytes, form: Mapping[str, object]) -> bytes:
    """Decode a frame in another process, from any thread.

    Parameters
    ----------
    data
        The compressed frame.
    form
        The keyword arguments of :func:`reid_engine.readers.gdcm_worker.decode`.

    Raises
    ------
    ValueError
        If the frame is damaged, ends the process, or takes too long.
    MissingDecoderError
        If there is no decoder.
    """
    worker = _take()
    try:
        decoded = worker.decode(data, form)
    except BaseException:
        worker.end()
        raise
    with _lock:
        _idle.append(worker)
    if not decoded:
        raise ValueError("the compressed image is damaged")
    return decoded


class _Worker:
    def __init__(self) -> None:
        command = [sys.executable, "-P", gdcm_worker.__file__]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        if self._answers.read(1) != gdcm_worker.READY:
            self.end()
            raise MissingDecoderError("the decoder does not start")

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def _answers(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout

    def decode(self, data: bytes, form: Mapping[str, object]) -> bytes:
        """Ask for one frame; ValueError when the process dies over it."""
        about = json.dumps(form).encode()
        watch = threading.Timer(SECONDS, self._process.kill)
        watch.daemon = True
        watch.start()
        try:
            assert self._process.stdin is not None
            self._process.stdin.write(gdcm_worker.REQUEST.pack(len(about), len(data)) + about)
            self._process.stdin.write(data)
            self._process.stdin.flush()
            (size,) = gdcm_worker.REPLY.unpack(self._read(gdcm_worker.REPLY.size))
            return self._read(size)
        except OSError:
            raise ValueError("the compressed image is damaged") from None
        finally:
            watch.cancel()

    def end(self) -> None:
        """End the process and close its pipes."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _read(self, size: int) -> bytes:
        data = self._answers.read(size)
        if len(data) < size:
            raise ValueError("the compressed image is damaged")
        return data


_lock = threading.Lock()
_idle: list[_Worker] = []


def _take() -> _Worker:
    with _lock:
        while _idle:
            worker = _idle.pop()
            if worker.alive:
                return worker
            worker.end()
    return _Worker()


def _forget() -> None:
    """Leave the workers to the parent of a forked process."""
    global _lock
    _lock = threading.Lock()
    _idle.clear()


def _end_all() -> None:
    while _idle:
        _idle.pop().end()


atexit.register(_end_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
