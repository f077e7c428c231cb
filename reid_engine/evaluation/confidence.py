"""Intervals by resampling subjects, never images: a person's images are not independent of each other."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DRAWS = 2000
"""Resamples behind every interval of a report."""

LEVEL = 0.95
"""Share of intervals that should hold the truth."""

PERMUTATIONS = 999
"""Permutations behind every test against chance."""

SEED = 20251
"""Start of the random numbers of every resampling, so that a report can be repeated."""

FEWEST_SUBJECTS = 5
"""Below this many subjects resampling says little of the spread, and no interval is given."""

_CHUNK = 64


@dataclass(frozen=True)
class Estimate:
    """A value with its interval.

    Attributes
    ----------
    value
        The estimate, NaN when it cannot be made.
    low, high
        Ends of the 95 % interval, NaN when it cannot be given.
    """

    value: float
    low: float
    high: float


UNKNOWN = Estimate(math.nan, math.nan, math.nan)
"""What cannot be estimated."""


def resample_counts(subjects: int, draws: int = DRAWS, seed: int = SEED) -> NDArray[np.float32]:
    """Draw subjects with replacement, `draws` times.

    Returns
    -------
    NDArray
        ``(draws, subjects)``: how often each subject was drawn; every row sums to `subjects`.
    """
    rng = np.random.default_rng(seed)
    return rng.multinomial(subjects, np.full(subjects, 1.0 / subjects), size=draws).astype(np.float32)


def percentile_interval(values: Floats, subjects: int) -> tuple[float, float]:
    """Give the central 95 % of resampled values, widened for few subjects.

    The expanded percentile interval of Hesterberg (The American Statistician 69, 2015): plain percentiles are too
    narrow by the factor sqrt((n-1)/n) and by taking the normal for the t distribution.

    Parameters
    ----------
    values
        One a resample; NaN among them are left out.
    subjects
        Number n of subjects resampled.
    """
    from scipy.special import ndtr, stdtrit

    finite = values[np.isfinite(values)]
    if len(finite) == 0:
        return float("nan"), float("nan")
    reach = stdtrit(subjects - 1, (1 + LEVEL) / 2) * math.sqrt(subjects / (subjects - 1))
    tail = float(ndtr(-reach))
    low, high = np.quantile(finite, [tail, 1 - tail])
    return float(low), float(high)


def share_interval(hits: float, trials: int) -> tuple[float, float]:
    """Exact interval of a share (Clopper & Pearson, Biometrika 26, 1934).

    Parameters
    ----------
    hits
        Successes, 0 to `trials`; need not be whole.
    trials
        Independent trials, 1 or more: subjects, not images.
    """
    from scipy.special import betaincinv

    tail = (1 - LEVEL) / 2
    low = 0.0 if hits <= 0 else float(betaincinv(hits, trials - hits + 1, tail))
    high = 1.0 if hits >= trials else float(betaincinv(hits + 1, trials - hits, 1 - tail))
    return low, high


def mean_estimate(
    outcomes: Floats,
    codes: Ints,
    weights: Floats | None = None,
    *,
    share: bool = False,
    draws: int = DRAWS,
    seed: int = SEED,
) -> Estimate:
    """Weighted mean of per-image outcomes, its interval from resampling the subjects whose images they are.

    Parameters
    ----------
    outcomes
        ``(Q,)``, one an image.
    codes
        ``(Q,)`` subject numbers.
    weights
        ``(Q,)``; equal when left out.
    share
        The outcomes are in [0, 1] and their mean is a share: where no resample differs (every query a hit, or none),
        resampling would claim certainty, and the exact interval of so many subjects is given instead.
    draws, seed
        Of the resampling.

    Returns
    -------
    Estimate
        NaN without images; interval NaN below `FEWEST_SUBJECTS` subjects.
    """
    if len(outcomes) == 0:
        return UNKNOWN
    weights = np.ones(len(outcomes)) if weights is None else weights
    present, place = np.unique(codes, return_inverse=True)
    value = float(np.average(outcomes, weights=weights))
    if len(present) < FEWEST_SUBJECTS:
        return Estimate(value, math.nan, math.nan)
    sums = np.stack([np.bincount(place, outcomes * weights), np.bincount(place, weights)], axis=1)
    drawn = resample_counts(len(present), draws, seed).astype(np.float64) @ sums
    low, high = percentile_interval(drawn[:, 0] / drawn[:, 1], len(present))
    if share and high - low < 1e-9:
        low, high = share_interval(value * len(present), len(present))
    return Estimate(value, low, high)


def auc_estimate(
    scores: Floats,
    positive: NDArray[np.bool_],
    codes: Ints,
    weights: Floats,
    draws: int = DRAWS,
    seed: int = SEED,
) -> Estimate:
    """Weighted area under the ROC curve, the mean over M columns, with its interval from resampling subjects.

    Parameters
    ----------
    scores, positive
        ``(N, M)`` scores, higher for the positive class, and truth.
    codes
        ``(N,)`` subject numbers.
    weights
        ``(N,)`` weight of each image.
    draws, seed
        Of the resampling.
    """
    from reid_engine.evaluation.metrics import auc

    columns = range(scores.shape[1])
    value = float(np.mean([_auc_of(auc, scores[:, m], positive[:, m], weights) for m in columns]))
    present, place = np.unique(codes, return_inverse=True)
    if len(present) < FEWEST_SUBJECTS or not math.isfinite(value):
        return Estimate(value, math.nan, math.nan)
    counts = resample_counts(len(present), draws, seed)
    resampled = [_auc_draws(scores[:, m], positive[:, m], counts[:, place], weights) for m in columns]
    return Estimate(value, *percentile_interval(np.mean(resampled, axis=0), len(present)))


def permuted_donors(codes: Ints, draws: int = PERMUTATIONS, seed: int = SEED) -> Iterator[Ints]:
    """Deal every subject's value to another subject, `draws` times.

    Yields
    ------
    NDArray
        ``(N,)`` for each image, the image whose value it takes: the first one of the subject that was drawn for its
        own.
    """
    rng = np.random.default_rng(seed)
    present, first, place = np.unique(codes, return_index=True, return_inverse=True)
    for _ in range(draws):
        yield first[rng.permutation(len(present))][place]


def auc_null(scores: Floats, positive: NDArray[np.bool_], codes: Ints, weights: Floats, value: float) -> float:
    """Share of permutations of the subjects' labels whose AUC is `value` or more (Phipson & Smyth 2010).

    Parameters as in `auc_estimate`.
    """
    donors = np.stack(list(permuted_donors(codes)))
    null = np.mean(
        [_auc_permuted(scores[:, m], positive[:, m], donors, weights) for m in range(scores.shape[1])], axis=0
    )
    return float((1 + np.count_nonzero(null >= value)) / (1 + len(null)))


def _auc_of(auc: Callable[..., float], scores: Floats, positive: NDArray[np.bool_], weights: Floats) -> float:
    return auc(scores[positive], scores[~positive], weights[positive], weights[~positive])


def _auc_draws(scores: Floats, positive: NDArray[np.bool_], counts: NDArray[np.float32], weights: Floats) -> Floats:
    """AUC of every resample, ``(B,)``; `counts` ``(B, N)`` is how often each image's subject was drawn."""
    order, starts = _by_score(scores)
    up, w = positive[order], weights[order].astype(np.float32)
    result = np.empty(len(counts))
    for first in range(0, len(counts), _CHUNK):
        drawn = counts[first : first + _CHUNK][:, order] * w
        result[first : first + _CHUNK] = _areas(np.where(up, drawn, 0), np.where(up, 0, drawn), starts)
    return result


