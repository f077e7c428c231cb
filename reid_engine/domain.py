"""Whether a scan is of the kind that the gallery holds; if not, nothing measured on the gallery applies to it.

It is judged by what the encoder keeps beside an embedding, where it keeps something, else by the embedding itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reid_engine.basis import Basis
from reid_engine.folds import subject_weights

FEWEST_SUBJECTS = 20
"""Below this many subjects no domain is fitted."""

SHARE = 0.99
"""Share of enrolled subjects' scans that count as in the domain when their subject was held out."""

MARGIN = 1.1
"""How far beyond the largest held-out distance a scan may lie where fewer than 1 / (1 - SHARE) subjects are there."""

MAX_AXES = 64
"""Principal axes that the distance tells apart; the others share one variance."""


@dataclass(frozen=True)
class Domain:
    """A distance from the enrolled images, and where it ends.

    Attributes
    ----------
    basis
        The enrolled images' principal axes.
    limit
        Largest distance that is still in the domain.
    subjects
        Subjects it was fitted on.
    by_appearance
        Whether it is judged by appearances, else by embeddings.
    """

    basis: Basis
    limit: float
    subjects: int
    by_appearance: bool = False

    def distance(self, vector: NDArray[np.float32]) -> float:
        """Distance of what was seen of one scan, ``(W,)``, in units of `limit`: at most 1 inside."""
        return float(self.basis.distance(vector[None])[0]) / self.limit

    def distance_of(self, embedding: NDArray[np.float32], appearance: NDArray[np.float32]) -> float:
        """Do as :meth:`distance` does, with whichever of the two it is judged by."""
        return self.distance(appearance if self.by_appearance else embedding)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Give the arrays that a gallery stores."""
        facts = {"limit": self.limit, "subjects": self.subjects, "by_appearance": self.by_appearance}
        return {**self.basis.to_arrays(), **{name: np.array(value) for name, value in facts.items()}}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "Domain":
        """Restore what `to_arrays` gave."""
        by_appearance = bool(arrays.get("by_appearance", False))  # older galleries do not say
        return cls(Basis.from_arrays(arrays), float(arrays["limit"]), int(arrays["subjects"]), by_appearance)


def fit_domain(
    vectors: NDArray[np.float32],
    codes: NDArray[np.int64],
    folds: NDArray[np.int64],
    bases: Sequence[Basis],
    whole: Basis,
    *,
    by_appearance: bool = False,
) -> Domain | None:
    """Fit the domain of one modality; None where there are too few subjects.

    Parameters
    ----------
    vectors
        ``(N, W)`` appearances, or raw features.
    codes, folds
        ``(N,)`` subject number and fold of each image.
    bases
        For each fold the axes of the other folds' images.
    whole
        The axes of all images.
    by_appearance
        Which of the two the vectors are.
    """
    subjects = len(np.unique(codes))
    if subjects < FEWEST_SUBJECTS:
        return None
    axes = min(MAX_AXES, subjects // 4)
    distance = np.empty(len(vectors))
    for fold, basis in enumerate(bases):
        held = folds == fold
        distance[held] = basis.narrowed(axes).distance(vectors[held])
    return Domain(whole.narrowed(axes), _limit(distance, codes, subjects), subjects, by_appearance)


def _limit(distance: NDArray[np.float64], codes: NDArray[np.int64], subjects: int) -> float:
    order = np.argsort(distance)
    share = np.cumsum(subject_weights(codes)[order]) / subjects
    limit = float(distance[order][min(int(np.searchsorted(share, SHARE)), len(order) - 1)])
    return limit if subjects * (1 - SHARE) >= 1 else limit * MARGIN
