"""Every image searches for its own subject among the others: what it found, query by query."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reid_engine.evaluation.metrics import average_precision_at_r, chance_hit, hit_at, mate_ranks
from reid_engine.matcher.population import Ints, Population, Sessions

Floats = NDArray[np.float64]

RANKS = (1, 5)


@dataclass(frozen=True)
class Stratum:
    """Which pairs count.

    Attributes
    ----------
    near
        Near-duplicates are kept.
    sessions
        Which of the query's own images count.
    """

    name: str
    near: bool
    sessions: Sessions


STRATA = (
    Stratum("all", True, "any"),
    Stratum("near-duplicates removed", False, "any"),
    Stratum("different sessions", True, "different"),
)


@dataclass(frozen=True)
class Outcomes:
    """Q queries, each with at least one eligible mate.

    Attributes
    ----------
    images, codes
        ``(Q,)`` the query and its subject number.
    hits
        For each rank k ``(Q,)``: probability that a mate is among the first k, 0 or 1 without ties.
    chances
        For each rank k ``(Q,)``: the same in random order.
    precision
        ``(Q,)`` average precision at R.
    """

    images: Ints
    codes: Ints
    hits: Mapping[int, Floats]
    chances: Mapping[int, Floats]
    precision: Floats


def identify(
    population: Population,
    blocks: Iterable[tuple[Ints, NDArray[np.float32]]],
    strata: tuple[Stratum, ...] = STRATA,
) -> dict[str, Outcomes]:
    """Search for every image in every stratum.

    Parameters
    ----------
    population
        N images.
    blocks
        Queries ``(B,)`` and their similarities ``(B, N)``.
    strata
        Which pairs count.

    Returns
    -------
    dict
        Outcomes by stratum.
    """
    found: dict[str, list[tuple[float, ...]]] = {stratum.name: [] for stratum in strata}
    for queries, similarities in blocks:
        for line, image in enumerate(queries):
            for stratum in strata:
                outcome = _search(population, int(image), similarities[line], stratum)
                if outcome is not None:
                    found[stratum.name].append(outcome)
    return {stratum.name: _gather(population, found[stratum.name]) for stratum in strata}


def _search(population: Population, image: int, row: NDArray[np.float32], stratum: Stratum) -> tuple[float, ...] | None:
    mates = population.mates(image, near=stratum.near, sessions=stratum.sessions)
    if len(mates) == 0:
        return None
    out = population.ineligible(image, near=stratum.near, sessions=stratum.sessions)
    eligible = row.copy()
    eligible[out] = -np.inf
    above, level, mates_level = mate_ranks(eligible, mates)
    hits = (hit_at(k, int(above[0]), level, mates_level) for k in RANKS)
    return (image, len(mates), len(row) - len(out), *hits, average_precision_at_r(above))


def _gather(population: Population, found: list[tuple[float, ...]]) -> Outcomes:
    table = np.array(found, dtype=np.float64).reshape(len(found), 4 + len(RANKS))
    table = table[np.argsort(table[:, 0], kind="stable")]
    images, mates, eligible = (table[:, column].astype(np.int64) for column in range(3))
    return Outcomes(
        images=images,
        codes=population.codes[images],
        hits={k: table[:, 3 + place] for place, k in enumerate(RANKS)},
        chances={k: chance_hit(k, mates, eligible) for k in RANKS},
        precision=table[:, -1],
    )
