"""The attackers that a check chooses from, weakest first: each as a back-end, and as the gallery against itself."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from reid_engine.matcher.backend import BACKENDS, Backend, fit_backend
from reid_engine.matcher.comparisons import Blocks
from reid_engine.matcher.crossfit import CrossFitted
from reid_engine.matcher.plda_backend import PldaBackend, fit_plda_backend
from reid_engine.matcher.plda_crossfit import shortage
from reid_engine.matcher.plda_left_out import LeftOutPlda
from reid_engine.matcher.population import Population, Sessions

TRAINED = "plda"
"""The attacker that is trained on identities: those of the gallery."""

LADDER = (*BACKENDS, TRAINED)

AnyBackend = Backend | PldaBackend


def obstacle(name: str, population: Population) -> str | None:
    """Say why an attacker cannot be had, as a part of a sentence; None where it can."""
    return shortage(population) if name == TRAINED else None


def blocks_of(name: str, vectors: NDArray[np.float32], population: Population, sessions: Sessions) -> Blocks:
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
    """
    return LeftOutPlda(vectors, population, sessions) if name == TRAINED else CrossFitted(name, vectors, population)


def fit_named(name: str, vectors: NDArray[np.float32], population: Population) -> AnyBackend:
    """Fit a back-end of `LADDER` on all images."""
    return fit_plda_backend(vectors, population) if name == TRAINED else fit_backend(name, vectors)


def restore(arrays: dict[str, NDArray[Any]]) -> AnyBackend:
    """Make a back-end from its arrays."""
    return (PldaBackend if str(arrays["name"]) == TRAINED else Backend).from_arrays(arrays)
