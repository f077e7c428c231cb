"""What an audit needs of all similarities, in one pass: the closest strangers, and every pair of one subject."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reid_engine.matcher.comparisons import Blocks
from reid_engine.matcher.population import Ints, Population

Floats32 = NDArray[np.float32]


@dataclass(frozen=True)
class Pairs:
    """Pairs of images, ``(P,)`` each."""

    first: Ints
    second: Ints
    similarity: NDArray[np.floating[Any]]

    def __len__(self) -> int:
        return len(self.first)


@dataclass(frozen=True)
class Harvest:
    """Similarities that were kept.

    Attributes
    ----------
    strangers
        The closest pairs of different subjects, near-duplicates left out, in falling order; each pair once, its
        second image of the later subject.
    compared
        How many such pairs there are.
    own
        All pairs of different images of one subject, in either order.
    """

    strangers: Pairs
    compared: int
    own: Pairs


def harvest(population: Population, blocks: Blocks, keep: int) -> Harvest:
    """Go once over all similarities.

    Parameters
    ----------
    population
        N images.
    blocks
        Their similarities, which are written to; every query once.
    keep
        How many pairs of strangers to keep.
    """
    closest = _Closest(keep)
    own: list[Pairs] = []
    compared = 0
    for queries, similarities in blocks:
        own.append(_own(population, queries, similarities))
        for line, query in enumerate(queries):
            start = int(population.starts[population.codes[query]])
            similarities[line, start:] = -np.inf
            near = population.near(int(query))
            similarities[line, near] = -np.inf
            compared += start - int(np.count_nonzero(near < start))
        closest.offer(queries, similarities)
    return Harvest(closest.sorted(), compared, _joined(own))


def _own(population: Population, queries: Ints, similarities: Floats32) -> Pairs:
    """Pairs of each query with the other images of its subject."""
    codes = population.codes[queries]
    starts = population.starts[codes]
    counts = np.append(population.starts, len(population))[codes + 1] - starts
    lines = np.repeat(np.arange(len(queries)), counts)
    place = np.arange(len(lines)) - np.repeat(np.cumsum(counts) - counts, counts)
    second = starts[lines] + place
    other = second != queries[lines]
    lines, second = lines[other], second[other]
    return Pairs(queries[lines], second, similarities[lines, second])


class _Closest:
    """The `keep` most similar pairs of those that were offered."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._limit = np.float32(-np.inf)
        self._held = Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))

    def offer(self, queries: Ints, similarities: Floats32) -> None:
        """Look at a block; what is -inf isn't a pair."""
        above = similarities > self._limit
        if np.count_nonzero(above) > 4 * self._keep:
            places = np.argpartition(similarities, similarities.size - self._keep, axis=None)[-self._keep :]
        else:
            places = np.flatnonzero(above)
        lines, second = np.divmod(places, similarities.shape[1])
        self._held = _joined([self._held, Pairs(queries[lines], second, similarities[lines, second])])
        if len(self._held) >= self._keep:
            best = np.argpartition(-self._held.similarity, self._keep - 1)[: self._keep]
            self._held = _at(self._held, best)
            self._limit = self._held.similarity.min()

    def sorted(self) -> Pairs:
        """Give them in falling order, the earlier subject first."""
        order = np.lexsort((self._held.second, self._held.first, -self._held.similarity))
        held = _at(self._held, order)
        return Pairs(held.second, held.first, held.similarity)


def _at(pairs: Pairs, places: Ints) -> Pairs:
    return Pairs(pairs.first[places], pairs.second[places], pairs.similarity[places])


def _joined(parts: list[Pairs]) -> Pairs:
    return Pairs(
        np.concatenate([part.first for part in parts]),
        np.concatenate([part.second for part in parts]),
        np.concatenate([part.similarity for part in parts]),
    )
