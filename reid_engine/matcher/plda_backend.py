"""PLDA as the back-end of a check: fitted on all enrolled images and whose they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from reid_engine.matcher.plda import Plda, fit_plda
from reid_engine.matcher.plda_crossfit import counted_images
from reid_engine.matcher.population import Population
from reid_engine.matcher.span import in_their_span

Floats = NDArray[np.float32]

_BLOCK_ROWS = 4096


@dataclass(frozen=True)
class PldaBackend:
    """A PLDA model and the basis in which it was fitted.

    Attributes
    ----------
    model
        Takes coordinates in the basis.
    basis
        (D, n) float32, orthonormal; None where the coordinates are the features.
    """

    model: Plda
    basis: Floats | None
    name: Literal["plda"] = "plda"

    @property
    def fitted_on(self) -> int:
        """Number of vectors it was fitted on."""
        return self.model.fitted_on

    def transform(self, vectors: Floats) -> Floats:
        """Give unit rows (N, d) for raw features (N, D); a row at the very mean becomes zero.

        What of a new image lies outside of the basis is like no enrolled image: it adds to the row's length and to no
        product, as it would in a model of all features.
        """
        if self.basis is None:
            return self.model.transform(vectors)
        out = np.empty((len(vectors), self.model.projection.shape[1]), dtype=np.float32)
        for start in range(0, len(vectors), _BLOCK_ROWS):
            part = vectors[start : start + _BLOCK_ROWS]
            inside = part @ self.basis
            outside = part - inside @ self.basis.T
            moved = self.model.project(inside)
            squares = np.einsum("ij,ij->i", moved, moved) + self.model.beyond * np.einsum("ij,ij->i", outside, outside)
            out[start : start + len(part)] = moved / np.sqrt(np.where(squares > 0, squares, 1))[:, None]
        return out

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Give arrays from which :meth:`from_arrays` makes it again."""
        arrays: dict[str, NDArray[Any]] = {"name": np.array(self.name), **self.model.to_arrays()}
        if self.basis is not None:
            arrays["basis"] = self.basis
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "PldaBackend":
        """Make it from its arrays."""
        return cls(Plda.from_arrays(arrays), arrays.get("basis"))


def fit_plda_backend(vectors: Floats, population: Population) -> PldaBackend:
    """Fit PLDA on the enrolled images of one modality.

    Parameters
    ----------
    vectors
        ``(N, D)`` raw features in the population's order.
    population
        The images; near-duplicates of an earlier image of the same subject do not count within it.

    Raises
    ------
    GalleryError
        There is nothing to train on; :func:`reid_engine.matcher.plda_crossfit.shortage` tells before.
    """
    inside, basis = in_their_span(vectors)
    return PldaBackend(fit_plda(inside, population.codes, counted_images(population)), basis)
