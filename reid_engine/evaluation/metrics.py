"""Pure functions from scores to the numbers of the report; each has its entry in docs/method.md.

Similarity is higher for more alike, everywhere. Weights are one a score and need not sum to one.
"""

import math

import numpy as np
from numpy.typing import NDArray

from reid_engine.counting import sum_by

Floats = NDArray[np.float64]


def chance_hit(k: int, mates: NDArray[np.int64], eligible: NDArray[np.int64]) -> Floats:
    """Probability that random order puts a mate among the first `k` of the eligible images.

    Parameters
    ----------
    k
        Length of the list.
    mates, eligible
        ``(Q,)`` numbers of mates, and of eligible images, of each query; ``1 <= mates <= eligible``.

    Returns
    -------
    NDArray
        ``(Q,)``; 1 - C(eligible - mates, k) / C(eligible, k), and 1 where the list takes in everything.
    """
    none = np.ones(len(mates))
    for place in range(k):
        left = np.maximum(eligible - place, 1)
        none *= np.clip((eligible - mates - place) / left, 0.0, 1.0)
    return np.asarray(1.0 - none)


def auc(
    mated: Floats, other: Floats, mated_weights: Floats | None = None, other_weights: Floats | None = None
) -> float:
    """Area under the ROC curve: P(mated > other) + P(mated = other) / 2, weighted.

    Parameters
    ----------
    mated, other
        ``(M,)`` and ``(K,)`` scores of the positive and the negative class.
    mated_weights, other_weights
        Their weights; equal when left out.

    Returns
    -------
    float
        In [0, 1]; NaN when either class is empty.
    """
    if len(mated) == 0 or len(other) == 0:
        return math.nan
    up, down = _steps(mated, other, mated_weights, other_weights)
    below = np.cumsum(down) - down
    return float(np.sum(up * (below + down / 2)) / (up.sum() * down.sum()))


def eer(
    mated: Floats, other: Floats, mated_weights: Floats | None = None, other_weights: Floats | None = None
) -> float:
    """Equal error rate on the convex hull of the ROC curve (Brümmer & du Preez 2006: ROCCH-EER).

    Parameters and NaN as in `auc`. The hull makes the value unique and independent of how ties are cut.
    """
    if len(mated) == 0 or len(other) == 0:
        return math.nan
    up, down = _steps(mated, other, mated_weights, other_weights)
    _, total = _pav(up, up + down)
    edges = np.concatenate([[0], np.cumsum(total)])
    miss = np.concatenate([[0.0], np.cumsum(up)])[edges] / up.sum()
    alarm = 1.0 - np.concatenate([[0.0], np.cumsum(down)])[edges] / down.sum()
    cross = int(np.argmax(miss >= alarm))
    gap, step = alarm[cross - 1] - miss[cross - 1], (miss[cross] - miss[cross - 1]) + (alarm[cross - 1] - alarm[cross])
    return float(miss[cross - 1] + (miss[cross] - miss[cross - 1]) * gap / step)


def cllr(
    mated: Floats, other: Floats, mated_weights: Floats | None = None, other_weights: Floats | None = None
) -> float:
    """Cost of log-likelihood ratio in bits (Brümmer & du Preez, Computer Speech & Language 20, 2006).

    Parameters
    ----------
    mated, other
        ``(M,)`` and ``(K,)`` natural-logarithm likelihood ratios.
    mated_weights, other_weights
        As in `auc`.

    Returns
    -------
    float
        0 is perfect, 1 is what a system that says nothing (LR = 1) costs; NaN when either class is empty.
    """
    if len(mated) == 0 or len(other) == 0:
        return math.nan
    miss = np.average(np.logaddexp(0.0, -mated), weights=mated_weights)
    alarm = np.average(np.logaddexp(0.0, other), weights=other_weights)
    return float((miss + alarm) / (2 * math.log(2)))


def min_cllr(
    mated: Floats, other: Floats, mated_weights: Floats | None = None, other_weights: Floats | None = None
) -> float:
    """Cllr after the best monotone map of the scores (pool adjacent violators), the part no calibration can mend."""
    if len(mated) == 0 or len(other) == 0:
        return math.nan
    up, down = _steps(mated, other, mated_weights, other_weights)
    up, down = up / up.sum(), down / down.sum()
    share, total = _pav(up, up + down)
    share = np.repeat(share, total)
    with np.errstate(divide="ignore", invalid="ignore"):
        miss = np.where(up > 0, -up * np.log2(share), 0.0).sum()
        alarm = np.where(down > 0, -down * np.log2(1.0 - share), 0.0).sum()
    return float((miss + alarm) / 2)


def expected_calibration_error(p: Floats, truth: Floats, weights: Floats | None = None, bins: int = 10) -> float:
    """Mean gap between stated probability and observed share over `bins` equal bins (Naeini et al., AAAI 2015).

    Parameters
    ----------
    p
        ``(N,)`` stated probabilities in [0, 1].
    truth
        ``(N,)`` what happened, 0 or 1.
    weights
        ``(N,)``, equal when left out.
    """
    weights = np.ones_like(p) if weights is None else weights
    place = np.minimum((p * bins).astype(np.int64), bins - 1)
    stated = sum_by(place, weights * p, bins)
    happened = sum_by(place, weights * truth, bins)
    return float(np.abs(stated - happened).sum() / weights.sum())


def _steps(
    mated: Floats, other: Floats, mated_weights: Floats | None, other_weights: Floats | None
) -> tuple[Floats, Floats]:
    """Weight of either class at each distinct score, in rising order."""
    values, place = np.unique(np.concatenate([mated, other]), return_inverse=True)
    up_weights = np.ones(len(mated)) if mated_weights is None else mated_weights
    down_weights = np.ones(len(other)) if other_weights is None else other_weights
    up = sum_by(place[: len(mated)], up_weights, len(values))
    down = sum_by(place[len(mated) :], down_weights, len(values))
    return up, down


def _pav(up: Floats, total: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Pool adjacent violators: share of `up` in blocks that rise, and the number of steps in each block."""
    from scipy.optimize import isotonic_regression

    fit = isotonic_regression(up / total, weights=total)
    edges = np.asarray(fit.blocks, dtype=np.int64)
    return np.asarray(fit.x)[edges[:-1]], np.diff(edges)
