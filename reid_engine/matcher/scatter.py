"""How images spread around their mean and around their subjects' means: sums that add up over groups of subjects."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

_BLOCK_ROWS = 4096


@dataclass(frozen=True)
class Scatter:
    """Sums over n images of D features; those of groups without a subject in common can be added.

    Attributes
    ----------
    images
        n.
    mean
        (D,) mean of the images.
    total
        (D, D) sum of squares and products around the mean.
    within
        (D, D) the same of the images that count, around the means of their subjects.
    freedom
        Degrees of freedom of `within`: images that count less their subjects.
    """

    images: int
    mean: Doubles
    total: Doubles
    within: Doubles
    freedom: int

    def __add__(self, other: "Scatter") -> "Scatter":
        """Give the sums over both groups, by the formula of Chan, Golub and LeVeque (1979)."""
        images = self.images + other.images
        apart = other.mean - self.mean
        share = other.images / max(images, 1)
        return Scatter(
            images=images,
            mean=self.mean + share * apart,
            total=self.total + other.total + share * self.images * np.outer(apart, apart),
            within=self.within + other.within,
            freedom=self.freedom + other.freedom,
        )


def measure_scatter(vectors: Floats, codes: Ints, counted: Flags | None = None, rows: Ints | None = None) -> Scatter:
    """Measure the scatter of images.

    Parameters
    ----------
    vectors
        (N, D) raw features.
    codes
        (N,) subject numbers, 0 or more.
    counted
        (N,) which images count in the scatter within subjects; all of them if None.
    rows
        Places of the images that are meant, those of one subject in a row; all of them as they are if None.
    """
    rows = np.arange(len(vectors)) if rows is None else rows
    kept = rows if counted is None else rows[counted[rows]]
    mean = _mean(vectors, rows)
    within, freedom = _within(vectors, codes, kept)
    return Scatter(len(rows), mean, _total(vectors, rows, mean), within, freedom)


def add_up(parts: list[Scatter]) -> Scatter:
    """Add up the scatter of one group or more."""
    return reduce(lambda total, part: total + part, parts)


def _mean(vectors: Floats, rows: Ints) -> Doubles:
    total = np.zeros(vectors.shape[1])
    for start in range(0, len(rows), _BLOCK_ROWS):
        total += vectors[rows[start : start + _BLOCK_ROWS]].sum(axis=0, dtype=np.float64)
    return total / max(len(rows), 1)


def _total(vectors: Floats, rows: Ints, mean: Doubles) -> Doubles:
    total, centre = np.zeros((len(mean),) * 2), mean.astype(np.float32)
    for start in range(0, len(rows), _BLOCK_ROWS):
        centred = vectors[rows[start : start + _BLOCK_ROWS]] - centre
        total += centred.T @ centred
    return total


def _within(vectors: Floats, codes: Ints, rows: Ints) -> tuple[Doubles, int]:
    """Give the scatter around the subjects' means, and its degrees of freedom."""
    total, freedom = np.zeros((vectors.shape[1],) * 2), 0
    for block in _whole_subjects(codes, _repeated(codes, rows)):
        starts = np.flatnonzero(np.diff(codes[block], prepend=-1))
        counts = np.diff(starts, append=len(block))
        part = vectors[block]
        means = np.add.reduceat(part, starts, axis=0, dtype=np.float64) / counts[:, None]
        part -= np.repeat(means, counts, axis=0).astype(np.float32)
        total += part.T @ part
        freedom += len(block) - len(starts)
    return total, freedom


def _repeated(codes: Ints, rows: Ints) -> Ints:
    """Give the rows whose subject has another: a single image says nothing of the scatter around its mean."""
    starts = np.flatnonzero(np.diff(codes[rows], prepend=-1))
    counts = np.diff(starts, append=len(rows))
    return rows[np.repeat(counts > 1, counts)]


def _whole_subjects(codes: Ints, rows: Ints) -> Iterator[Ints]:
    """Cut rows into blocks where a subject ends, of about the same length."""
    starts = np.flatnonzero(np.diff(codes[rows], prepend=-1))
    cuts = starts[np.searchsorted(starts, np.arange(_BLOCK_ROWS, len(rows), _BLOCK_ROWS), side="right") - 1]
    for block in np.split(rows, np.unique(cuts)):
        if len(block):
            yield block
