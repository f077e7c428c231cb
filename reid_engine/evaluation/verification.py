"""How well a score tells the same subject from another: error rates over all thresholds."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from reid_engine.counting import sum_by
from reid_engine.evaluation.confidence import Estimate, percentile_interval, resample_counts
from reid_engine.evaluation.metrics import auc, eer, min_cllr
from reid_engine.folds import subject_weights
from reid_engine.matcher.comparisons import BINS, Comparisons, bin_centres, to_bin
from reid_engine.matcher.population import Population

Floats = NDArray[np.float64]

METRICS: dict[str, Callable[[Floats, Floats, Floats, Floats], float]] = {
    "auc": auc,
    "eer": eer,
    "min_cllr": min_cllr,
}
"""Functions of mated scores, other scores and their weights."""

DRAWS = 300
"""Resamples behind an interval; two-way resampling of pairs costs more than that of queries."""


def verify(comparisons: Comparisons, population: Population) -> dict[str, Estimate]:
    """Measure each of `METRICS` on the scores of queries against subjects.

    Every subject has one vote, and every pair of subjects. Scores are binned (`comparisons.BINS`). The interval
    resamples subjects on both sides of a comparison (Owen, Annals of Applied Statistics 1, 2007).
    """
    codes = population.codes[comparisons.mated_images]
    mated_bins = to_bin(comparisons.mated_scores)
    votes = subject_weights(np.unique(codes, return_inverse=True)[1])
    mated = sum_by(mated_bins, votes, BINS)
    values = _measure(mated, comparisons.other_histogram.sum(axis=(0, 1)))
    drawn: dict[str, list[float]] = {name: [] for name in METRICS}
    subjects = len(population.subjects)
    for counts in resample_counts(subjects, DRAWS).astype(np.float64):
        up = sum_by(mated_bins, votes * counts[codes], BINS)
        drawn_twice = counts[comparisons.pair_queries] * counts[comparisons.pair_subjects]
        weights = comparisons.pair_weights * drawn_twice
        for name, value in _measure(up, sum_by(comparisons.pair_bins, weights, BINS)).items():
            drawn[name].append(value)
    paired = len(np.unique(codes))
    return {name: Estimate(values[name], *percentile_interval(np.array(drawn[name]), paired)) for name in METRICS}


def _measure(mated: Floats, other: Floats) -> dict[str, float]:
    centres = bin_centres()
    up, down = mated > 0, other > 0
    return {name: metric(centres[up], centres[down], mated[up], other[down]) for name, metric in METRICS.items()}
