"""Changed copies as files: the values and the place of the file that the scan was read from, and nothing else of it."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reid_engine.grid import read_grid
from reid_engine.measures.comparison import Comparison
from reid_engine.readers.display import Stored
from reid_engine.scan import Scan, to_unit

Values = NDArray[np.generic]

_EIGHT_BIT = Stored((0.0, 255.0), "u1")
_WHOLE = ("i2", "u2", "i4")


def write_copy(path: Path, scan: Scan, row: Comparison) -> bytes:
    """Give a changed copy as gzipped NIfTI that lies over the file its scan was read from.

    Parameters
    ----------
    path
        The file.
    scan
        What was read from it.
    row
        Of the measure.

    Raises
    ------
    ReidError
        The file cannot be read any more, or is too large for NIfTI.
    """
    return read_grid(path, scan).moved(*row.measure.corner(scan)).write(stored_values(row.scan))


def stored_values(scan: Scan) -> Values:
    """Give a scan's values as its file has them, (S, H, W), or 8-bit colours, (S, H, W, 3).

    Values beyond the window that the scan was shown with are that window's ends: what was not checked is not in the
    copy. Where the way from stored to display values is no straight line, they are display values in 8 bits.
    """
    stored = _EIGHT_BIT if scan.is_colour or scan.stored is None else scan.stored
    low, high = stored.ends
    chosen = _kind(stored.kind, low, high)
    out = np.empty(scan.shape, dtype=chosen)
    for index, values in enumerate(scan.values):
        back = low + to_unit(values).astype(np.float64) * (high - low)
        out[index] = np.rint(back) if chosen.kind in "iu" else back
    return out


def _kind(kind: str, low: float, high: float) -> np.dtype[np.generic]:
    """Choose the file's own type, or else one that NIfTI and the ends of the window fit into."""
    if kind[0] in "iu":
        for name in (kind, *_WHOLE) if kind in ("u1", *_WHOLE) else _WHOLE:
            limits = np.iinfo(name)
            if limits.min <= min(np.rint(low), np.rint(high)) and max(np.rint(low), np.rint(high)) <= limits.max:
                return np.dtype(name)
    return np.dtype(np.float32)
