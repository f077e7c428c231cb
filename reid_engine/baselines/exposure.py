"""How bright, how coloured, how noisy and how sharp a picture is, wherever in it: no anatomy has a place here."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve

Values = NDArray[np.float32]

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
BINS = 16
"""Bins of the histogram of display values."""

TONES = 2 + len(QUANTILES) + BINS + 3
COLOURS = 4
GRAIN = 3
"""Lengths of what :func:`tones`, :func:`colours` and :func:`grain` give."""

LEAST_NOISE = 0.05 / 255
"""Floor of the noise level, in display values: below it only rounding is seen."""

BLOCK = 8
"""Side of JPEG's blocks in pixels."""

COARSE_STEP = 4
"""Distance in pixels whose differences say how much there is to be sharp about."""

_LAPLACE = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.float32)


def tones(levels: NDArray[np.uint8]) -> Values:
    """Describe 8-bit display values (n,): mean, deviation, quantiles, histogram, and what the export clipped.

    Returns
    -------
    (TONES,)
        Mean and standard deviation; QUANTILES; roots of the shares in BINS equal bins; shares that are black (0) and
        white (255); share of the 256 levels that occur. All in [0, 1].
    """
    counts = np.bincount(levels, minlength=256)
    share = counts / max(1, len(levels))
    mean, spread = _moments(share)
    quantiles = np.searchsorted(np.cumsum(share), QUANTILES).clip(max=255) / 255
    histogram = np.sqrt(share.reshape(BINS, -1).sum(axis=1))
    clipped = (share[0], share[255], np.count_nonzero(counts) / 256)
    described: Values = np.concatenate([[mean, spread], quantiles, histogram, clipped]).astype(np.float32)
    return described


def colours(values: NDArray[np.uint8]) -> Values:
    """Describe the colour balance of 8-bit values (n, 3) or grey ones (n,): zeros for those.

    Returns
    -------
    (COLOURS,)
        Mean red and mean blue less mean green, then the same of the standard deviations, in display values.
    """
    if values.ndim == 1 or len(values) == 0:
        return np.zeros(COLOURS, dtype=np.float32)
    red, green, blue = (_moments(np.bincount(channel, minlength=256) / len(values)) for channel in values.T)
    balance = [one[place] - green[place] for place in (0, 1) for one in (red, blue)]
    return np.array(balance, dtype=np.float32)


def _moments(share: NDArray[np.float64]) -> tuple[float, float]:
    """Give mean and standard deviation, in display values, of levels whose shares (256,) are known."""
    scale = np.arange(256) / 255
    mean = float(share @ scale)
    return mean, float(np.sqrt(share @ (scale - mean) ** 2))


def grain(grey: Values) -> Values:
    """Describe noise, sharpness and JPEG's blocks of a picture (h, w); rows and columns 0 start a block.

    Returns
    -------
    (GRAIN,)
        log10 of the noise's standard deviation in display values (Immerkær, Computer Vision and Image Understanding
        64, 1996); log2 of the mean difference between neighbours by that at COARSE_STEP pixels; log2 of the mean
        difference across the borders of blocks by that within. Zeros for the last two where nothing varies.
    """
    height, width = grey.shape
    if min(height, width) < 2 * BLOCK:
        return np.array([np.log10(LEAST_NOISE), 0, 0], dtype=np.float32)
    detail = np.abs(convolve(grey, _LAPLACE)[1:-1, 1:-1]).mean(dtype=np.float64)
    noise = np.log10(max(float(np.sqrt(np.pi / 2) / 6 * detail), LEAST_NOISE))
    fine = _difference(grey, 1)
    coarse = _difference(grey, COARSE_STEP)
    across = [np.abs(np.diff(one, axis=0)).mean(axis=1, dtype=np.float64) for one in (grey, grey.T)]
    border = np.mean([lines[BLOCK - 1 :: BLOCK].mean() for lines in across])
    within = np.mean([np.delete(lines, np.s_[BLOCK - 1 :: BLOCK]).mean() for lines in across])
    return np.array([noise, _log_ratio(fine, coarse), _log_ratio(border, within)], dtype=np.float32)


def _difference(grey: Values, step: int) -> float:
    down = np.abs(grey[step:] - grey[:-step]).mean(dtype=np.float64)
    right = np.abs(grey[:, step:] - grey[:, :-step]).mean(dtype=np.float64)
    return float(down + right) / 2


def _log_ratio(above: float, below: float) -> float:
    """Give log2 of a ratio of differences; zero for two that are both rounding."""
    return float(np.log2((above + LEAST_NOISE) / (below + LEAST_NOISE)))
