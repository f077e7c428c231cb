"""The changed copies as pictures."""

import base64
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from reid_engine.errors import ReidError
from reid_engine.measures.comparison import Comparison, Outcome, to_document
from reid_engine.report.pictures import small_png
from reid_engine.report.written import look_at_picture_path, write_picture
from reid_engine.scan import Scan

SIDE = 512
"""Longer side of a preview, in pixels, at most."""

INLINE_SIDE = 256
"""The same for one that lies inside of a document."""


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


def document_with_previews(before: Outcome, rows: Iterable[Comparison], scan: Scan) -> dict[str, Any]:
    """Give the document ``reid-measures/1`` with the middle slices as base64 PNG.

    Each row has its copy's as ``preview``, and ``preview_before`` is the scan's. Copies are let go one by one.
    """
    document = to_document(before, ())
    document["preview_before"] = _inline(scan)
    for row in rows:
        document["measures"].append({**row.to_json(), "preview": _inline(row.scan)})
    return document


def _inline(scan: Scan) -> str:
    return base64.b64encode(small_png(scan, INLINE_SIDE)).decode("ascii")
