"""Similarities by back-ends that had not seen the image they are judged on."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from reid_engine.matcher.leave_one_out import LeaveOneOut
from reid_engine.matcher.population import Ints, Population


class CrossFitted:
    """One attacker against one modality; iterate for blocks of similarities, as often as needed.

    Each query is compared by a back-end fitted on all other images, as a new scan would be. The query's own
    subject is not left out of the fit as a whole: no identity is used in it, and images that alone were left
    out would be found for that (:mod:`reid_engine.matcher.leave_one_out` says more).

    Parameters
    ----------
    name
        The back-end.
    vectors
        ``(N, D)`` raw features in the population's order.
    population
        The images.
    """

    def __init__(self, name: str, vectors: NDArray[np.float32], population: Population) -> None:
        self.name = name
        self.population = population
        self._blocks = LeaveOneOut(name, vectors)

    def __iter__(self) -> Iterator[tuple[Ints, NDArray[np.float32]]]:
        """Yield queries ``(B,)`` and their similarities ``(B, N)``, a fresh block each; -inf to itself."""
        for block in self._blocks:
            yield block.rows, block.similarities

    def of(self, wanted: Ints) -> Iterator[tuple[Ints, NDArray[np.float32]]]:
        """Yield the same for the queries that are wanted ``(M,)`` alone, in that order."""
        for block in self._blocks.blocks(wanted):
            yield block.rows, block.similarities
