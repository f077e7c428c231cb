"""PLDA: similarity by a model of how people differ and how images of one person differ, learnt from identities.

An image is its subject's position plus what differs between images of one subject, both normal: the two-covariance
model of Brümmer & de Villiers (2010), of which Ioffe (2006) and Prince & Elder (2007) are older forms.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reid_engine.errors import GalleryError
from reid_engine.matcher.backend import RIDGE
from reid_engine.matcher.scatter import Doubles, Flags, Floats, Ints, Scatter, measure_scatter

WITHIN_SHRINKAGE = 0.3
"""Weight of what the scatter within subjects would be if every direction told people apart equally well.

On a plateau: on kermany_cxr rank-1 is 0.239 to 0.242 for any weight from 0.03 to 0.5; docs/method.md has the table.
"""

_BLOCK_ROWS = 4096
_LEAST_WITHIN = 1e-6  # share of an axis; images of a subject that do not differ at all would leave none
_ROUNDING = 1e-6  # of the mean's length: what is shorter is rounding error


@dataclass(frozen=True)
class Plda:
    """Takes raw features to the subject's position that an image lets expect, scaled to unit length.

    Attributes
    ----------
    mean
        (D,) float32.
    projection
        (D, d) float32; axes in falling order of `ratios`.
    ratios
        (d,) float32, variance between subjects over variance within them along each axis, positive.
    beyond
        What a squared length outside of the span of the images it was fitted on adds to that of a moved row, where
        the features that it is given lie in a basis of theirs; 0 where images do not differ.
    fitted_on
        Number of vectors it was fitted on.
    """

    mean: Floats
    projection: Floats
    ratios: Floats
    beyond: float
    fitted_on: int

    def transform(self, vectors: Floats, rows: Ints | None = None) -> Floats:
        """Give unit rows (N, d) for raw features (N, D), whose inner product is the similarity, -1 to 1.

        A row at the very mean becomes zero.

        Parameters
        ----------
        vectors
            (N, D).
        rows
            Places of those that are meant; all of them if None.
        """
        count = len(vectors) if rows is None else len(rows)
        out = np.empty((count, self.projection.shape[1]), dtype=np.float32)
        for start in range(0, count, _BLOCK_ROWS):
            part = slice(start, start + _BLOCK_ROWS)
            moved = self.project(vectors[part] if rows is None else vectors[rows[part]])
            norms = np.linalg.norm(moved, axis=1, keepdims=True)
            out[part] = moved / np.where(norms > 0, norms, 1)
        return out

    def project(self, vectors: Floats) -> Floats:
        """Give the rows (N, d) of :meth:`transform` before they are scaled."""
        moved = vectors - self.mean
        moved[np.linalg.norm(moved, axis=1) <= _ROUNDING * np.linalg.norm(self.mean)] = 0
        return moved @ self.projection

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Give arrays from which :meth:`from_arrays` makes it again."""
        return {
            "mean": self.mean,
            "projection": self.projection,
            "ratios": self.ratios,
            "beyond": np.array(self.beyond),
            "fitted_on": np.array(self.fitted_on),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "Plda":
        """Make a model from its arrays."""
        return cls(
            arrays["mean"], arrays["projection"], arrays["ratios"], float(arrays["beyond"]), int(arrays["fitted_on"])
        )


def fit_plda(vectors: Floats, codes: Ints, counted: Flags | None = None) -> Plda:
    """Fit the model on raw features of one modality and whose they are.

    Parameters
    ----------
    vectors
        (N, D).
    codes
        (N,) subject numbers, in any order.
    counted
        (N,) which images count in the scatter within subjects: not what is nearly the same picture as another.

    Raises
    ------
    GalleryError
        No subject has two images that count.
    """
    order = np.argsort(codes, kind="stable")
    return fit_scatter(measure_scatter(vectors, codes, counted, order))


def fit_scatter(scatter: Scatter) -> Plda:
    """Fit the model on the scatter of images.

    With Tᵣ the ridged covariance of all images as in :mod:`reid_engine.matcher.backend`, W the pooled covariance
    within subjects and s = tr(Tᵣ⁻¹W) / tr(Tᵣ⁻¹T) its share, W' = (1 - λ)W + λ s Tᵣ is the covariance within subjects,
    B = Tᵣ - W' that between them. Vᵀ Tᵣ V = I and Vᵀ W' V = diag(w) diagonalise both; axes with w >= 1, which tell
    nobody apart, are dropped. What an image x lets expect of its subject, E[b | x] = B Tᵣ⁻¹(x - μ), measured in
    units of B, then has the coordinates √(1 - w) Vᵀ(x - μ).

    Raises
    ------
    GalleryError
        No subject has two images that count.
    """
    if scatter.freedom < 1:
        raise GalleryError("PLDA cannot be trained where no subject has two different images")
    values, axes, beyond = _diagonalised(scatter)
    told = values < 1
    values, axes = values[told], axes[:, told]
    return Plda(
        mean=scatter.mean.astype(np.float32),
        projection=np.ascontiguousarray(axes * np.sqrt(1 - values), dtype=np.float32),
        ratios=((1 - values) / values).astype(np.float32),
        beyond=beyond,
        fitted_on=scatter.images,
    )


def _diagonalised(scatter: Scatter) -> tuple[Doubles, Doubles, float]:
    """Give w (d,), rising, V (D, d), and (1 - w) v² of an axis along which all images lie at the mean.

    No axis at all where the images do not differ. Along an axis v that no image leaves, vᵀTᵣv is the ridge and
    vᵀW'v = λ s times as much, however many such axes there are.
    """
    from scipy.linalg import cho_solve, eigh

    covariance = scatter.total / scatter.images
    ridge = RIDGE * float(np.trace(covariance)) / scatter.images
    if ridge <= (_ROUNDING * float(np.linalg.norm(scatter.mean))) ** 2:
        return np.empty(0), np.empty((len(covariance), 0)), 0.0
    ridged = covariance + ridge * np.eye(len(covariance))
    within = scatter.within / scatter.freedom
    factor = (np.linalg.cholesky(ridged), True)
    share = float(np.trace(cho_solve(factor, within)) / np.trace(cho_solve(factor, covariance)))
    shrunk = (1 - WITHIN_SHRINKAGE) * within + WITHIN_SHRINKAGE * share * ridged
    values, axes = eigh(shrunk, ridged)
    beyond = max(1 - WITHIN_SHRINKAGE * share, 0.0) / ridge
    return np.maximum(values, _LEAST_WITHIN), axes, beyond
