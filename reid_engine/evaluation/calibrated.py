"""What checks of a cohort's own images state, by models that had not seen their subjects, and how it came true."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reid_engine.attack import DEFAULT_PRIOR
from reid_engine.evaluation.confidence import Estimate, percentile_interval, share_interval
from reid_engine.evaluation.metrics import expected_calibration_error
from reid_engine.evaluation.resampling import by_subject, draws_of, ratio_estimates
from reid_engine.matcher.calibration import PairTables
from reid_engine.matcher.comparisons import Comparisons
from reid_engine.matcher.population import Ints, Population
from reid_engine.matcher.trials import FEWEST_SUBJECTS, Trials, run_trials
from reid_engine.posterior import top_probability

Floats = NDArray[np.float64]
Blocks = Iterable[tuple[Ints, NDArray[np.float32]]]

MOST_IMAGES = 4000
"""Images that are checked: of whole subjects drawn at random, where the cohort has more."""

FEWEST_IMAGES = 800
"""The same where there are very many subjects to compare with."""

MOST_COMPARISONS = 10_000_000
"""Images times subjects between the two."""

BINS = 10
"""Bins of stated probability."""

DRAWS = 500

SHARES = (0.5,)
"""Probabilities p for which the share of images with p_reidentified of p or more is always given."""


@dataclass(frozen=True)
class Checks:
    """Checks of Q images, each with its subject enrolled.

    Attributes
    ----------
    trials
        The same with the subject enrolled and taken out.
    images
        ``(Q,)``.
    p
        ``(Q,)`` stated probability of the top subject.
    """

    trials: Trials
    images: Ints
    p: Floats


def check_images(
    population: Population,
    blocks: Callable[[Ints], Blocks],
    comparisons: Comparisons,
    tables: PairTables,
    seed: int = 0,
) -> Checks:
    """Check the images of a cohort, or of subjects drawn from it, against it.

    Parameters
    ----------
    population, comparisons, tables
        As for `reid_engine.matcher.trials.run_trials`.
    blocks
        Gives the similarities of the queries that are asked for.
    seed
        Of the draw.
    """
    wanted = _drawn(population, np.sort(comparisons.mated_images), seed)
    order: list[Ints] = []

    def recorded() -> Iterator[tuple[Ints, NDArray[np.float32]]]:
        for queries, similarities in blocks(wanted):
            order.append(queries)
            yield queries, similarities

    trials = run_trials(population, recorded(), comparisons, tables)
    images = np.concatenate(order)
    images = images[np.isin(images, comparisons.mated_images)]
    p = top_probability(trials.top, trials.mean, DEFAULT_PRIOR, trials.candidates, trials.candidates)
    return Checks(trials, images, p)


def _drawn(population: Population, images: Ints, seed: int) -> Ints:
    most = min(MOST_IMAGES, max(FEWEST_IMAGES, MOST_COMPARISONS // len(population.subjects)))
    if len(images) <= most:
        return images
    codes = population.codes[images]
    order = np.random.default_rng(seed).permutation(np.unique(codes))
    counts = np.bincount(codes, minlength=len(population.subjects))[order]
    kept = order[: max(1, int(np.searchsorted(np.cumsum(counts), most)))]
    return images[np.isin(codes, kept)]


def calibration_error(checks: Checks) -> Estimate:
    """Give the expected calibration error of ``p_reidentified`` at the default prior, with its interval."""
    p, truth, weights = checks.trials.probabilities(DEFAULT_PRIOR)
    codes = np.concatenate([checks.trials.codes, checks.trials.codes])
    present, place = np.unique(codes, return_inverse=True)
    bins = np.minimum((p * BINS).astype(np.int64), BINS - 1)
    gap = np.zeros((len(present), BINS))
    np.add.at(gap, (place, bins), weights * (p - truth))
    total = by_subject(weights[:, None], place.astype(np.int64), len(present))[:, 0]
    drawn = [
        np.abs(counts.astype(np.float64) @ gap).sum(axis=1) / (counts.astype(np.float64) @ total)
        for counts in draws_of(len(present), DRAWS)
    ]
    value = expected_calibration_error(p, truth, weights, BINS)
    return Estimate(value, *percentile_interval(np.concatenate(drawn), len(present)))


def share_above(checks: Checks, population: Population, limits: tuple[float, ...]) -> list[Estimate]:
    """Share of images whose stated probability, their subject being enrolled, is at each limit or above."""
    codes = population.codes[checks.images]
    above = np.stack([checks.p >= limit for limit in limits], axis=1).astype(np.float64)
    subjects = len(population.subjects)
    number = by_subject(np.ones((len(codes), 1)), codes, subjects)
    return ratio_estimates(by_subject(above, codes, subjects), np.repeat(number, len(limits), axis=1), share=True)


@dataclass(frozen=True)
class Reliability:
    """Stated probability against how often it came true, one entry a bin that holds enough subjects.

    Attributes
    ----------
    stated, observed, low, high
        ``(K,)`` mean stated probability, share that came true, and its 95 % interval (Clopper & Pearson 1934, at the
        effective number of subjects).
    subjects
        ``(K,)``.
    """

    stated: Floats
    observed: Floats
    low: Floats
    high: Floats
    subjects: Ints


def reliability(checks: Checks) -> Reliability:
    """Compare stated probabilities with what came true, in bins of equal width; small bins are left out."""
    p, truth, weights = checks.trials.probabilities(DEFAULT_PRIOR)
    codes = np.concatenate([checks.trials.codes, checks.trials.codes])
    bins = np.minimum((p * BINS).astype(np.int64), BINS - 1)
    rows: list[tuple[float, float, float, float, int]] = []
    for number in range(BINS):
        inside = bins == number
        held = np.bincount(codes[inside], weights[inside]) if inside.any() else np.zeros(1)
        held = held[held > 0]
        if len(held) < FEWEST_SUBJECTS:
            continue
        share = float(np.average(truth[inside], weights=weights[inside]))
        effective = max(1, int(held.sum() ** 2 / (held**2).sum()))
        ends = share_interval(share * effective, effective)
        rows.append((float(np.average(p[inside], weights=weights[inside])), share, *ends, len(held)))
    table = np.array(rows, dtype=np.float64).reshape(len(rows), 5).T
    return Reliability(table[0], table[1], table[2], table[3], table[4].astype(np.int64))
