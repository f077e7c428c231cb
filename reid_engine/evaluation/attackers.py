"""Attackers, weakest to strongest: what each makes of the same features."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from reid_engine.matcher.crossfit import CrossFitted
from reid_engine.matcher.population import Ints, Population

Block = tuple[Ints, NDArray[np.float32]]

UNTRAINED = ("cosine", "whitened")
"""Attackers that use no identities."""

TRAINED = "plda"
"""The attacker that is trained on the identities of other subjects."""

ATTACKERS = (*UNTRAINED, TRAINED)


class Blocks(Protocol):
    """Similarities of all images to each other, as often as they are asked for."""

    def __iter__(self) -> Iterator[Block]:
        """Yield queries ``(B,)`` and their similarities ``(B, N)``, a fresh block each; -inf to itself."""

    def of(self, wanted: Ints) -> Iterator[Block]:
        """Yield the same for the queries that are wanted, in any order."""


@dataclass(frozen=True)
class Attacker:
    """One attacker against one modality of a cohort.

    Attributes
    ----------
    name
        One of `ATTACKERS`.
    blocks
        None where it cannot be had.
    reason
        Why it cannot, as a part of a sentence.
    """

    name: str
    blocks: Blocks | None
    reason: str | None = None


def attackers(vectors: NDArray[np.float32], population: Population, names: Iterable[str]) -> Iterator[Attacker]:
    """Make attackers one after the other, each when it is wanted.

    Parameters
    ----------
    vectors
        ``(N, D)`` raw features in the population's order.
    population
        The images.
    names
        Of `ATTACKERS`.
    """
    for name in names:
        if name == TRAINED:
            yield _trained(vectors, population)
        else:
            yield Attacker(name, CrossFitted(name, vectors, population))


def _trained(vectors: NDArray[np.float32], population: Population) -> Attacker:
    from reid_engine.matcher.plda_crossfit import CrossFittedPlda, shortage

    reason = shortage(population)
    if reason is not None:
        return Attacker(TRAINED, None, reason)
    return Attacker(TRAINED, CrossFittedPlda(vectors, population))
