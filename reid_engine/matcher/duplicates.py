"""Near-duplicates: nearly the same picture, whoever it shows.

The coarse part of the thumbnails, which bears small shifts, finds candidates by a matrix product; the fine part
decides, at the best of small shifts. Neither would do alone: two strangers' radiographs agree coarsely as well
as two frames of one eye do, and the eye moves between frames. docs/duplicates.md has the measurements.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reid_engine.matcher.thumbnail import COARSE_LENGTH, FINE, LENGTH, UNIT, thumbnail

__all__ = [
    "LENGTH",
    "NEAR_DUPLICATE_SIMILARITY",
    "DuplicateIndex",
    "NearPairs",
    "aligned_similarity",
    "near_duplicate_pairs",
    "thumbnail",
    "thumbnail_similarity",
]

NEAR_DUPLICATE_SIMILARITY = 0.72
"""Similarity from which two pictures count as near-duplicates."""

CANDIDATES = 32
"""How many images, those most alike coarsely, one image is compared with closely."""

LEAST_COARSE = 0.45
"""Coarse similarity below which a pair is not looked at closely."""

REACH = 4
"""Largest shift that is tried each way, in fine pixels: a sixteenth of the picture's side."""

_LEAST_CONTRAST = 0.04  # mean square; a picture with less shows nothing, so it resembles nothing
_BLOCK_ROWS = 512

Thumbnails = NDArray[np.int8]
Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


class NearPairs(NamedTuple):
    """Pairs of images, first < second, and how alike they are: (P,) each."""

    first: Ints
    second: Ints
    similarity: Floats


class DuplicateIndex:
    """Looks for near-duplicates among N thumbnails (N, T)."""

    def __init__(self, thumbnails: Thumbnails) -> None:
        if thumbnails.shape[1:] != (LENGTH,):
            raise ValueError(f"thumbnails of shape {thumbnails.shape}, not (N, {LENGTH})")
        self.thumbnails = thumbnails
        self._coarse = _coarse(thumbnails)

    def __len__(self) -> int:
        return len(self.thumbnails)

    def similarity(self, query: Thumbnails) -> Floats:
        """Compare a thumbnail (T,) with all: (N,), 0 where it was not looked at closely."""
        out = np.zeros(len(self), dtype=np.float32)
        chosen = _candidates(self._coarse @ _coarse(query[None])[0])
        out[chosen] = aligned_similarity(query, self.thumbnails[chosen])
        return out

    def pairs(
        self, threshold: float = NEAR_DUPLICATE_SIMILARITY, subjects: NDArray[np.object_] | None = None
    ) -> NearPairs:
        """Find the pairs from `threshold` on.

        Parameters
        ----------
        threshold
            Least similarity.
        subjects
            (N,) ids. Images of one subject are all compared closely, so that the frames of a burst are found
            however many strangers look alike coarsely.
        """
        first, second = _unique_pairs(self._candidate_pairs(subjects), len(self))
        similarity = np.empty(len(first), dtype=np.float32)
        for row in np.unique(first):
            start, end = np.searchsorted(first, (row, row + 1))
            others = self.thumbnails[second[start:end]]
            similarity[start:end] = aligned_similarity(self.thumbnails[row], others)
        near = similarity >= threshold
        return NearPairs(first[near], second[near], similarity[near])

    def _candidate_pairs(self, subjects: NDArray[np.object_] | None) -> Iterator[tuple[Ints, Ints]]:
        for start in range(0, len(self), _BLOCK_ROWS):
            block = self._coarse[start : start + _BLOCK_ROWS] @ self._coarse.T
            for place, coarse in enumerate(block):
                coarse[start + place] = -1
                chosen = _candidates(coarse)
                yield np.full(len(chosen), start + place), chosen
        if subjects is not None:
            yield from _same_subject(subjects)


def thumbnail_similarity(query: Thumbnails, others: Thumbnails) -> Floats:
    """Compare a thumbnail (T,) with others (N, T): (N,), 0 where coarse looks rule a near-duplicate out."""
    return DuplicateIndex(others).similarity(query)


