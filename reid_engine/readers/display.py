"""Stored values become display values in [0, 1], alike whatever container they came in."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reid_engine.errors import ScanError
from reid_engine.readers.raw import Raw, Window
from reid_engine.readers.voi import HeaderWindow, apply_window, suits_whole_numbers, window_ends

HU_WINDOW: Window = (0.0, 2000.0)
"""Window of every CT in Hounsfield units: air, lung, soft tissue and bone, whatever preset a viewer had."""

PERCENTILES = (0.5, 99.5)
"""Ends of the window of values that come without one."""

Display = NDArray[np.float32] | NDArray[np.uint8]

Ends = tuple[float, float]
"""The stored values that are shown as 0 and as 1."""

MIN_FINITE = 0.01
"""Least share of finite values."""

_LEAST_WIDTH = 1e-30
_AIR = -900.0
_LOWEST_HU = -3100.0
_HIGHEST_HU = 32767.0
_MIN_AIR = 0.02
_CALLER_AIR = -200.0
_STATISTICS_VALUES = 2**20


@dataclass(frozen=True)
class Stored:
    """The way back from display values to a file's own.

    Parameters
    ----------
    ends
        The (rescaled) values that 0 and 1 stand for; values beyond them are shown as these.
    kind
        numpy's code for the type of the file's (rescaled) values.
    """

    ends: Ends
    kind: str


@dataclass(frozen=True)
class Shown:
    """Display values, and the way back where it is a straight line."""

    values: Display
    stored: Stored | None


def show(path: Path, raw: Raw, modality: str | None, window: Window | None, invert: bool) -> Shown:
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
    Shown
        Values (S, H, W) or (S, H, W, 3): float32 in [0, 1], or uint8 for 255 times that.
    """
    values = raw.values
    if values.ndim == 4 and _is_grey(values):
        values = values[..., 0]
    display, ends = _shades(path, values, raw, modality, window)
    if invert or raw.inverted:
        display = _invert(display)
        ends = ends and ends[::-1]
    if display.size and display.min() == display.max():
        raise ScanError(f"{path}: the image is blank; check the file, or the window it is shown with")
    return Shown(display, ends and Stored(ends, values.dtype.str[1:]))


def to_display(path: Path, raw: Raw, modality: str | None, window: Window | None, invert: bool) -> Display:
    """Give the display values alone."""
    return show(path, raw, modality, window, invert).values


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


def _shades(
    path: Path, values: NDArray[Any], raw: Raw, modality: str | None, window: Window | None
) -> tuple[Display, Ends | None]:
    if is_hounsfield(raw, modality):
        return _windowed(path, values, HU_WINDOW, "LINEAR_EXACT")
    if window is not None:
        return _windowed(path, values, window, "LINEAR" if suits_whole_numbers(values) else "LINEAR_EXACT")
    if raw.voi is not None:
        ends = raw.voi.ends if isinstance(raw.voi, HeaderWindow) else None
        return raw.voi(_finite(path, values, None)), ends
    if values.dtype == np.uint8:
        return np.ascontiguousarray(values), (0.0, 255.0)
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * np.uint8(255), None
    return _windowed(path, values, _robust_window(path, values), "LINEAR_EXACT")


def _windowed(path: Path, values: NDArray[Any], window: Window, function: str) -> tuple[Display, Ends]:
    return apply_window(_finite(path, values, window), window, function), window_ends(window, function)


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
