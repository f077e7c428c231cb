"""Batches of several images of each of several subjects, all of one modality and data set."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from reid_engine.errors import TrainingError

Ints = NDArray[np.int64]

LEAST_BATCHES = 10
"""Batches of an epoch at least, however few images there are."""


class BatchSampler:
    """Chooses images so that every batch holds pairs of one subject and pairs of different ones.

    Groups take turns by their number of images: images of one group cannot be told apart by their modality or origin.

    Parameters
    ----------
    subjects
        (N,) subject number of each training image.
    groups
        (N,) group number; each subject has two images of its group, or more.
    per_batch, images
        Subjects in a batch, fewer where there are not so many; and images of each, drawn again where a subject
        has fewer.

    Raises
    ------
    TrainingError
        No group has two subjects.
    """

    def __init__(self, subjects: Ints, groups: Ints, *, per_batch: int, images: int) -> None:
        self._images = images
        self._rows = {
            int(group): [np.flatnonzero((groups == group) & (subjects == s)) for s in np.unique(own)]
            for group in np.unique(groups)
            if len(np.unique(own := subjects[groups == group])) > 1
        }
        if not self._rows:
            raise TrainingError(
                "no two subjects have images of one modality and data set; there is nobody to tell apart"
            )
        self._per_batch = per_batch
        self._shares = {group: sum(map(len, rows)) for group, rows in self._rows.items()}
        self.smallest = images * min(min(per_batch, len(rows)) for rows in self._rows.values())
        """Images of the smallest batch."""
        self.batches = max(LEAST_BATCHES, math.ceil(sum(self._shares.values()) / (per_batch * images)))

    def epoch(self, rng: np.random.Generator) -> Iterator[Ints]:
        """Give the images of each batch of an epoch: rows (B,) of the training images, subject by subject."""
        names = np.array(list(self._shares), dtype=np.int64)
        weights = np.array(list(self._shares.values()), dtype=np.float64)
        for group in rng.choice(names, size=self.batches, p=weights / weights.sum()):
            rows = self._rows[int(group)]
            chosen = rng.permutation(len(rows))[: self._per_batch]
            yield np.concatenate([self._draw(rows[one], rng) for one in chosen])

    def _draw(self, rows: Ints, rng: np.random.Generator) -> Ints:
        if len(rows) >= self._images:
            return rng.permutation(rows)[: self._images]
        return np.concatenate([rng.permutation(rows), rng.choice(rows, self._images - len(rows))])
