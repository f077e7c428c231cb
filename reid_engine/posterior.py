"""From likelihood ratios to the probability of each enrolled subject."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Posterior:
    """What a check believes after the comparison.

    Attributes
    ----------
    p
        ``(S,)`` probability of each enrolled subject.
    p_absent
        Probability that the person isn't among the N subjects.
    p_unseen
        Probability that the person is one of the N without an image here (`population` above the enrolled).
    anonymity_set
        exp(entropy) of the posterior over the N subjects, given that the person is one of them: 1 to N.
    """

    p: Floats
    p_absent: float
    p_unseen: float
    anonymity_set: float


def posterior(llr: Floats, prior_enrolled: float, population: int) -> Posterior:
    """Weigh the enrolled subjects against each other, and against being none of them.

    P_i = (π/N) LR_i / (Σ_j (π/N) LR_j + 1 - π), over N subjects of whom those without an image here count with LR 1:
    nothing is known of them.

    Parameters
    ----------
    llr
        ``(S,)`` log10 likelihood ratios; NaN where a subject has no eligible image, which counts as LR 1.
    prior_enrolled
        π, the probability beforehand that the person is one of the N, in (0, 1].
    population
        N, S or more.
    """
    ratios = np.power(10.0, np.nan_to_num(llr, nan=0.0))
    unseen = population - len(llr)
    share = prior_enrolled / population
    total = share * (float(ratios.sum()) + unseen) + 1.0 - prior_enrolled
    return Posterior(
        p=share * ratios / total,
        p_absent=(1.0 - prior_enrolled) / total,
        p_unseen=share * unseen / total,
        anonymity_set=_anonymity_set(ratios, unseen),
    )


def top_probability(top: Floats, mean: Floats, prior_enrolled: float, enrolled: int, population: int) -> Floats:
    """Probability of the top subject from its ratio and the mean ratio, for many checks at once.

    Parameters
    ----------
    top
        ``(Q,)`` likelihood ratio (not its logarithm) of the top subject.
    mean
        ``(Q,)`` mean likelihood ratio of the `enrolled` subjects.
    prior_enrolled, population
        As in `posterior`.
    enrolled
        S, the subjects with an image.
    """
    share = prior_enrolled / population
    total = share * (mean * enrolled + population - enrolled) + 1.0 - prior_enrolled
    return np.asarray(share * top / total)


def _anonymity_set(ratios: Floats, unseen: int) -> float:
    total = float(ratios.sum()) + unseen
    shares = ratios[ratios > 0] / total
    entropy = -float(np.sum(shares * np.log(shares)))
    if unseen > 0:
        entropy += unseen / total * math.log(total)
    return min(max(math.exp(entropy), 1.0), float(len(ratios) + unseen))
