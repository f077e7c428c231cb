"""Back-ends: raw features to unit rows whose inner product is the similarity."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from reid_engine.errors import GalleryError

BackendName = Literal["cosine", "whitened"]

BACKENDS: tuple[BackendName, ...] = ("cosine", "whitened")
"""Names, weakest attacker first."""

RIDGE = 1.5
"""Ridge, in units of what as many vectors without any structure would leave on each axis that they span."""

_BLOCK_ROWS = 8192
_ROUNDING = 1e-6  # of the mean's length: what is shorter is rounding error


@dataclass(frozen=True)
class Backend:
    """Centres raw features, decorrelates them if it is whitened, and scales them to unit length.

    Parameters
    ----------
    name
        One of :data:`BACKENDS`.
    mean
        (D,) float32.
    projection
        (D, D) float32, or None for the cosine of centred features.
    fitted_on
        Number of vectors it was fitted on.
    """

    name: BackendName
    mean: NDArray[np.float32]
    projection: NDArray[np.float32] | None
    fitted_on: int

    def transform(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give unit rows (N, D) for raw features (N, D); a row at the very mean becomes zero."""
        out = np.empty(vectors.shape, dtype=np.float32)
        for start in range(0, len(vectors), _BLOCK_ROWS):
            rows = self.project(vectors[start : start + _BLOCK_ROWS])
            norms = np.linalg.norm(rows, axis=1, keepdims=True)
            out[start : start + len(rows)] = rows / np.where(norms > 0, norms, 1)
        return out

    def project(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give the rows (N, D) of :meth:`transform` before they are scaled.

        If it is whitened, the squared length of a row that it was fitted on is that row's leverage, 0 to 1.
        """
        rows = vectors - self.mean
        nothing = np.linalg.norm(rows, axis=1) <= _ROUNDING * np.linalg.norm(self.mean)
        rows[nothing] = 0
        return rows if self.projection is None else rows @ self.projection

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Give arrays from which :meth:`from_arrays` makes it again."""
        arrays: dict[str, NDArray[Any]] = {
            "name": np.array(self.name),
            "mean": self.mean,
            "fitted_on": np.array(self.fitted_on),
        }
        if self.projection is not None:
            arrays["projection"] = self.projection
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "Backend":
        """Make a back-end from its arrays."""
        name = _checked(str(arrays["name"]))
        return cls(name, arrays["mean"], arrays.get("projection"), int(arrays["fitted_on"]))


def fit_backend(name: str, vectors: NDArray[np.float32]) -> Backend:
    """Fit a back-end on raw features (N, D) of one modality, without using whose they are.

    Raises
    ------
    GalleryError
        The name is unknown, or there are no vectors.
    """
    known = _checked(name)
    if len(vectors) == 0:
        raise GalleryError("a back-end cannot be fitted on no vectors; enrol images of this modality first")
    mean = np.mean(vectors, axis=0, dtype=np.float64)
    projection = _whitening(vectors, mean) if known == "whitened" else None
    return Backend(known, mean.astype(np.float32), projection, len(vectors))


def _checked(name: str) -> BackendName:
    for known in BACKENDS:
        if name == known:
            return known
    raise GalleryError(f"there is no back-end {name!r}; there are {', '.join(BACKENDS)}")


def _whitening(vectors: NDArray[np.float32], mean: NDArray[np.float64]) -> NDArray[np.float32] | None:
    """Give P (D, D) with P Pᵀ = (N S + N r I)⁻¹, S the covariance of N vectors, r = RIDGE tr(S) / N.

    Few vectors thus stay close to the plain cosine, many are whitened fully; docs/whitening.md has the measurements.
    """
    scatter = _scatter(vectors, mean)
    ridge = RIDGE * float(np.trace(scatter)) / len(vectors)
    if ridge <= (_ROUNDING * float(np.linalg.norm(mean))) ** 2:
        return None
    scatter[np.diag_indices_from(scatter)] += ridge
    return np.ascontiguousarray(np.linalg.inv(np.linalg.cholesky(scatter)).T, dtype=np.float32)


def _scatter(vectors: NDArray[np.float32], mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give N S (D, D)."""
    total = np.zeros((vectors.shape[1],) * 2)
    for start in range(0, len(vectors), _BLOCK_ROWS):
        centred = vectors[start : start + _BLOCK_ROWS] - mean
        total += centred.T @ centred
    return total
