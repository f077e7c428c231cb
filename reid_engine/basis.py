"""Principal axes of one modality's features: what probes are fitted in, and what tells a stranger of an image."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MAX_AXES = 256
"""Principal axes kept at most."""

LEAST_SCALE = 0.05
"""Least scale of a feature, as a share of the median feature's: a feature that never moved is no ruler."""


@dataclass(frozen=True)
class Basis:
    """Standardised features and their principal axes, as probabilistic PCA has them (Tipping & Bishop 1999).

    Attributes
    ----------
    mean, scale
        ``(D,)`` of the raw features.
    axes
        ``(D, q)`` orthonormal.
    variances
        ``(q,)`` along the axes, falling.
    rest
        Mean variance along each axis that is left out.
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    axes: NDArray[np.float32]
    variances: Floats
    rest: float

    def scores(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Coordinates ``(N, q)`` of raw features ``(N, D)``."""
        return np.asarray(((vectors - self.mean) / self.scale) @ self.axes, dtype=np.float32)

    def distance(self, vectors: NDArray[np.float32]) -> Floats:
        """Mahalanobis distance ``(N,)`` of raw features from the mean, under the probabilistic PCA model."""
        standard = (vectors - self.mean) / self.scale
        inside = (standard @ self.axes).astype(np.float64)
        outside = np.maximum((standard.astype(np.float64) ** 2).sum(axis=1) - (inside**2).sum(axis=1), 0.0)
        return np.asarray(np.sqrt((inside**2 / self.variances).sum(axis=1) + outside / self.rest))

    def narrowed(self, axes: int) -> "Basis":
        """Keep only the first `axes` axes; what the others held goes to the rest."""
        if axes >= len(self.variances):
            return self
        left = len(self.mean) - len(self.variances)
        moved = self.variances[axes:]
        rest = (self.rest * left + float(moved.sum())) / (left + len(moved))
        return Basis(self.mean, self.scale, self.axes[:, :axes].copy(), self.variances[:axes], rest)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Give the arrays that a gallery stores."""
        return {
            "mean": self.mean,
            "scale": self.scale,
            "axes": self.axes,
            "variances": self.variances,
            "rest": np.array(self.rest),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "Basis":
        """Restore what `to_arrays` gave."""
        mean, scale, axes, variances = (np.array(arrays[name]) for name in ("mean", "scale", "axes", "variances"))
        return cls(mean, scale, axes, variances, float(arrays["rest"]))


def fit_basis(vectors: NDArray[np.float32], max_axes: int = MAX_AXES) -> Basis:
    """Fit principal axes to raw features ``(N, D)``, N being 2 or more."""
    count, dim = vectors.shape
    mean = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
    scale = _scale(vectors)
    standard = (vectors - mean) / scale
    if count < dim:
        values, left = np.linalg.eigh((standard @ standard.T).astype(np.float64) / count)
        axes = standard.T @ left.astype(np.float32)
    else:
        values, axes = np.linalg.eigh((standard.T @ standard).astype(np.float64) / count)
        axes = axes.astype(np.float32)
    kept = np.argsort(values)[::-1][: min(max_axes, max(count // 2, 1), dim - 1)]
    kept = kept[values[kept] > 1e-7 * values[-1]]
    chosen = axes[:, kept] / np.linalg.norm(axes[:, kept], axis=0)
    spread = float((standard.astype(np.float64) ** 2).sum() / count)
    rest = max((spread - float(values[kept].sum())) / (dim - len(kept)), 1e-6)
    return Basis(mean, scale, np.ascontiguousarray(chosen), np.maximum(values[kept], rest), rest)


def _scale(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    spread = vectors.std(axis=0, dtype=np.float64)
    moving = spread[spread > 0]
    least = LEAST_SCALE * float(np.median(moving)) if len(moving) else 1.0
    return np.asarray(np.maximum(spread, least), dtype=np.float32)
