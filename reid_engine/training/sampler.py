"""Batches of several images of each of several subjects, all of one modality."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

LEAST_BATCHES = 10
"""Batches of an epoch at least, however few images there are."""


class BatchSampler:
    """Chooses images so that every batch holds pairs of one subject and pairs of different ones.

    Modalities take turns by their number of images: a batch of one modality cannot be told apart by the modality.

    Parameters
    ----------
    subjects
        (N,) subject number of each training image.
    modalities
        (N,) modality number; each subject has two images of its modality, or more.
    per_batch, images
        Subjects in a batch, fewer where there are not so many; and images of each, drawn again where a subject
        has fewer.
    """

    def __init__(self, subjects: Ints, modalities: Ints, *, per_batch: int, images: int) -> None:
        self._images = images
        self._rows = {
            int(modality): [np.flatnonzero((modalities == modality) & (subjects == s)) for s in np.unique(own)]
            for modality in np.unique(modalities)
            if len(np.unique(own := subjects[modalities == modality])) > 1
        }
        self._per_batch = per_batch
        self._shares = {modality: sum(map(len, rows)) for modality, rows in self._rows.items()}
        self.batches = max(LEAST_BATCHES, math.ceil(sum(self._shares.values()) / (per_batch * images)))

    def epoch(self, rng: np.random.Generator) -> Iterator[Ints]:
        """Give the images of each batch of an epoch: rows (B,) of the training images, subject by subject."""
        names = np.array(list(self._shares), dtype=np.int64)
        weights = np.array(list(self._shares.values()), dtype=np.float64)
        for modality in rng.choice(names, size=self.batches, p=weights / weights.sum()):
            rows = self._rows[int(modality)]
            chosen = rng.permutation(len(rows))[: self._per_batch]
            yield np.concatenate([self._draw(rows[one], rng) for one in chosen])

    def _draw(self, rows: Ints, rng: np.random.Generator) -> Ints:
        if len(rows) >= self._images:
            return rng.permutation(rows)[: self._images]
        return np.concatenate([rng.permutation(rows), rng.choice(rows, self._images - len(rows))])
