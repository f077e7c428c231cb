"""Files that are there whole or not at all, readable by their owner only."""

import errno
import io
import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from reid_engine.errors import GalleryError

FILE_MODE = 0o600
FOLDER_MODE = 0o700

BLOCK_BYTES = 8 << 20
"""Arrays go to disk in pieces of about this size."""

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_REPLACE_TRIES = 20  # Windows refuses to replace a file while somebody reads it


def write_file(path: Path, pieces: Iterable[bytes | memoryview]) -> int:
    """Write a new file down to the disk and give its length in bytes; on failure nothing of it is left."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), FILE_MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
            return file.tell()
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise


def replace_file(path: Path, temporary: Path, data: bytes) -> None:
    """Put `data` in the place of a file, so that any reader sees the old or the new, whole.

    The folder has to be synced for the new one to survive a power cut.
    """
    write_file(temporary, [data])
    try:
        _replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def _replace(source: Path, target: Path) -> None:
    for attempt in range(_REPLACE_TRIES):
        try:
            source.replace(target)
            return
        except PermissionError:
            if os.name != "nt" or attempt == _REPLACE_TRIES - 1:
                raise
            time.sleep(0.01 * (attempt + 1))


def sync_folder(path: Path) -> None:
    """Make names that were added to a folder, or replaced in it, survive a power cut."""
    if sys.platform == "win32":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(path: Path) -> None:
    """Make a folder that only its owner can enter, or restrict the one that is there."""
    path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    path.chmod(FOLDER_MODE)


def npy_pieces(
    shape: tuple[int, int], dtype: np.dtype[Any], blocks: Iterable[NDArray[Any]]
) -> Iterator[bytes | memoryview]:
    """Give the bytes of a .npy file whose rows come in blocks.

    ``numpy.save`` is not used because it loses the cause of a failed write.
    """
    header = io.BytesIO()
    layout = {"descr": dtype.str, "fortran_order": False, "shape": shape}
    npy.write_array_header_1_0(header, layout)  # type: ignore[no-untyped-call]
    yield header.getvalue()
    step = max(1, BLOCK_BYTES // max(1, shape[1] * dtype.itemsize))
    for block in blocks:
        for start in range(0, len(block), step):
            yield np.ascontiguousarray(block[start : start + step], dtype=dtype).data.cast("B")


@contextmanager
def explained(gallery: Path, doing: str) -> Iterator[None]:
    """Turn an OSError into a GalleryError that says what became of the gallery."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_SPACE:
            reason = "the disk is full; the gallery is as it was before, free some space and run again"
        else:
            reason = f"{(error.strerror or type(error).__name__).lower()}; check the folder and its permissions"
        raise GalleryError(f"{gallery}: {doing} failed: {reason}") from error
