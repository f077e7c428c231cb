"""Intervals by resampling subjects, never images: a person's images are not independent of each other."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

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


def share_of_draws(value: float, drawn: Floats, subjects: int, trials: float) -> tuple[float, float]:
    """Interval of a share whose spread was found by resampling subjects.

    Percentiles of a resampled share are too short beside 0 and 1, and on the wrong side: where few are found, their
    upper end misses the truth up to four times as often as it says. So the resamples give the effective number of
    independent trials, n* = p (1 - p) / var, and the interval is Wilson's for so many (Journal of the American
    Statistical Association 22, 1927; Franco, Little, Louis & Slud, Journal of Survey Statistics and Methodology 7,
    2019), with the t distribution for few subjects. A spread that rests on few events is no spread: with k of the
    rarer outcome, n* counts k / (k + 1) and the number of subjects 1 / (k + 1).

    Parameters
    ----------
    value
        The share p, in [0, 1].
    drawn
        Resampled shares; NaN among them are left out.
    subjects
        Number of subjects resampled, 2 or more.
    trials
        Images (or subjects) that the share is of; n* is no larger.
    """
    variance = float(np.var(drawn[np.isfinite(drawn)])) * subjects / (subjects - 1)
    if not 0.0 < value < 1.0 or variance < 1e-15:
        return share_interval(value * subjects, subjects)
    spread, rare = value * (1.0 - value), min(value, 1.0 - value) * trials
    effective = (min(spread / variance, trials) * rare + subjects) / (rare + 1.0)
    z2 = _reach(subjects) ** 2 / effective
    middle, reach = value + z2 / 2, math.sqrt(z2 * spread + z2**2 / 4)
    return (middle - reach) / (1.0 + z2), (middle + reach) / (1.0 + z2)


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
        The outcomes are in [0, 1] and their mean is a share, whose interval is that of `share_of_draws`; where no
        resample differs (every query a hit, or none) it is the exact interval of so many subjects.
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
    ratios = drawn[:, 0] / drawn[:, 1]
    if share:
        return Estimate(value, *share_of_draws(value, ratios, len(present), float(weights.sum())))
    return Estimate(value, *percentile_interval(ratios, len(present)))


def crossfit_variance(judged: Floats, fitted: Floats, subjects: int) -> float:
    """Variance of a quality that cross-validation found, from what each subject did for it.

    Resampling held-out scores takes the models for given, and covers too little (Bates, Hastie & Tibshirani, Journal
    of the American Statistical Association 119, 2024): a subject is judged by models, and models that judge others are
    fitted on it. With a_i + sum of c_ij its effect as one that is judged, and sum of c_ji as one that is fitted on, the
    variance of the sum over pairs is sum of (a_i + c_ij)^2 + c_ij c_ji, which is what the sums of squares and products
    below estimate. Effects of a fit that do not depend on who is judged are left out: at the optimum of a fit they
    are of second order. Where the products are negative they count as 0.

    Parameters
    ----------
    judged
        ``(S,)`` influence of each subject on the value by being judged; sums to 0.
    fitted
        ``(S,)`` influence on the value by being fitted on.
    subjects
        Number n of subjects judged, 2 or more.
    """
    products = float(judged @ (fitted - fitted.mean()))
    return (float(judged @ judged) + max(products, 0.0)) * subjects / (subjects - 1)


def auc_interval(value: float, variance: float, subjects: int, fewest: int) -> tuple[float, float]:
    """Interval of an area under the ROC curve, symmetric in its log odds.

    Parameters
    ----------
    value, variance
        Of the area.
    subjects
        Number of subjects.
    fewest
        Subjects of the rarer class: their exact interval is given where the classes are apart and nothing varies.
    """
    if not 0.0 < value < 1.0 or variance <= 0.0:
        return share_interval(value * fewest, fewest)
    middle = math.log(value / (1.0 - value))
    reach = _reach(subjects) * math.sqrt(variance) / (value * (1.0 - value))
    return 1.0 / (1.0 + math.exp(reach - middle)), 1.0 / (1.0 + math.exp(-reach - middle))


def scale_interval(value: float, variance: float, subjects: int) -> tuple[float, float]:
    """Interval of a positive scale such as an error, symmetric in its logarithm."""
    if not value > 0.0:
        return value, value
    factor = math.exp(_reach(subjects) * math.sqrt(variance) / value)
    return value / factor, value * factor


def difference_estimate(value: float, variance: float, subjects: int) -> tuple[Estimate, float]:
    """Interval of a difference, and the two-sided p-value that agrees with it (t distribution)."""
    from scipy.special import stdtr

    if not variance > 0.0:
        return Estimate(value, math.nan, math.nan), math.nan
    deviation = math.sqrt(variance)
    reach = _reach(subjects) * deviation
    return Estimate(value, value - reach, value + reach), float(2 * stdtr(subjects - 1, -abs(value) / deviation))


def _reach(subjects: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(subjects - 1, (1 + LEVEL) / 2))


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
