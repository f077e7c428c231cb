"""One modality's enrolled images in subject order, and which of them may be compared with which."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from reid_engine.folds import FOLDS, subject_folds
from reid_engine.matcher.duplicates import NearPairs

Ints = NDArray[np.int64]

Sessions = Literal["any", "not the same", "different"]
"""Which images of the query's own subject count: all; all but those of a session known to be the query's; only those
of a session known to be another."""

BLOCK_BYTES = 64 << 20
"""Memory that one block of similarities may take."""


@dataclass(frozen=True)
class Population:
    """Images sorted by subject, N of them from S subjects.

    Attributes
    ----------
    rows
        ``(N,)`` place of each image in the table it came from.
    codes
        ``(N,)`` subject numbers 0..S-1, rising.
    starts
        ``(S,)`` first image of each subject.
    subjects
        S ids.
    sessions
        ``(N,)`` session numbers within the population, -1 where unknown.
    near_starts, near_images
        Near-duplicates of image i are ``near_images[near_starts[i]:near_starts[i + 1]]``; it isn't one of its own.
    folds
        ``(S,)`` fold of each subject.
    """

    rows: Ints
    codes: Ints
    starts: Ints
    subjects: tuple[str, ...]
    sessions: Ints
    near_starts: Ints
    near_images: Ints
    folds: Ints

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def image_folds(self) -> Ints:
        """``(N,)`` fold of each image's subject."""
        return self.folds[self.codes]

    def near(self, image: int) -> Ints:
        """Near-duplicates of an image."""
        return self.near_images[self.near_starts[image] : self.near_starts[image + 1]]

    def own(self, image: int) -> Ints:
        """Images of the same subject, `image` among them."""
        code = self.codes[image]
        last = self.starts[code + 1] if code + 1 < len(self.starts) else len(self)
        return np.arange(self.starts[code], last)

    def mates(self, image: int, *, near: bool = True, sessions: Sessions = "any") -> Ints:
        """Images of the same subject that `image` may be compared with, itself left out.

        Parameters
        ----------
        image
            The query.
        near
            Keep its near-duplicates.
        sessions
            Which sessions count.
        """
        own = self.own(image)
        own = own[own != image]
        if sessions != "any":
            here, there = self.sessions[image], self.sessions[own]
            same = (there == here) & (here >= 0)
            unknown = (there < 0) | (here < 0)
            own = own[~same & ~unknown] if sessions == "different" else own[~same]
        return own if near else np.setdiff1d(own, self.near(image), assume_unique=True)

    def ineligible(self, image: int, *, near: bool = True, sessions: Sessions = "any") -> Ints:
        """Images that `image` may not be compared with: itself, and what `near` and `sessions` leave out."""
        kept = self.mates(image, near=True, sessions=sessions)
        out = np.setdiff1d(self.own(image), kept, assume_unique=True)
        return out if near else np.union1d(out, self.near(image))


def subject_best(similarities: NDArray[np.float32], starts: Ints) -> NDArray[np.float32]:
    """Reduce ``(B, N)`` similarities to each subject's best, ``(B, S)``; ``-inf`` where none is eligible."""
    return np.maximum.reduceat(similarities, starts, axis=1)


def similarity_blocks(transformed: NDArray[np.float32], queries: Ints) -> Iterator[tuple[Ints, NDArray[np.float32]]]:
    """Compare queries with everything, in blocks of bounded memory.

    Parameters
    ----------
    transformed
        ``(N, d)`` unit rows.
    queries
        Rows of it to take as queries.

    Yields
    ------
    queries, similarities
        ``(B,)`` and ``(B, N)``; the block may be written to.
    """
    size = max(1, BLOCK_BYTES // (4 * max(len(transformed), 1)))
    for first in range(0, len(queries), size):
        chunk = queries[first : first + size]
        yield chunk, transformed[chunk] @ transformed.T


def arrange(
    subjects: NDArray[np.object_], sessions: NDArray[np.object_], near: NearPairs | None, rows: Ints
) -> Population:
    """Sort one modality's images by subject.

    Parameters
    ----------
    subjects, sessions
        ``(N,)`` ids of the images at `rows`; a missing session is None or NaN.
    near
        Near-duplicate pairs of positions in ``0..N-1``, each once; None where they are not needed.
    rows
        ``(N,)`` their places in the table.
    """
    import pandas as pd

    codes, names = pd.factorize(subjects, sort=True)
    order = np.argsort(codes, kind="stable")
    codes = codes[order].astype(np.int64)
    visits, _ = pd.factorize(sessions[order], use_na_sentinel=True)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    first, second = (place[near.first], place[near.second]) if near else (place[:0], place[:0])
    near_starts, near_images = _adjacency(first, second, len(order))
    ids = tuple(str(name) for name in names)
    return Population(
        rows=rows[order],
        codes=codes,
        starts=np.flatnonzero(np.diff(codes, prepend=-1)),
        subjects=ids,
        sessions=visits.astype(np.int64),
        near_starts=near_starts,
        near_images=near_images,
        folds=subject_folds(ids, FOLDS),
    )


def _adjacency(first: Ints, second: Ints, images: int) -> tuple[Ints, Ints]:
    start, end = np.concatenate([first, second]), np.concatenate([second, first])
    order = np.lexsort((end, start))
    counts = np.bincount(start, minlength=images)
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), end[order].astype(np.int64)
