"""The changed copies as pictures."""

from collections.abc import Sequence
from pathlib import Path

from reid_engine.errors import ReidError
from reid_engine.measures.comparison import Comparison
from reid_engine.report.pictures import small_png

SIDE = 512
"""Longer side of a preview, in pixels, at most."""


def write_previews(folder: Path, rows: Sequence[Comparison]) -> list[Path]:
    """Write the middle slice of each copy as ``NAME.png``; make the folder if it is not there.

    Raises
    ------
    ReidError
        A file cannot be written.
    """
    written = []
    for row in rows:
        path = folder / f"{row.measure.name}.png"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(small_png(row.scan, SIDE))
        except OSError as error:
            path.unlink(missing_ok=True)
            raise ReidError(f"{path}: cannot be written ({error.strerror}); choose another folder") from None
        written.append(path)
    return written
