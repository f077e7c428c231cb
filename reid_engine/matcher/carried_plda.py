"""PLDA that comes with an encoder: for galleries whose own subjects are too few to train one on.

Its axes were fitted on people whom the encoder's training had not learnt from; its centre is that of the images that
it compares, because another hospital's images lie elsewhere.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reid_engine.matcher.plda import Plda, fit_plda
from reid_engine.matcher.plda_backend import PldaBackend
from reid_engine.matcher.population import Population

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

FEWEST_SUBJECTS = 70
"""Subjects with two different images that it is fitted on at least: from about so many on it finds more of other people
than whitening does (docs/method.md)."""

_DIGEST_DIGITS = 15  # hex; fits a signed 64-bit number


@dataclass(frozen=True)
class CarriedPlda:
    """The axes of a PLDA model without its centre, and which images it was fitted on.

    Attributes
    ----------
    projection
        (D, d) float32, as of :class:`reid_engine.matcher.plda.Plda`.
    ratios
        (d,) float32, variance between subjects over variance within them.
    subjects
        How many it was fitted on.
    prints
        (M,) shortened pixel digests of the images that it was fitted on, ascending.
    """

    projection: Floats
    ratios: Floats
    subjects: int
    prints: NDArray[np.int64]

    @property
    def images(self) -> int:
        """Number of images that it was fitted on."""
        return len(self.prints)

    @property
    def note(self) -> str:
        """Say whose identities it learnt from, as a part of a sentence."""
        return (
            f"PLDA comes with the encoder: it was trained on {self.images} images of {self.subjects} other subjects, "
            "because those here are too few"
        )

    def project(self, vectors: Floats) -> Floats:
        """Give coordinates (N, d) of raw features (N, D), not centred; their centred cosine is the similarity."""
        return vectors @ self.projection

    def centred(self, vectors: Floats) -> PldaBackend:
        """Give the back-end of a check, centred on enrolled raw features (N, D)."""
        mean = np.mean(vectors, axis=0, dtype=np.float64).astype(np.float32)
        return PldaBackend(Plda(mean, self.projection, self.ratios, 0.0, self.images), None)

    def knows(self, digests: Iterable[str]) -> Flags:
        """Tell of images, by their pixel digests (hex), whether it was fitted on them."""
        return np.isin(shorten(digests), self.prints)

    def unless_fitted_on(self, digests: Iterable[str]) -> "CarriedPlda | None":
        """Give it for images with these pixel digests (hex); None where it was fitted on one of them."""
        return None if self.knows(digests).any() else self

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Give arrays from which :meth:`from_arrays` makes it again; half precision moves no comparison by 0.001."""
        return {
            "projection": self.projection.astype(np.float16),
            "ratios": self.ratios,
            "subjects": np.array([self.subjects], dtype=np.int64),
            "prints": self.prints,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "CarriedPlda":
        """Make it again; ValueError or KeyError where the arrays are not those of one."""
        projection, ratios = arrays["projection"].astype(np.float32), arrays["ratios"].astype(np.float32)
        if (
            projection.ndim != 2
            or not projection.size
            or ratios.shape != projection.shape[1:]
            or not np.isfinite(projection).all()
        ):
            raise ValueError("no axes of PLDA")
        return cls(projection, ratios, int(arrays["subjects"][0]), arrays["prints"].astype(np.int64))


def fit_carried(vectors: Floats, populations: Iterable[Population], digests: Iterable[str]) -> CarriedPlda | None:
    """Fit it on images of one modality; None where fewer than :data:`FEWEST_SUBJECTS` have two different ones.

    Parameters
    ----------
    vectors
        (N, D) raw features.
    populations
        Images of each data set, `rows` being places in `vectors`: every set is centred by itself, because its images
        are compared with no others. Near-duplicates of an earlier image of the same subject count for nothing.
    digests
        N pixel digests.
    """
    from reid_engine.matcher.plda_crossfit import counted_images

    centred, codes, counted, rows = [], [], [], []
    subjects = several = 0
    for population in populations:
        held = vectors[population.rows]
        centred.append(held - held.mean(axis=0, dtype=np.float64).astype(np.float32))
        codes.append(population.codes + subjects)
        counted.append(counted_images(population))
        rows.append(population.rows)
        subjects += len(population.subjects)
        several += int(np.count_nonzero(np.bincount(population.codes[counted[-1]]) > 1))
    if several < FEWEST_SUBJECTS:
        return None
    model = fit_plda(np.concatenate(centred), np.concatenate(codes), np.concatenate(counted))
    named = list(digests)
    prints = shorten(named[row] for row in np.concatenate(rows))
    return CarriedPlda(model.projection, model.ratios, subjects, np.unique(prints))


def shorten(digests: Iterable[str]) -> NDArray[np.int64]:
    """Give the first 60 bits of hex digests: enough to know an image again, and nothing to read from."""
    return np.array([int(digest[:_DIGEST_DIGITS], 16) for digest in digests], dtype=np.int64)
