"""Open set: half of the subjects are not enrolled, and a search has to say so."""

import math

import numpy as np
from numpy.typing import NDArray

from reid_engine.evaluation.confidence import DRAWS, UNKNOWN, Estimate, percentile_interval
from reid_engine.evaluation.gallery_size import log_none
from reid_engine.evaluation.resampling import draws_of
from reid_engine.evaluation.sweep import Sweep
from reid_engine.folds import subject_weights
from reid_engine.matcher.population import Ints, Population

Floats = NDArray[np.float64]

FPIRS = (0.01, 0.003)
"""Rates of false alarms at which the misses are given."""

ALARMS = 3
"""False alarms that are to be expected at a rate before it is estimated (the rule of three): it takes
`ALARMS` / FPIR subjects who are not enrolled, and as many who are."""

_REACH = 8.0
"""The resamples' thresholds are looked for among scores up to this many times the largest rate of false alarms."""


def subjects_needed(fpir: float) -> int:
    """Give the number of subjects, half of them enrolled, that it takes to estimate FNIR at an FPIR."""
    return 2 * math.ceil(ALARMS / fpir)


def miss_rates(swept: Sweep, population: Population, draws: int = DRAWS) -> dict[float, Estimate]:
    """FNIR at each of `FPIRS` (ISO/IEC 19795-1; Grother et al., NIST FRTE 1:N), with an interval over subjects.

    An enrolled query is missed if its best mate is below the threshold, or not in the first place. A query that is
    not enrolled raises an alarm if anybody's score reaches the threshold. Both are expectations over all ways to
    enrol half of the other subjects, exact from the highest scores of each query: the j-th highest stranger is the
    highest enrolled one with a hypergeometric probability. Every subject has one vote.

    Returns
    -------
    dict
        By FPIR; NaN where the cohort has fewer subjects than `subjects_needed`.
    """
    subjects = len(population.subjects)
    wanted = [fpir for fpir in FPIRS if subjects >= subjects_needed(fpir)]
    rates = dict.fromkeys(FPIRS, UNKNOWN)
    if not wanted or not np.isfinite(swept.own_scores).any():
        return rates
    alarms, searches = _Alarms(swept, population, max(wanted)), _Searches(swept, population)
    whole = np.ones((1, subjects), dtype=np.float32)
    values = {fpir: searches.missed(whole, alarms.thresholds(whole, fpir))[0] for fpir in wanted}
    drawn: dict[float, list[Floats]] = {fpir: [] for fpir in wanted}
    for counts in draws_of(subjects, draws):
        for fpir in wanted:
            drawn[fpir].append(searches.missed(counts, alarms.thresholds(counts, fpir)))
    paired = len(np.unique(population.codes[np.isfinite(swept.own_scores)]))
    for fpir in wanted:
        interval = percentile_interval(np.concatenate(drawn[fpir]), paired)
        rates[fpir] = Estimate(float(values[fpir]), *interval)
    return rates


class _Alarms:
    """Scores that queries raise whose subject is not enrolled, highest first."""

    def __init__(self, swept: Sweep, population: Population, most: float) -> None:
        subjects = len(population.subjects)
        others, enrolled = subjects - 1, subjects // 2
        kept = swept.top_scores.shape[1]
        chance = np.empty(kept)
        none = 1.0
        for j in range(kept):
            share = min(1.0, enrolled / (others - j)) if others > j else 1.0
            chance[j] = none * share
            none *= 1.0 - share
        votes = subject_weights(population.codes)
        score = swept.top_scores.ravel()
        weight = (votes[:, None] * chance).ravel()
        code = np.repeat(population.codes, kept)
        order = np.argsort(-score, kind="stable")
        order = order[np.isfinite(score[order])]
        rising = np.cumsum(weight[order]) / subjects
        order = order[: int(np.searchsorted(rising, _REACH * most)) + 1]
        self.score, self.weight, self.code = score[order].astype(np.float64), weight[order], code[order]

    def thresholds(self, counts: NDArray[np.float32], fpir: float) -> Floats:
        """``(B,)`` lowest score at which no more than `fpir` of the votes ``(B, S)`` raise an alarm."""
        rising = np.cumsum(counts[:, self.code] * self.weight, axis=1)
        rising /= counts.sum(axis=1, dtype=np.float64)[:, None]
        within = (rising <= fpir).sum(axis=1)
        # Nobody below the first score that would be one alarm too many: the threshold lies just above it.
        first_out = np.minimum(within, len(self.score) - 1)
        return np.asarray(np.nextafter(self.score[first_out], np.inf))


class _Searches:
    """Queries whose subject is enrolled, by rising score against their own subject."""

    def __init__(self, swept: Sweep, population: Population) -> None:
        subjects = len(population.subjects)
        mated = np.flatnonzero(np.isfinite(swept.own_scores))
        mated = mated[np.argsort(swept.own_scores[mated], kind="stable")]
        own = swept.own_scores[mated]
        above: Ints = (swept.top_scores[mated] > own[:, None]).sum(axis=1).astype(np.int64)
        first = np.exp(log_none(above, subjects - 1, subjects // 2 - 1))
        votes = subject_weights(np.unique(population.codes[mated], return_inverse=True)[1].astype(np.int64))
        self.code, self.score, self.votes = population.codes[mated], own.astype(np.float64), votes
        self.found = votes * first

    def missed(self, counts: NDArray[np.float32], thresholds: Floats) -> Floats:
        """``(B,)`` share of the votes ``(B, S)`` that is missed at each threshold ``(B,)``."""
        drawn = counts[:, self.code].astype(np.float64)
        total = drawn @ self.votes
        kept = self.score >= thresholds[:, None]
        found = (drawn * kept) @ self.found
        with np.errstate(invalid="ignore"):
            return np.asarray(1.0 - found / total)
