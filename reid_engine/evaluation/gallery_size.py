"""Rank-1 against the size of the gallery: what a smaller gallery would have found."""

import numpy as np
from numpy.typing import NDArray

from reid_engine.evaluation.confidence import Estimate
from reid_engine.evaluation.identification import Outcomes
from reid_engine.evaluation.resampling import by_subject, ratio_estimates

Floats = NDArray[np.float64]

STEPS = (2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000)
"""Numbers of enrolled subjects that are shown, up to those of the cohort, which is shown too."""


def sizes_of(subjects: int) -> tuple[int, ...]:
    """Give the sizes that a cohort of so many subjects is subsampled to, itself last."""
    return (*(size for size in STEPS if size < subjects), subjects)


def log_none(above: NDArray[np.int64], strangers: int, drawn: int) -> Floats:
    """Logarithm of the probability that none of `above` subjects is among `drawn` of `strangers`.

    C(M - k, d) / C(M, d), hypergeometric; -inf where it cannot be.
    """
    from scipy.special import gammaln

    left = strangers - above - drawn
    possible = np.maximum(left, 0)
    value = gammaln(strangers - above + 1) - gammaln(possible + 1) - gammaln(strangers + 1)
    value += gammaln(strangers - drawn + 1)
    return np.where(left >= 0, value, -np.inf)


def rank1_by_size(outcomes: Outcomes, subjects: int) -> tuple[tuple[int, ...], list[Estimate], list[float]]:
    """Rank-1 at image level for galleries of fewer subjects.

    The query's subject is enrolled with d = n - 1 of the M = S - 1 others, drawn at random. The nearest image is a
    mate if none of the k subjects with an image above the best mate was drawn: with probability
    C(M - k, d) / C(M, d), which is the mean over all subsamples and needs no drawing. Images level with the best
    mate count by their probability in random order, as in the whole gallery.

    Returns
    -------
    sizes, estimates, chances
        Subjects in the gallery; rank-1 with its interval from resampling the queries' subjects; and its chance.
    """
    sizes, others = sizes_of(subjects), subjects - 1
    tie = outcomes.mates_level / outcomes.level
    each = [np.exp(log_none(outcomes.subjects_above, others, size - 1)) * tie for size in sizes]
    up = by_subject(np.stack(each, axis=1), outcomes.codes, subjects)
    number = by_subject(np.ones((len(outcomes.codes), 1)), outcomes.codes, subjects)
    strangers = (outcomes.eligible - outcomes.mates) / max(others, 1)
    chances = [float(np.mean(outcomes.mates / (outcomes.mates + strangers * (size - 1)))) for size in sizes]
    return sizes, ratio_estimates(up, np.repeat(number, len(sizes), axis=1), share=True), chances
