"""Measurements that tell kinds of images apart; what they are for is in :mod:`reid_engine.modality`."""

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]

_SIDE = 128
_KERNEL = np.array((1, 2, 3, 2, 1)) / 9

CHEST_TEMPLATE = (
    (-79, -56, -58, -84, -53, 23),
    (-42, -38, -89, -131, -81, 30),
    (-24, -49, -137, -171, -89, 47),
    (-15, -71, -166, -172, -73, 64),
    (-13, -90, -173, -145, -37, 82),
    (-16, -98, -159, -103, 3, 104),
    (-24, -104, -128, -52, 37, 123),
    (-31, -96, -89, -12, 64, 141),
    (-34, -74, -43, 18, 85, 155),
    (-32, -37, 8, 58, 111, 170),
    (-16, 9, 57, 97, 136, 182),
    (10, 59, 106, 138, 160, 191),
    (41, 98, 138, 160, 177, 201),
)
"""Hundredths of a standard deviation, 13 rows of the left 6 columns; the right 6 mirror them."""


def measure_fundus(image: Image) -> dict[str, float] | None:
    """Measure the disc of a colour image (H, W, 3); None where nothing is lit."""
    lit = image.max(axis=2) > 0.08
    disc = _fit_disc(lit)
    if disc is None or not (lit & (disc < 0.92)).any():
        return None
    outside, inside = disc > 1.06, disc < 0.92
    colours = image[lit & inside]
    mean = colours.mean(axis=0)
    red, green, blue = colours.T
    tints = float(((red - green) / (red + green + 0.02)).std())
    return {
        "dark_outside": float(1 - lit[outside].mean()) if outside.any() else 0.0,
        "outside": float(outside.mean()),
        "lit_inside": float(lit[inside].mean()),
        "red": float(mean[0] / mean.sum()),
        "blue": float(mean[2] / mean.sum()),
        "red_green_blue": float(((red >= green) & (green >= blue - 0.02)).mean()),
        "tints": tints,
        "tints_most": tints,
        "evenness": float(red.std() / red.mean()),
    }


def measure_oct(image: Image) -> dict[str, float] | None:
    """Measure the brightest band of a grey image (H, W), column by column."""
    view = _resize(image, 64, 32)
    padded = np.pad(view, ((2, 2), (0, 0)), "edge")
    smooth = np.tensordot(_KERNEL, np.stack([padded[k : k + 64] for k in range(5)]), axes=1)
    peak = smooth.argmax(axis=0)
    high, low = smooth.max(axis=0), np.quantile(smooth, 0.15, axis=0)
    before = np.cumsum(smooth, axis=0)[np.maximum(peak - 9, 0), np.arange(32)] / np.maximum(peak - 8, 1)
    aligned = np.stack([np.roll(view[:, j], 32 - peak[j])[16:48] for j in range(32)], axis=1)
    down, across = np.diff(view, axis=0), np.diff(view, axis=1)
    return {
        "dark_before": float(np.median(before / (high + 1e-3))),
        "contrast": float(np.quantile(high - low, 0.1)),
        "relative_contrast": float(np.quantile((high - low) / (high + 1e-3), 0.1)),
        "alike": float(np.quantile(_correlations(aligned), 0.1)),
        "jumps": float(np.median(np.abs(np.diff(peak)))),
        "at_edge": float(((peak < 3) | (peak > 60)).mean()),
        "height": float((smooth > (low + high) / 2).mean()),
        "layered": float(np.log((np.square(down).mean() + 1e-9) / (np.square(across).mean() + 1e-9))),
    }


