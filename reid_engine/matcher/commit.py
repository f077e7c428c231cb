"""How a change becomes the gallery's: one writer at a time, the ledger last, then what nothing names goes."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from reid_engine.errors import GalleryError
from reid_engine.matcher.ledger import (
    LEDGER_NAME,
    LOCK_NAME,
    OWN_NAME,
    Ledger,
    parse_ledger,
    read_ledger_bytes,
)
from reid_engine.matcher.storage import FILE_MODE, explained, replace_file, sync_folder

LOCK_TIMEOUT_S = 30.0
"""How long a writer waits for another one."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the gallery's lock, against other processes and other threads."""
    lock = FileLock(path / LOCK_NAME, timeout=LOCK_TIMEOUT_S, mode=FILE_MODE)
    with explained(path, "locking the gallery"):
        try:
            lock.acquire()
        except Timeout as error:
            raise GalleryError(
                f"{path}: the gallery is in use by another process (waited {LOCK_TIMEOUT_S:.0f} s); "
                "try again when that has finished"
            ) from error
    try:
        yield
    finally:
        lock.release()


def stem(kind: str, generation: int) -> str:
    """Give what a new file's name begins with; no name is ever used twice."""
    return f"{kind}-{generation:08d}-{secrets.token_hex(4)}"


def commit(path: Path, ledger: Ledger) -> None:
    """Make a ledger, whose files are on the disk, the gallery's."""
    sync_folder(path)
    temporary = path / f"{stem('manifest', ledger.generation)}.tmp"
    replace_file(path / LEDGER_NAME, temporary, ledger.to_bytes())
    try:
        sync_folder(path)
    except OSError as error:
        raise GalleryError(
            f"{path}: the change is made, but the disk did not confirm it; check the disk before you rely on it"
        ) from error


def is_ours(name: str) -> bool:
    """Say whether a file of this name belongs to a gallery."""
    return name == LOCK_NAME or OWN_NAME.fullmatch(name) is not None


def sweep(path: Path, *, must: bool = False) -> None:
    """Delete the gallery's files that no ledger names: of killed writers, or of what was removed."""
    named = {file.name for file in parse_ledger(read_ledger_bytes(path), path).files()}
    left = [file for file in path.iterdir() if OWN_NAME.fullmatch(file.name) and file.name not in named]
    for file in left:
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            if must:
                raise GalleryError(
                    f"{path}: the change is committed, but {file.name} is still held by another process; "
                    "end that process and run again, the file is deleted then"
                ) from error
    if left:
        sync_folder(path)
