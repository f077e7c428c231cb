"""What each enrolled image's own subject gets when the image is the query: its place, its probability, and chance."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reid_engine.evaluation.metrics import chance_hit
from reid_engine.matcher.calibration import fit_calibration
from reid_engine.matcher.comparisons import Blocks, compare
from reid_engine.matcher.population import Population, Sessions, subject_best
from reid_engine.matcher.trials import run_trials
from reid_engine.posterior import top_probability

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Probabilities:
    """Probabilities of N images by calibrations that saw neither the query's subject nor the compared one.

    Attributes
    ----------
    own, top
        ``(N,)`` of the image's own subject and of the top subject; NaN without a mate.
    candidates
        Subjects among whom they are shared out: those that have a mate themselves.
    """

    own: Floats
    top: Floats
    candidates: int


def own_probabilities(
    population: Population, blocks: Blocks, sessions: Sessions, prior_enrolled: float
) -> Probabilities:
    """Check every image that has a mate, as `reid_engine.matcher.trials` does.

    Parameters
    ----------
    population
        N images, of enough subjects for a calibration.
    blocks
        Their similarities; used twice.
    sessions
        Which of a subject's own images are eligible.
    prior_enrolled
        π, in (0, 1].
    """
    comparisons = compare(population, blocks, sessions)
    tables = fit_calibration(comparisons, population, draws=1)[1]
    trials = run_trials(population, blocks, comparisons, tables)
    # Trials and mated scores come in the same order: both are the queries whose own subject has an eligible image.
    images = comparisons.mated_images
    folds = population.image_folds[images]
    ratios = np.power(10.0, tables.llr(folds, comparisons.mated_scores, folds))
    own, top = (
        top_probability(one, trials.mean, prior_enrolled, trials.candidates, trials.candidates)
        for one in (ratios, trials.top)
    )
    found = Probabilities(np.full(len(population), np.nan), np.full(len(population), np.nan), trials.candidates)
    found.own[images] = np.where(trials.hit, top, own)
    found.top[images] = top
    return found


def own_ranks(population: Population, blocks: Blocks, sessions: Sessions) -> Floats:
    """Place of each image's own subject among all, by the best similarity to an eligible image.

    Left out are near-duplicates, and what `sessions` leaves out of the own subject; a subject that ties comes first.

    Returns
    -------
    NDArray
        ``(N,)`` 1 or more; NaN without a mate.
    """
    ranks = np.full(len(population), np.nan)
    for queries, similarities in blocks:
        for line, query in enumerate(queries):
            similarities[line, population.ineligible(int(query), near=False, sessions=sessions)] = -np.inf
        best = subject_best(similarities, population.starts)
        own = best[np.arange(len(queries)), population.codes[queries]]
        places = np.count_nonzero(best >= own[:, None], axis=1)  # the own subject counts too
        ranks[queries] = np.where(np.isfinite(own), places, np.nan)
    return ranks


def own_chances(population: Population, sessions: Sessions) -> Floats:
    """Probability that an image of the own subject comes first in random order.

    Returns
    -------
    NDArray
        ``(N,)``; NaN without a mate.
    """
    images = range(len(population))
    mates = np.array([len(population.mates(image, near=False, sessions=sessions)) for image in images])
    out = np.array([len(population.ineligible(image, near=False, sessions=sessions)) for image in images])
    chances = np.full(len(population), np.nan)
    mated = mates > 0
    chances[mated] = chance_hit(1, mates[mated], len(population) - out[mated])
    return chances
