"""What each query found: outcomes by stratum, from the counts of a sweep."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reid_engine.evaluation.confidence import Estimate
from reid_engine.evaluation.metrics import chance_hit
from reid_engine.evaluation.resampling import by_subject, ratio_estimates
from reid_engine.evaluation.sweep import Sweep
from reid_engine.evaluation.sweep_kernel import ABOVE, ELIGIBLE, LEVEL, MATES, MATES_LEVEL, SUBJECTS_ABOVE
from reid_engine.matcher.population import Ints, Population

Floats = NDArray[np.float64]

RANKS = (1, 5)

CMC_RANKS = tuple(range(1, 51))


@dataclass(frozen=True)
class Outcomes:
    """Q queries, each with at least one eligible mate.

    Attributes
    ----------
    images, codes
        ``(Q,)`` the query and its subject number.
    mates, eligible
        ``(Q,)`` eligible images of the own subject, and all eligible images.
    above, level, mates_level
        ``(Q,)`` images above the best mate, level with it (itself among them), and mates among those.
    subjects_above
        ``(Q,)`` other subjects with an image above the best mate.
    hits
        For each rank k ``(Q,)``: probability that a mate is among the first k, 0 or 1 without ties.
    chances
        For each rank k ``(Q,)``: the same in random order.
    precision
        ``(Q,)`` average precision at R.
    """

    images: Ints
    codes: Ints
    mates: Ints
    eligible: Ints
    above: Ints
    level: Ints
    mates_level: Ints
    subjects_above: Ints
    hits: Mapping[int, Floats]
    chances: Mapping[int, Floats]
    precision: Floats

    def hits_at(self, k: int) -> Floats:
        """Give ``(Q,)`` the probability that a mate is among the first k."""
        return hits_at(k, self.above, self.level, self.mates_level)


def hits_at(k: int, above: Ints, level: Ints, mates_level: Ints) -> Floats:
    """Probability ``(Q,)`` that one of the first `k` neighbours is a mate, ties in random order.

    Parameters
    ----------
    k
        Length of the list of neighbours.
    above, level, mates_level
        ``(Q,)`` images strictly more alike than the best mate; exactly as alike, with it; and mates among those.

    Returns
    -------
    NDArray
        In [0, 1]; 0 or 1 without ties. With places left r = min(k - above, level), a hypergeometric draw:
        1 - C(level - mates_level, r) / C(level, r).
    """
    places = np.minimum(k - above, level)
    none = np.ones(len(above))
    for drawn in range(int(min(k, max(places.max(initial=0), 0)))):
        still = places > drawn
        left = np.maximum(level - drawn, 1)
        none = np.where(still, none * np.maximum(level - mates_level - drawn, 0) / left, none)
    return np.where(places > 0, 1.0 - none, 0.0)


def outcomes_of(swept: Sweep, population: Population, stratum: int) -> Outcomes:
    """Gather the outcomes of one stratum, by its number."""
    counts = swept.counts[:, stratum].astype(np.int64)
    images = np.flatnonzero(counts[:, MATES] > 0)
    counts = counts[images]
    above, level, mates_level = counts[:, ABOVE], counts[:, LEVEL], counts[:, MATES_LEVEL]
    mates, eligible = counts[:, MATES], counts[:, ELIGIBLE]
    return Outcomes(
        images=images,
        codes=population.codes[images],
        mates=mates,
        eligible=eligible,
        above=above,
        level=level,
        mates_level=mates_level,
        subjects_above=counts[:, SUBJECTS_ABOVE],
        hits={k: hits_at(k, above, level, mates_level) for k in RANKS},
        chances={k: chance_hit(k, mates, eligible) for k in RANKS},
        precision=swept.precision[images, stratum],
    )


@dataclass(frozen=True)
class Rates:
    """Rates of one stratum with their intervals, by name and level.

    Attributes
    ----------
    estimates, chances
        By (level, metric); a chance that is not defined is None.
    """

    estimates: Mapping[tuple[str, str], Estimate]
    chances: Mapping[tuple[str, str], float | None]


def measure_rates(outcomes: Outcomes, subjects: int) -> Rates:
    """Rank-k and MAP@R by image, rank-1 by subject, each with its interval over subjects.

    Parameters
    ----------
    outcomes
        One query or more.
    subjects
        S of the population.
    """
    held = [outcomes.hits[k] for k in RANKS] + [outcomes.precision]
    sums = by_subject(np.stack([*held, np.ones(len(outcomes.codes))], axis=1), outcomes.codes, subjects)
    number = sums[:, -1:]
    anyone, everyone = _by_subject(outcomes.hits[1], outcomes.codes, subjects)
    there = (number > 0).astype(np.float64)
    up = np.concatenate([sums[:, :-1], anyone[:, None] * there, everyone[:, None] * there], axis=1)
    down = np.concatenate([np.repeat(number, len(held), axis=1), there, there], axis=1)
    names = [*(("image", f"rank-{k}") for k in RANKS), ("image", "map@r")]
    names += [("subject-any", "rank-1"), ("subject-all", "rank-1")]
    estimates = ratio_estimates(up, down, share=True)
    chance_any, chance_all = _by_subject(outcomes.chances[1], outcomes.codes, subjects)
    present = number[:, 0] > 0
    chances: dict[tuple[str, str], float | None] = {
        ("image", f"rank-{k}"): float(outcomes.chances[k].mean()) for k in RANKS
    }
    chances |= {
        ("image", "map@r"): None,
        ("subject-any", "rank-1"): float(chance_any[present].mean()),
        ("subject-all", "rank-1"): float(chance_all[present].mean()),
    }
    return Rates(dict(zip(names, estimates, strict=True)), chances)


def _by_subject(p: Floats, codes: Ints, subjects: int) -> tuple[Floats, Floats]:
    """Probability ``(S,)`` that any, and that all, of a subject's images hit, being independent."""
    missed, hit = np.ones(subjects), np.ones(subjects)
    np.multiply.at(missed, codes, 1.0 - p)
    np.multiply.at(hit, codes, p)
    return 1.0 - missed, hit


def cmc_estimates(outcomes: Outcomes, subjects: int) -> tuple[list[Estimate], list[float]]:
    """Rank-k for each of `CMC_RANKS`, and its chance."""
    hits = np.stack([outcomes.hits_at(k) for k in CMC_RANKS], axis=1)
    up = by_subject(hits, outcomes.codes, subjects)
    number = by_subject(np.ones((len(outcomes.codes), 1)), outcomes.codes, subjects)
    chances = [float(chance_hit(k, outcomes.mates, outcomes.eligible).mean()) for k in CMC_RANKS]
    return ratio_estimates(up, np.repeat(number, len(CMC_RANKS), axis=1), share=True), chances