def _auc_permuted(scores: Floats, positive: NDArray[np.bool_], donors: Ints, weights: Floats) -> Floats:
    """AUC of every permutation, ``(B,)``; `donors` ``(B, N)``."""
    order, starts = _by_score(scores)
    w = weights[order]
    result = np.empty(len(donors))
    for first in range(0, len(donors), _CHUNK):
        up = positive[donors[first : first + _CHUNK][:, order]]
        result[first : first + _CHUNK] = _areas(np.where(up, w, 0), np.where(up, 0, w), starts)
    return result


def _by_score(scores: Floats) -> tuple[Ints, Ints]:
    """Rising order of the scores, and where in it each distinct score starts."""
    order = np.argsort(scores, kind="stable")
    return order, np.flatnonzero(np.diff(scores[order], prepend=-np.inf))


def _areas(up: NDArray[np.floating[Any]], down: NDArray[np.floating[Any]], starts: Ints) -> Floats:
    """AUC of each row of weights, in rising order of score."""
    risen = np.add.reduceat(up, starts, axis=1).astype(np.float64)
    fallen = np.add.reduceat(down, starts, axis=1).astype(np.float64)
    below = np.cumsum(fallen, axis=1) - fallen / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((risen * below).sum(axis=1) / (risen.sum(axis=1) * fallen.sum(axis=1)))
