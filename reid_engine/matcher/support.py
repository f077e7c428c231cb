"""How far a likelihood ratio may go: no further than the comparisons behind it support."""

import math

import numpy as np
from numpy.typing import NDArray

from reid_engine.counting import sum_by

Floats = NDArray[np.float64]

STEP = 0.025
"""Step of the grid of log10 likelihood ratios."""

FURTHEST = 10.0
"""End of the grid on either side of 0; no cohort supports more."""

GRID: Floats = np.arange(-round(FURTHEST / STEP), round(FURTHEST / STEP) + 1) * STEP
"""Log10 likelihood ratios as a model states them."""

FEWEST_SUBJECTS = 50
"""Mated subjects from which the observed ratio is followed; with fewer, the stated one is cut at two ends."""

SMOOTHING = 0.3
"""Standard deviation, in log10 ratios, of the kernel that smooths the observed ratio."""


class Support:
    """What ratio comparisons bear out, for each ratio that a model states, under any weights of theirs.

    Parameters
    ----------
    mated, other
        ``(M,)`` and ``(K,)`` log10 likelihood ratios that a model states of subjects it had not seen.
    subjects
        Mated subjects.
    pairs
        Pairs of subjects.

    Notes
    -----
    One misleading comparison is always added to each side, so that what never happened isn't taken for impossible
    (Vergeer, van Es, de Jongh, Alberink & Stoel, Science & Justice 56, 2016).
    """

    def __init__(self, mated: Floats, other: Floats, subjects: float, pairs: float) -> None:
        self.subjects, self.pairs = subjects, pairs
        self._mated, self._other = _places(mated), _places(other)

    def under(self, mated_weights: Floats, other_weights: Floats) -> Floats:
        """Give the supported log10 ratio at each point of `GRID`; it rises.

        Parameters
        ----------
        mated_weights, other_weights
            ``(M,)`` and ``(K,)``.
        """
        mated = sum_by(self._mated, mated_weights, len(GRID))
        other = sum_by(self._other, other_weights, len(GRID))
        if not mated.sum() > 0 or not other.sum() > 0:
            return np.zeros(len(GRID))
        mated, other = mated / mated.sum() * self.subjects, other / other.sum() * self.pairs
        if self.subjects < FEWEST_SUBJECTS:
            return np.clip(GRID, -_reach(other[::-1], mated[::-1]), _reach(mated, other))
        return _smooth(_observed(mated, other))


def _places(ratios: Floats) -> NDArray[np.int64]:
    places = np.rint((ratios + FURTHEST) / STEP).astype(np.int64)
    return np.asarray(np.clip(places, 0, len(GRID) - 1))


def _reach(rightly: Floats, wrongly: Floats) -> float:
    """Furthest ratio that costs no more to decide by than to leave unsaid: LR <= (1 - FNR) / FPR (Vergeer et al.).

    Parameters
    ----------
    rightly, wrongly
        Counts at each point of `GRID`; beyond a point the first are right and the second misleading. The first ratio
        that fails ends the range.
    """
    middle = len(GRID) // 2
    right = np.cumsum(rightly[::-1])[::-1][middle:] / rightly.sum()
    wrong = (np.cumsum(wrongly[::-1])[::-1][middle:] + 1) / (wrongly.sum() + 1)
    with np.errstate(divide="ignore"):
        failed = GRID[middle:] > np.log10(right) - np.log10(wrong)
    first = int(np.argmax(failed)) if failed.any() else len(failed)
    return float(GRID[middle + max(first - 1, 0)])


def _observed(mated: Floats, other: Floats) -> Floats:
    """Log10 ratio of the counts by pool adjacent violators, one misleading comparison added at either end."""
    from scipy.optimize import isotonic_regression

    mated, other = mated.copy(), other.copy()
    mated[0] += 1
    other[-1] += 1
    mated, other = mated / mated.sum(), other / other.sum()
    both = mated + other
    used = np.flatnonzero(both > 0)
    share = np.clip(isotonic_regression(mated[used] / both[used], weights=both[used]).x, 1e-12, 1 - 1e-12)
    return np.interp(GRID, GRID[used], np.log10(share) - np.log10(1 - share))


def _smooth(values: Floats) -> Floats:
    reach = math.ceil(3 * SMOOTHING / STEP)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * STEP / SMOOTHING) ** 2)
    return np.convolve(np.pad(values, reach, mode="edge"), kernel / kernel.sum(), mode="valid")
