"""From measured values to display values: the windows and look-up tables of DICOM PS3.3 C.11.2."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reid_engine.readers.header import functional_groups, items, number, text
from reid_engine.readers.raw import Window

_EXACT = 2.0**24

Voi = Callable[[NDArray[Any]], NDArray[np.float32]]


def apply_window(values: NDArray[Any], window: Window, function: str = "LINEAR") -> NDArray[np.float32]:
    """Map values to [0, 1] by a window.

    Parameters
    ----------
    values
        Any shape.
    window
        Centre and width.
    function
        ``"LINEAR"``, ``"LINEAR_EXACT"`` or ``"SIGMOID"``, as DICOM PS3.3 C.11.2.1.2 and C.11.2.1.3 define
        them.

    Notes
    -----
    LINEAR takes values for whole numbers: its width counts values, so that the ends are half a step further
    in than those of LINEAR_EXACT. It is defined for widths above 1.
    """
    x: NDArray[Any] = values.astype(np.float64 if _is_large(values) else np.float32)
    if function == "SIGMOID":
        centre, width = window
        with np.errstate(over="ignore"):
            grade = np.exp(-4 * (x - np.float32(centre)) / np.float32(width))
        return np.asarray(1 / (1 + grade), dtype=np.float32)
    centre, width = _in_values(window, function)
    x -= x.dtype.type(centre - width / 2)
    x /= x.dtype.type(width)
    return np.clip(x, 0, 1, out=x).astype(np.float32, copy=False)


def window_ends(window: Window, function: str) -> tuple[float, float]:
    """Give the values that a window of straight lines maps to 0 and to 1."""
    centre, width = _in_values(window, function)
    return centre - width / 2, centre + width / 2


@dataclass(frozen=True)
class HeaderWindow:
    """A header's window, as a way from values to display values."""

    window: Window
    function: str

    def __call__(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """Map values."""
        return apply_window(values, self.window, self.function)

    @property
    def ends(self) -> tuple[float, float] | None:
        """The values that become 0 and 1; None where they are never reached."""
        return None if self.function == "SIGMOID" else window_ends(self.window, self.function)


def _in_values(window: Window, function: str) -> Window:
    """Give the window as LINEAR_EXACT takes it."""
    centre, width = window
    return (centre - 0.5, width - 1) if function == "LINEAR" and width > 1 else window


def _is_large(values: NDArray[Any]) -> bool:
    """Tell whether whole numbers may be lost in 32 bits; by the values, so that their type doesn't matter."""
    if values.dtype.itemsize < 4 or not values.size:
        return False
    return bool(max(abs(float(values.min())), abs(float(values.max()))) > _EXACT)


def suits_whole_numbers(values: NDArray[Any]) -> bool:
    """Tell whether finite values are whole numbers, as integers of a scanner and their float copies are."""
    if values.dtype.kind in "iub":
        return True
    finite = values[np.isfinite(values)]
    return bool((finite == np.rint(finite)).all())


def header_voi(dataset: Any) -> Voi | None:
    """Give the header's own way from (rescaled) values to display values, or None."""
    for item in (dataset, *functional_groups(dataset, "FrameVOILUTSequence")):
        table = next(items(item, "VOILUTSequence"), None)
        voi = _table_voi(table) if table is not None else None
        voi = voi or _window_voi(item)
        if voi is not None:
            return voi
    return None


def _window_voi(item: Any) -> Voi | None:
    centre, width = number(item, "WindowCenter"), number(item, "WindowWidth")
    if centre is None or width is None or width <= 0:
        return None
    function = text(item, "VOILUTFunction").upper() or "LINEAR"
    return HeaderWindow((centre, width), function)


def _table_voi(item: Any) -> Voi | None:
    entries = read_table(item)
    if entries is None:
        return None
    first, table, top = entries
    display = (table / np.float32(top)).astype(np.float32)
    return lambda values: look_up(values, first, display)


def look_up(values: NDArray[Any], first: int, table: NDArray[Any]) -> NDArray[Any]:
    """Look values up in a table whose first entry is for ``first``; its end entries hold beyond its ends."""
    positions = np.clip(np.rint(values) - first, 0, len(table) - 1).astype(np.intp)
    found: NDArray[Any] = table[positions]
    return found


def read_table(item: Any) -> tuple[int, NDArray[Any], int] | None:
    """Read a LUT: what its first entry is for, its entries, and the largest there can be; None if damaged."""
    try:
        count, first, bits = (int(n) for n in item.LUTDescriptor)
        data = item.LUTData
        table = np.frombuffer(data, dtype="<u2") if isinstance(data, bytes) else np.asarray(data, dtype=np.int64)
        count = count or 2**16
        if first >= 2**15 and "SS" in item["LUTDescriptor"].VR:
            first -= 2**16
        return (first, table[:count], 2**bits - 1) if 0 < bits <= 16 and len(table) >= count else None
    except Exception:
        return None
