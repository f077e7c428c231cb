"""Stored values become display values in [0, 1], alike whatever container they came in."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reid_engine.errors import ScanError
from reid_engine.readers.raw import Raw, Window
from reid_engine.readers.voi import apply_window, suits_whole_numbers

HU_WINDOW: Window = (0.0, 2000.0)
"""Window of every CT in Hounsfield units: air, lung, soft tissue and bone, whatever preset a viewer had."""

PERCENTILES = (0.5, 99.5)
"""Ends of the window of values that come without one."""

Display = NDArray[np.float32] | NDArray[np.uint8]

MIN_FINITE = 0.01
"""Least share of finite values."""

_LEAST_WIDTH = 1e-30
_AIR = -900.0
_LOWEST_HU = -3100.0
_HIGHEST_HU = 32767.0
_MIN_AIR = 0.02
_CALLER_AIR = -200.0
_STATISTICS_VALUES = 2**20


def to_display(path: Path, raw: Raw, modality: str | None, window: Window | None, invert: bool) -> Display:
    """Map a reader's values to display values.

    Parameters
    ----------
    path
        The file, for messages.
    raw
        What the reader gave.
    modality
        What the caller says it is, where the format does not.
    window
        Centre and width that a viewer shows; it replaces the header's own, except for CT.
    invert
        Whether a viewer shows low values bright; a MONOCHROME1 header says the same.

    Returns
    -------
    NDArray
        (S, H, W) or (S, H, W, 3): float32 in [0, 1], or uint8 for 255 times that.
    """
    values = raw.values
    if values.ndim == 4 and _is_grey(values):
        values = values[..., 0]
    display = _shades(path, values, raw, modality, window)
    if invert or raw.inverted:
        display = _invert(display)
    if display.size and display.min() == display.max():
        raise ScanError(f"{path}: the image is blank; check the file, or the window it is shown with")
    return display


def is_hounsfield(raw: Raw, modality: str | None) -> bool:
    """Tell whether values are Hounsfield units: by the header, else by the air around and in the body."""
    if raw.hounsfield is not None or raw.values.ndim == 4 or raw.values.dtype.kind not in "if":
        return bool(raw.hounsfield)
    if modality not in (None, "CT"):
        return False
    sample = _sample(raw.values)
    sample = sample[np.isfinite(sample)]
    if not sample.size or sample.min() < _LOWEST_HU or sample.max() > _HIGHEST_HU:
        return False
    if modality == "CT":
        return bool(sample.min() < _CALLER_AIR)
    return bool((sample <= _AIR).mean() >= _MIN_AIR and suits_whole_numbers(sample))


def _invert(display: Display) -> Display:
    if display.dtype == np.uint8:
        return np.asarray(~display, dtype=np.uint8)
    return np.asarray(1 - display, dtype=np.float32)


def _is_grey(values: NDArray[Any]) -> bool:
    sample = values[:, ::16]
    if (sample[..., 0] != sample[..., 1]).any() or (sample[..., 0] != sample[..., 2]).any():
        return False
    return bool((values[..., 0] == values[..., 1]).all() and (values[..., 0] == values[..., 2]).all())


def _shades(path: Path, values: NDArray[Any], raw: Raw, modality: str | None, window: Window | None) -> Display:
    if is_hounsfield(raw, modality):
        return apply_window(_finite(path, values, HU_WINDOW), HU_WINDOW, "LINEAR_EXACT")
    if window is not None:
        function = "LINEAR" if suits_whole_numbers(values) else "LINEAR_EXACT"
        return apply_window(_finite(path, values, window), window, function)
    if raw.voi is not None:
        return raw.voi(_finite(path, values, None))
    if values.dtype == np.uint8:
        return np.ascontiguousarray(values)
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * np.uint8(255)
    robust = _robust_window(path, values)
    return apply_window(_finite(path, values, robust), robust, "LINEAR_EXACT")


def _robust_window(path: Path, values: NDArray[Any]) -> Window:
    sample = _sample(values)
    sample = sample[np.isfinite(sample)]
    if not sample.size:
        raise _nothing(path)
    low, high = (float(v) for v in np.percentile(sample, PERCENTILES))
    if low == high:
        low, high = float(sample.min()), float(sample.max())
    return (low + high) / 2, max(high - low, _LEAST_WIDTH)


def _finite(path: Path, values: NDArray[Any], window: Window | None) -> NDArray[Any]:
    """Replace NaN and infinite values by the window's lower end, or the lowest value."""
    if values.dtype.kind != "f":
        return values
    finite = np.isfinite(values)
    if finite.all():
        return values
    if finite.mean() < MIN_FINITE:
        raise _nothing(path)
    low = window[0] - window[1] / 2 if window else values[finite].min()
    return np.where(finite, values, low)


def _nothing(path: Path) -> ScanError:
    return ScanError(f"{path}: nearly all values are NaN or infinite; export the image again")


def _sample(values: NDArray[Any]) -> NDArray[Any]:
    """Give about a million values, spread evenly, the same ones whatever type they are stored as."""
    flat = values.reshape(-1)
    step = -(-flat.size // _STATISTICS_VALUES)
    return flat[:: step + (step > 1 and step % 2 == 0)]
