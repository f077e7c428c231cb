"""A file that appears under its name whole, or not at all."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

PRIVATE = 0o600


def put_whole(path: Path, write: Callable[[Path], object], *, mode: int | None = None) -> None:
    """Let `write` make a file beside `path`, bring it down to the disk, and give it that name.

    Parameters
    ----------
    path
        The name; a file that has it is replaced.
    write
        Is given the path to write to, in the same folder and hidden.
    mode
        Of the file; None leaves it to the system.

    Raises
    ------
    OSError
        It cannot be written; `path` is then what it was, and nothing is left beside it.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(draft)
        if mode is not None:
            draft.chmod(mode)
        with draft.open("rb+") as written:
            os.fsync(written.fileno())
        draft.replace(path)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def put_text(path: Path, text: str, *, mode: int | None = None) -> None:
    """Do so with a text, in UTF-8."""
    put_whole(path, lambda draft: draft.write_text(text, encoding="utf-8"), mode=mode)
