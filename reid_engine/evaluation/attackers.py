"""Attackers, weakest to strongest: what each makes of the same features."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from reid_engine.matcher.carried_plda import CarriedPlda
from reid_engine.matcher.crossfit import CrossFitted
from reid_engine.matcher.population import Ints, Population

Block = tuple[Ints, NDArray[np.float32]]

UNTRAINED = ("cosine", "whitened")
"""Attackers that use no identities."""

TRAINED = "plda"
"""The attacker that is trained on the identities of other subjects: of the cohort, else of another one."""

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
    note
        Whose identities it learnt from, where not from the cohort's; as a part of a sentence.
    """

    name: str
    blocks: Blocks | None
    reason: str | None = None
    note: str | None = None


def attackers(
    vectors: NDArray[np.float32],
    population: Population,
    names: Iterable[str],
    carried: CarriedPlda | None = None,
) -> Iterator[Attacker]:
    """Make attackers one after the other, each when it is wanted.

    Parameters
    ----------
    vectors
        ``(N, D)`` raw features in the population's order.
    population
        The images.
    names
        Of `ATTACKERS`.
    carried
        PLDA that comes with the encoder and was not fitted on these subjects; used where they are too few for one of
        their own.
    """
    for name in names:
        if name == TRAINED:
            yield _trained(vectors, population, carried)
        else:
            yield Attacker(name, CrossFitted(name, vectors, population))


def _trained(vectors: NDArray[np.float32], population: Population, carried: CarriedPlda | None) -> Attacker:
    from reid_engine.matcher.plda_crossfit import CrossFittedPlda, shortage

    reason = shortage(population)
    if reason is not None and carried is not None:
        blocks = CrossFitted(UNTRAINED[0], carried.project(vectors), population)
        return Attacker(TRAINED, blocks, note=carried.note)
    if reason is not None:
        return Attacker(TRAINED, None, reason)
    return Attacker(TRAINED, CrossFittedPlda(vectors, population))
