"""How well a score tells the same subject from another: error rates over all thresholds, and the cost of evidence."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reid_engine.counting import sum_by
from reid_engine.evaluation.confidence import FEWEST_SUBJECTS, LEVEL, Estimate, share_interval
from reid_engine.evaluation.metrics import auc, eer, min_cllr
from reid_engine.evaluation.resampling import draws_of
from reid_engine.folds import subject_weights
from reid_engine.matcher.calibration import LN10, PairTables
from reid_engine.matcher.comparisons import BINS, Comparisons, bin_centres, to_bin
from reid_engine.matcher.population import Population

Floats = NDArray[np.float64]

DRAWS = 300
"""Resamples behind an interval; two-way resampling of pairs costs more than that of queries."""

SHOWN_BINS = 128
"""Bins of the score distributions that are shown."""

DET_POINTS = 61
"""Points of the DET curve, from a false match rate of 1 in 10,000 to 1, evenly spaced in the logarithm."""


@dataclass(frozen=True)
class Verification:
    """Scores of queries against subjects.

    Attributes
    ----------
    estimates
        ``auc``, ``eer``, ``min_cllr`` and, with a calibration, ``cllr``.
    centres, mated, other
        ``(K,)`` score, and the share of mated and of non-mated scores in each bin.
    false_match, miss
        ``(P,)`` DET curve.
    subjects, images
        That have a mate.
    """

    estimates: dict[str, Estimate]
    centres: Floats
    mated: Floats
    other: Floats
    false_match: Floats
    miss: Floats
    subjects: int
    images: int


def verify(comparisons: Comparisons, population: Population, tables: PairTables | None = None) -> Verification:
    """Measure the scores of queries against subjects.

    Every subject has one vote, and every pair of subjects. Scores are binned (`comparisons.BINS`). The spread is that
    of resampling subjects on both sides of a comparison (Owen, Annals of Applied Statistics 1, 2007), the interval
    `spread_interval`.

    Parameters
    ----------
    comparisons, population
        One mated score or more, and two subjects or more.
    tables
        Cross-fitted calibrations, for ``cllr``; left out without them.
    """
    work = _Scores(comparisons, population, tables)
    values = work.measure(work.mated, comparisons.other_histogram.sum(axis=(0, 1)))
    values |= work.whole_cost()
    drawn: dict[str, list[float]] = {name: [] for name in values}
    for counts in draws_of(len(population.subjects), DRAWS):
        for row in counts.astype(np.float64):
            for name, value in work.resampled(row).items():
                drawn[name].append(value)
    subjects, freedom = len(np.unique(work.codes)), work.freedom()
    estimates = {
        name: Estimate(values[name], *spread_interval(values[name], np.array(drawn[name]), subjects, freedom, name))
        for name in values
    }
    other = comparisons.other_histogram.sum(axis=(0, 1))
    return Verification(
        estimates, *_distributions(work.mated, other), *det(work.mated, other), subjects, len(work.codes)
    )


def spread_interval(value: float, drawn: Floats, subjects: int, freedom: float, metric: str) -> tuple[float, float]:
    """Interval from the spread of resampled values, symmetric in log odds, for Cllr in the logarithm.

    Percentiles of these metrics fall short: resampled hulls are fitted more closely than new scores, and near an end
    few subjects carry the spread. Those few also make it uncertain, so that the t distribution has the degrees of
    freedom of Satterthwaite (Biometrics Bulletin 2, 1946).

    Parameters
    ----------
    value
        The metric.
    drawn
        ``(B,)`` its resampled values; NaN among them are left out.
    subjects
        With a mated score.
    freedom
        Degrees of freedom.
    metric
        Its name; ``cllr`` may exceed 1.

    Returns
    -------
    low, high
        NaN below `FEWEST_SUBJECTS`; where nothing varies or the value is at an end, the exact interval of so many
        subjects (Clopper & Pearson 1934).
    """
    from scipy.special import expit, logit, stdtrit

    if subjects < FEWEST_SUBJECTS:
        return math.nan, math.nan
    drawn = drawn[np.isfinite(drawn) & (drawn > 0)]
    if metric == "cllr":
        deviation = float(np.std(np.log(drawn))) if len(drawn) else 0.0
        factor = math.exp(float(stdtrit(freedom, (1 + LEVEL) / 2)) * deviation)
        return value / factor, value * factor
    drawn = drawn[drawn < 1]
    deviation = float(np.std(logit(drawn))) if len(drawn) > 1 else 0.0
    if not 0.0 < value < 1.0 or deviation == 0.0:
        return share_interval(min(max(value, 0.0), 1.0) * subjects, subjects)
    reach = float(stdtrit(freedom, (1 + LEVEL) / 2)) * deviation
    return float(expit(logit(value) - reach)), float(expit(logit(value) + reach))


class _Scores:
    """Weights of the scores, whole and resampled."""

    def __init__(self, comparisons: Comparisons, population: Population, tables: PairTables | None) -> None:
        self.comparisons, self.folds = comparisons, population.folds
        self.codes = population.codes[comparisons.mated_images]
        self.bins = to_bin(comparisons.mated_scores)
        self.votes = subject_weights(np.unique(self.codes, return_inverse=True)[1].astype(np.int64))
        self.mated = sum_by(self.bins, self.votes, BINS)
        self.tables = tables
        if tables is not None:
            own = self.folds[self.codes]
            self.miss_cost = _cost(-tables.llr(own, comparisons.mated_scores, own))
            other = bin_centres()[comparisons.pair_bins]
            query, enrolled = (self.folds[side] for side in (comparisons.pair_queries, comparisons.pair_subjects))
            self.alarm_cost = _cost(tables.llr(query, other, enrolled))

    def measure(self, mated: Floats, other: Floats) -> dict[str, float]:
        """Metrics of two histograms."""
        centres, up, down = bin_centres(), mated > 0, other > 0
        metrics = {"auc": auc, "eer": eer, "min_cllr": min_cllr}
        return {name: metric(centres[up], centres[down], mated[up], other[down]) for name, metric in metrics.items()}

    def freedom(self) -> float:
        """Degrees of freedom that the spread between subjects leaves, 2 n / (kurtosis - 1), 2 to n - 1.

        By the place of each subject's mated scores among the non-mated ones, whose mean is the AUC.
        """
        other = self.comparisons.other_histogram.sum(axis=(0, 1))
        places = (np.cumsum(other) - other / 2) / other.sum()
        present, code = np.unique(self.codes, return_inverse=True)
        means = np.bincount(code, self.votes * places[self.bins]) / np.bincount(code, self.votes)
        squares = (means - means.mean()) ** 2
        count, most = len(present), max(len(present) - 1.0, 2.0)
        if not squares.sum() > 0:
            return most
        kurtosis = count * float((squares**2).sum()) / float(squares.sum()) ** 2
        return min(max(2.0 * count / max(kurtosis - 1.0, 1e-9), 2.0), most)

    def whole_cost(self) -> dict[str, float]:
        """Cllr of all comparisons."""
        if self.tables is None:
            return {}
        held = self.comparisons.other_histogram > 0
        query, enrolled, place = np.nonzero(held)
        alarm = _cost(self.tables.llr(query, bin_centres()[place], enrolled))
        weights = self.comparisons.other_histogram[held]
        return {"cllr": float(np.average(self.miss_cost, weights=self.votes) + np.average(alarm, weights=weights)) / 2}

    def resampled(self, counts: Floats) -> dict[str, float]:
        """Metrics with each subject counted as often as it was drawn ``(S,)``."""
        votes = self.votes * counts[self.codes]
        c = self.comparisons
        weights = c.pair_weights * counts[c.pair_queries] * counts[c.pair_subjects]
        values = self.measure(sum_by(self.bins, votes, BINS), sum_by(c.pair_bins, weights, BINS))
        if self.tables is not None:
            with np.errstate(invalid="ignore", divide="ignore"):
                miss, alarm = votes @ self.miss_cost / votes.sum(), weights @ self.alarm_cost / weights.sum()
            values["cllr"] = float(miss + alarm) / 2
        return values


def _cost(log10_ratio: Floats) -> Floats:
    """Bits that a log10 ratio against the truth costs."""
    return np.asarray(np.logaddexp(0.0, log10_ratio * LN10) / np.log(2.0))


def det(mated: Floats, other: Floats) -> tuple[Floats, Floats]:
    """DET curve from histograms ``(K,)`` over rising scores.

    Returns
    -------
    false_match, miss : NDArray
        ``(P,)``: false match rates, and the lowest miss rate at a threshold whose false match rate is no higher.
    """
    alarms = 1.0 - np.concatenate([[0.0], np.cumsum(other)]) / other.sum()
    misses = np.concatenate([[0.0], np.cumsum(mated)]) / mated.sum()
    rates = np.logspace(-4.0, 0.0, DET_POINTS)
    place = np.searchsorted(-alarms, -rates - 1e-12, side="left")
    return rates, misses[np.minimum(place, len(misses) - 1)]


def _distributions(mated: Floats, other: Floats) -> tuple[Floats, Floats, Floats]:
    width = BINS // SHOWN_BINS
    centres = bin_centres().reshape(-1, width).mean(axis=1)
    return centres, *(side.reshape(-1, width).sum(axis=1) / side.sum() for side in (mated, other))
