"""How often a stated probability came true: checks of enrolled images by what had not seen their subjects."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reid_engine.evaluation.confidence import share_interval
from reid_engine.evaluation.metrics import cllr, expected_calibration_error, min_cllr
from reid_engine.folds import subject_weights
from reid_engine.matcher.calibration import LN10, PairTables
from reid_engine.matcher.comparisons import Blocks, Comparisons, bin_centres, score_blocks
from reid_engine.matcher.population import Ints, Population
from reid_engine.posterior import top_probability

Floats = NDArray[np.float64]

EDGES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0)
"""Ends of the bands of probability."""

FEWEST_SUBJECTS = 20
"""Subjects that a band needs before a rate is given for it."""


@dataclass(frozen=True)
class Band:
    """How often scans whose probability lay between `lo` and `hi` were truly re-identified.

    Attributes
    ----------
    reidentified, low, high
        Share and its 95 % interval; None with fewer than `FEWEST_SUBJECTS` subjects.
    n, subjects
        Trials and subjects in the band.
    """

    lo: float
    hi: float
    reidentified: float | None
    low: float | None
    high: float | None
    n: int
    subjects: int


@dataclass(frozen=True)
class Trials:
    """Checks of every image that has a mate: once against everybody, once with its own subject taken out.

    Candidates are the subjects that have a mate themselves: the others could never be the right answer here.

    Attributes
    ----------
    top, mean
        ``(Q,)`` likelihood ratio of the top candidate, and the mean over the candidates.
    hit
        ``(Q,)`` whether the top candidate was the right one.
    absent_top, absent_mean
        ``(Q,)`` the same without the query's own subject.
    codes
        ``(Q,)`` the query's subject number.
    candidates
        Their number.
    """

    top: Floats
    mean: Floats
    hit: NDArray[np.bool_]
    absent_top: Floats
    absent_mean: Floats
    codes: Ints
    candidates: int

    def probabilities(self, prior_enrolled: float) -> tuple[Floats, Floats, Floats]:
        """Stated probability, truth and weight of every trial, ``(2 Q,)`` each.

        A trial with the person enrolled weighs π, one without 1 - π; every subject has one vote.
        """
        here = top_probability(self.top, self.mean, prior_enrolled, self.candidates, self.candidates)
        others = self.candidates - 1
        away = top_probability(self.absent_top, self.absent_mean, prior_enrolled, others, others)
        votes = subject_weights(np.unique(self.codes, return_inverse=True)[1])
        truth = np.concatenate([self.hit.astype(np.float64), np.zeros(len(away))])
        return (
            np.concatenate([here, away]),
            truth,
            np.concatenate([prior_enrolled * votes, (1 - prior_enrolled) * votes]),
        )

    def bands(self, prior_enrolled: float) -> tuple[Band, ...]:
        """Measured rate in every band of probability."""
        p, truth, weights = self.probabilities(prior_enrolled)
        place = np.clip(np.searchsorted(EDGES, p, side="right") - 1, 0, len(EDGES) - 2)
        codes = np.concatenate([self.codes, self.codes])
        return tuple(self._band(number, place == number, truth, weights, codes) for number in range(len(EDGES) - 1))

    def _band(self, number: int, inside: NDArray[np.bool_], truth: Floats, weights: Floats, codes: Ints) -> Band:
        held = np.bincount(codes[inside], weights[inside]) if inside.any() else np.zeros(1)
        held = held[held > 0]
        lo, hi, n = EDGES[number], EDGES[number + 1], int(np.count_nonzero(inside))
        if len(held) < FEWEST_SUBJECTS:
            return Band(lo, hi, None, None, None, n, len(held))
        rate = float(np.average(truth[inside], weights=weights[inside]))
        effective = max(1, int(held.sum() ** 2 / (held**2).sum()))
        low, high = share_interval(rate * effective, effective)
        return Band(lo, hi, rate, low, high, n, len(held))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Give the arrays that a gallery stores."""
        return {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "Trials":
        """Restore what `to_arrays` gave."""
        top, mean, absent_top, absent_mean, hit, codes = (
            np.array(arrays[name]) for name in ("top", "mean", "absent_top", "absent_mean", "hit", "codes")
        )
        return cls(top, mean, hit, absent_top, absent_mean, codes, int(arrays["candidates"]))


def run_trials(population: Population, blocks: Blocks, comparisons: Comparisons, tables: PairTables) -> Trials:
    """Check every image that has a mate.

    Parameters
    ----------
    population
        The images.
    blocks
        Their similarities by a back-end that had not seen the query's fold.
    comparisons
        What `tables` were fitted on.
    tables
        Calibrations that saw neither the query's fold nor the candidate's.
    """
    mated = np.unique(population.codes[comparisons.mated_images])
    rows: list[tuple[float, float, bool, float, float, int]] = []
    for queries, scores, _ in score_blocks(population, blocks, comparisons.sessions):
        own = population.codes[queries]
        for line in np.flatnonzero(np.isfinite(scores[np.arange(len(queries)), own])):
            code = int(own[line])
            llr = tables.llr(int(population.folds[code]), scores[line, mated], population.folds[mated])
            rows.append(_trial(np.power(10.0, np.nan_to_num(llr)), scores[line, mated], mated == code, code))
    top, mean, hit, absent_top, absent_mean, codes = (np.array(column) for column in zip(*rows, strict=True))
    return Trials(top, mean, hit, absent_top, absent_mean, codes.astype(np.int64), len(mated))


def _trial(
    ratios: Floats, scores: NDArray[np.float32], own: NDArray[np.bool_], code: int
) -> tuple[float, float, bool, float, float, int]:
    best = np.flatnonzero(ratios == ratios.max())
    top = int(best[::-1][np.argmax(scores[best[::-1]])])  # the last of those that tie in both
    others = ratios[~own]
    return float(ratios[top]), float(ratios.mean()), bool(own[top]), float(others.max()), float(others.mean()), code


def measure_quality(
    population: Population, comparisons: Comparisons, tables: PairTables, trials: Trials, prior_enrolled: float
) -> dict[str, float]:
    """Measure a calibration on subjects that it had not seen; every subject has one vote.

    Returns
    -------
    dict
        ``cllr`` and ``min_cllr`` of the comparisons, and ``ece``, the expected calibration error of
        ``p_reidentified`` over the trials with `prior_enrolled`.
    """
    own = population.codes[comparisons.mated_images]
    folds = population.folds[own]
    mated = tables.llr(folds, comparisons.mated_scores, folds) * LN10
    votes = subject_weights(np.unique(own, return_inverse=True)[1])
    held = comparisons.other_histogram > 0
    query, enrolled, place = np.nonzero(held)
    centres = bin_centres()[place]
    other = tables.llr(query, centres, enrolled) * LN10
    weights = comparisons.other_histogram[held]
    p, truth, trial_weights = trials.probabilities(prior_enrolled)
    return {
        "cllr": cllr(mated, other, votes, weights),
        "min_cllr": min_cllr(comparisons.mated_scores.astype(np.float64), centres, votes, weights),
        "ece": expected_calibration_error(p, truth, trial_weights),
    }
