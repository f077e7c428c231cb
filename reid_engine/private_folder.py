"""Folders for what must not outlive a process: for its user alone, gone when it ends or at the next start."""

import contextlib
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from reid_engine.errors import ServeError

_IN_USE = ".in_use"


@contextmanager
def private_folder(purpose: str) -> Iterator[Path]:
    """Give an empty folder that only this user can read; remove it and those of killed processes.

    Every folder has a lock that its process holds: the lock of a killed process is free, which tells its
    leftovers from a folder in use, whatever number the process had.

    Parameters
    ----------
    purpose
        A word that starts the folder's name; leftovers of the same purpose are removed first.

    Yields
    ------
    Path
        The folder, mode 0700, inside one that belongs to the user in the system's folder for temporary files.

    Raises
    ------
    ServeError
        If the user's own folder cannot be made, or somebody else made it.
    """
    home = _home()
    with FileLock(home / ".lock"):
        _remove_leftovers(home, purpose)
        folder = Path(tempfile.mkdtemp(prefix=f"{purpose}-", dir=home))
        in_use = FileLock(folder / _IN_USE)
        in_use.acquire()
    try:
        yield folder
    finally:
        in_use.release()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def held_alone(purpose: str, path: Path) -> Iterator[bool]:
    """Hold a path against other processes of the user on this machine; nothing is written where it is.

    A killed process holds nothing.

    Parameters
    ----------
    purpose
        A word for what is done there; another purpose does not mind.
    path
        What is held; it need not exist.

    Yields
    ------
    bool
        Whether nobody else holds it.

    Raises
    ------
    ServeError
        As for :func:`private_folder`.
    """
    name = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:32]
    home = _home()
    lock, guard = FileLock(home / f".{purpose}-{name}.lock"), FileLock(home / ".lock")
    alone = True
    with guard:  # so that nobody takes hold of a file that is being removed
        try:
            lock.acquire(blocking=False)
        except Timeout:
            alone = False
    try:
        yield alone
    finally:
        if alone:
            with guard:
                lock.release()
                with contextlib.suppress(OSError):
                    Path(lock.lock_file).unlink(missing_ok=True)


def _home() -> Path:
    user = f"-{os.getuid()}" if hasattr(os, "getuid") else ""
    home = Path(tempfile.gettempdir()) / f"reid-engine{user}"
    try:
        home.mkdir(mode=0o700, exist_ok=True)
        status = home.lstat()
    except OSError as error:
        raise ServeError(
            f"{home}: cannot be made a folder for temporary files ({error.strerror}); "
            "set TMPDIR to a folder that is yours"
        ) from None
    foreign = hasattr(os, "getuid") and (status.st_uid != os.getuid() or status.st_mode & 0o077)
    if foreign or not stat.S_ISDIR(status.st_mode):
        raise ServeError(f"{home}: belongs to somebody else; set TMPDIR to a folder that is yours")
    return home


def _remove_leftovers(home: Path, purpose: str) -> None:
    for folder in home.glob(f"{purpose}-*"):
        with contextlib.suppress(Timeout, OSError), FileLock(folder / _IN_USE).acquire(blocking=False):
            shutil.rmtree(folder, ignore_errors=True)
