"""Pictures that a command writes: there whole or not at all, and never over what it read."""

import os
from pathlib import Path

from reid_engine.errors import ReidError


def write_picture(path: Path, png: bytes, scan: Path) -> None:
    """Put a PNG in a file's place.

    Parameters
    ----------
    path
        Where to write; a file that is there is replaced.
    png
        Its bytes.
    scan
        The file or folder that was read, which is never written to.

    Raises
    ------
    ReidError
        The path is the scan, no PNG's, or cannot be written.
    """
    from reid_engine.matcher.storage import replace_file

    look_at_picture_path(path, scan)
    try:
        replace_file(path, path.with_name(f".{path.name}.{os.getpid()}"), png)
    except OSError as error:
        raise ReidError(f"{path}: cannot be written ({error.strerror}); choose another place") from None


def look_at_picture_path(path: Path, scan: Path) -> None:
    """Refuse a place that is the scan's own, or that of another kind of file."""
    if path.suffix.lower() != ".png":
        raise ReidError(f"{path}: the picture is a PNG; give a name that ends in .png")
    if path.exists() and scan.exists() and path.samefile(scan):
        raise ReidError(f"{path}: is the scan itself, which is never written to; choose another place")
