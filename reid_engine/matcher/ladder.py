"""The attackers that a check chooses from, weakest first: each as a back-end, and as the gallery against itself."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from reid_engine.matcher.backend import BACKENDS, Backend, fit_backend
from reid_engine.matcher.carried_plda import CarriedPlda
from reid_engine.matcher.comparisons import Blocks
from reid_engine.matcher.crossfit import CrossFitted
from reid_engine.matcher.plda_backend import PldaBackend, fit_plda_backend
from reid_engine.matcher.plda_crossfit import shortage
from reid_engine.matcher.plda_left_out import LeftOutPlda
from reid_engine.matcher.population import Population, Sessions

TRAINED = "plda"
"""The attacker that is trained on identities: those of the gallery, or of others where these are too few."""

LADDER = (*BACKENDS, TRAINED)

AnyBackend = Backend | PldaBackend


def obstacle(name: str, population: Population, carried: CarriedPlda | None = None) -> str | None:
    """Say why an attacker cannot be had, as a part of a sentence; None where it can."""
    return shortage(population) if name == TRAINED and carried is None else None


def uses_carried(name: str, population: Population, carried: CarriedPlda | None) -> CarriedPlda | None:
    """Give the PLDA that an attacker takes from the encoder; None where it takes none."""
    return carried if name == TRAINED and carried is not None and shortage(population) is not None else None


def blocks_of(
    name: str,
    vectors: NDArray[np.float32],
    population: Population,
    sessions: Sessions,
    carried: CarriedPlda | None = None,
) -> Blocks:
    """Give the similarities of the images among themselves, by what had not seen the query.

    Parameters
    ----------
    name
        One of `LADDER`, without an `obstacle`.
    vectors
        ``(N, D)`` raw features in the population's order.
    population
        The images.
    sessions
        Which images of the query's own subject are eligible.
    carried
        PLDA that comes with the encoder and was not fitted on these subjects; used where they are too few for one of
        their own.
    """
    other = uses_carried(name, population, carried)
    if other is not None:
        return CrossFitted(BACKENDS[0], other.project(vectors), population)
    return LeftOutPlda(vectors, population, sessions) if name == TRAINED else CrossFitted(name, vectors, population)


def fit_named(
    name: str, vectors: NDArray[np.float32], population: Population, carried: CarriedPlda | None = None
) -> AnyBackend:
    """Fit a back-end of `LADDER` on all images; see :func:`blocks_of` for what is carried."""
    other = uses_carried(name, population, carried)
    if other is not None:
        return other.centred(vectors)
    return fit_plda_backend(vectors, population) if name == TRAINED else fit_backend(name, vectors)


def restore(arrays: dict[str, NDArray[Any]]) -> AnyBackend:
    """Make a back-end from its arrays."""
    return (PldaBackend if str(arrays["name"]) == TRAINED else Backend).from_arrays(arrays)