def measure_chest(image: Image) -> dict[str, float] | None:
    """Compare a grey image (H, W), its even borders cut off, with the chest template."""
    field = _trim(image)
    view = _resize(field, 16, 16)[2:15, 2:14]
    spread = float(view.std()) + 1e-6
    lungs = (view[1:7, 1:4].mean() + view[1:7, 8:11].mean()) / 2
    rows = view - view.mean(axis=1, keepdims=True)
    template = _chest_template()
    likeness = _correlation(view, template)
    across = _correlation(rows, template - template.mean(axis=1, keepdims=True))
    inner = field[1:-1, 1:-1]
    laplacian = 4 * inner - field[:-2, 1:-1] - field[2:, 1:-1] - field[1:-1, :-2] - field[1:-1, 2:]
    roughness = float(np.abs(laplacian).mean() / (field.std() + 1e-6))
    low, high = float(field.min()), float(field.max())
    middle = np.abs(field - (low + high) / 2) < 0.4 * (high - low)
    return {
        "likeness": likeness + across,
        "template": likeness,
        "across": across,
        "abdomen": float((view[10:, 3:9].mean() - lungs) / spread),
        "smooth_least": roughness,
        "smooth_most": roughness,
        "aspect": abs(float(np.log(field.shape[1] / field.shape[0]))),
        "midtones": float(middle.mean()),
        "round_field": _roundness(image),
    }


def _roundness(image: Image) -> float:
    """Give the smaller of the dark share outside and the lit share inside a disc fitted to what is lit."""
    lit = image > 0.08
    disc = _fit_disc(lit)
    if disc is None or not (disc > 1.06).any():
        return 0.0
    return float(min(1 - lit[disc > 1.06].mean(), lit[disc < 0.92].mean()))


def _fit_disc(lit: NDArray[np.bool_]) -> NDArray[np.float64] | None:
    """Give each pixel's distance from the centre of the lit field, in radii of the circle around it."""
    rows, columns = (np.flatnonzero(lit.mean(axis=axis) > 0.03) for axis in (1, 0))
    if min(len(rows), len(columns)) < 16:
        return None
    radius = (max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1) / 2
    y = np.arange(lit.shape[0])[:, np.newaxis] - (rows[0] + rows[-1]) / 2
    x = np.arange(lit.shape[1]) - (columns[0] + columns[-1]) / 2
    return np.asarray(np.hypot(y, x) / radius)


def shrink(image: Image) -> Image:
    """Give a copy of at most 128 pixels a side by means over blocks, of strided pixels when it is large."""
    factor = -(-max(image.shape[:2]) // _SIDE)
    stride = max(factor // 3, 1)
    image = image[::stride, ::stride]
    factor = -(-max(image.shape[:2]) // _SIDE)
    rows, columns = (max(n // factor, 1) for n in image.shape[:2])
    cut = image[: rows * factor, : columns * factor]
    lines = cut.reshape(rows, factor, -1).mean(axis=1)  # rows first: those sums run along memory
    return np.asarray(lines.reshape(rows, columns, factor, *image.shape[2:]).mean(axis=2))


def _resize(image: Image, rows: int, columns: int) -> NDArray[np.float64]:
    """Give area means on a grid of rows x columns, larger or smaller than the image."""
    height, width = image.shape
    total = np.zeros((height + 1, width + 1))
    np.cumsum(np.cumsum(image, axis=0, dtype=np.float64), axis=1, out=total[1:, 1:])
    total = _at(total, np.linspace(0, height, rows + 1))
    total = _at(total.T, np.linspace(0, width, columns + 1)).T
    return np.diff(np.diff(total, axis=0), axis=1) * (rows * columns / (height * width))


def _at(totals: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Read rows at fractional places."""
    whole = np.minimum(places.astype(np.intp), len(totals) - 2)
    part = (places - whole)[:, np.newaxis]
    return np.asarray(totals[whole] * (1 - part) + totals[whole + 1] * part)


def _trim(image: Image) -> Image:
    """Cut off even rows and columns at the borders."""
    rows, columns = (np.flatnonzero(image.std(axis=axis) > 0.02) for axis in (1, 0))
    if min(len(rows), len(columns)) < 16:
        return image
    return image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / (np.sqrt((a * a).sum() * (b * b).sum()) + 1e-6))


def _correlations(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlate each column with the mean column."""
    centred = columns - columns.mean(axis=0)
    mean = centred.mean(axis=1)
    norms = np.sqrt(np.square(centred).sum(axis=0)) * np.sqrt(np.square(mean).sum())
    return np.asarray((centred * mean[:, np.newaxis]).sum(axis=0) / (norms + 1e-6))


def _chest_template() -> NDArray[np.float64]:
    left = np.array(CHEST_TEMPLATE, dtype=np.float64)
    return np.concatenate((left, left[:, ::-1]), axis=1)