def near_duplicate_pairs(
    thumbnails: Thumbnails,
    threshold: float = NEAR_DUPLICATE_SIMILARITY,
    subjects: NDArray[np.object_] | None = None,
) -> NearPairs:
    """Find the pairs among thumbnails (N, T), as :meth:`DuplicateIndex.pairs` does."""
    return DuplicateIndex(thumbnails).pairs(threshold, subjects)


def aligned_similarity(query: Thumbnails, others: Thumbnails) -> Floats:
    """Correlate the fine parts of a thumbnail (T,) and of others (K, T) at the best shift: (K,), at most 1."""
    rows = others[:, COARSE_LENGTH:].astype(np.float32)
    shifted = _shifts(query[COARSE_LENGTH:].astype(np.float32).reshape(FINE, FINE))
    surface = (rows @ shifted.T).reshape(len(rows), 2 * REACH + 1, 2 * REACH + 1)
    norms = _norms(rows) * _norms(shifted[len(shifted) // 2][None])
    similarity: Floats = np.minimum(_peak(surface) / norms, np.float32(1))
    return similarity


def _norms(rows: Floats) -> Floats:
    least = np.float32(_LEAST_CONTRAST * FINE * FINE * UNIT**2)
    norms: Floats = np.sqrt(np.maximum(np.einsum("ij,ij->i", rows, rows), least))
    return norms


def _shifts(picture: Floats) -> Floats:
    """Give a picture (n, n) at every shift of at most REACH each way, (S, n * n), zero where nothing came in."""
    padded = np.pad(picture, REACH)
    windows = np.lib.stride_tricks.sliding_window_view(padded, picture.shape)
    return windows.reshape(-1, picture.size)


def _peak(surface: Floats) -> Floats:
    """Give the height (K,) of the highest point of surfaces (K, m, m), between grid points too."""
    count, side, _ = surface.shape
    places = surface.reshape(count, side * side).argmax(axis=1)
    rows, columns = np.divmod(places, side)
    each = np.arange(count)
    height: Floats = surface[each, rows, columns]
    down = _rise(surface[each, np.maximum(rows - 1, 0), columns], height, _next(surface, rows + 1, columns))
    right = _rise(surface[each, rows, np.maximum(columns - 1, 0)], height, _next(surface, rows, columns + 1))
    return height + down + right


def _next(surface: Floats, rows: Ints, columns: Ints) -> Floats:
    last = surface.shape[1] - 1
    beside: Floats = surface[np.arange(len(surface)), np.minimum(rows, last), np.minimum(columns, last)]
    return beside


def _rise(before: Floats, top: Floats, after: Floats) -> Floats:
    """Give how far a parabola through three points, the middle one highest, rises above it."""
    bend = 2 * top - before - after
    slope = after - before
    rise: Floats = np.divide(slope * slope, 8 * bend, out=np.zeros_like(top), where=bend > 0)
    return rise


def _coarse(thumbnails: Thumbnails) -> Floats:
    rows = np.asarray(thumbnails[:, :COARSE_LENGTH], dtype=np.float32)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: Floats = rows / np.maximum(norms, np.float32(1))
    return scaled


def _candidates(coarse: Floats) -> Ints:
    """Give the rows that are most alike coarsely, ascending."""
    alike = np.flatnonzero(coarse >= LEAST_COARSE)
    if len(alike) > CANDIDATES:
        alike = np.sort(alike[np.argpartition(-coarse[alike], CANDIDATES)[:CANDIDATES]])
    return alike


def _same_subject(subjects: NDArray[np.object_]) -> Iterator[tuple[Ints, Ints]]:
    _, codes = np.unique(subjects.astype(str), return_inverse=True)
    order = np.argsort(codes, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(codes[order])) + 1):
        first, second = np.triu_indices(len(rows), 1)
        yield rows[first], rows[second]


def _unique_pairs(pairs: Iterator[tuple[Ints, Ints]], count: int) -> tuple[Ints, Ints]:
    found = [np.minimum(a, b) * count + np.maximum(a, b) for a, b in pairs if len(a)]
    keys = np.unique(np.concatenate(found)) if found else np.empty(0, dtype=np.int64)
    first, second = np.divmod(keys, max(count, 1))
    return first, second
