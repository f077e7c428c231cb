"""The changed copies as pictures."""

from collections.abc import Sequence
from pathlib import Path

from reid_engine.errors import ReidError
from reid_engine.measures.comparison import Comparison
from reid_engine.report.pictures import small_png
from reid_engine.report.written import look_at_picture_path, write_picture

SIDE = 512
"""Longer side of a preview, in pixels, at most."""


def write_previews(folder: Path, rows: Sequence[Comparison], scan: Path) -> list[Path]:
    """Write the middle slice of each copy as ``NAME.png``; make the folder if it is not there.

    Raises
    ------
    ReidError
        A file cannot be written, or would take the place of `scan`, the file that was read.
    """
    paths = [folder / f"{row.measure.name}.png" for row in rows]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReidError(f"{folder}: cannot be made ({error.strerror}); choose another folder") from None
    for path in paths:
        look_at_picture_path(path, scan)
    for path, row in zip(paths, rows, strict=True):
        write_picture(path, small_png(row.scan, SIDE), scan)
    return paths
