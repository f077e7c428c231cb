"""A gallery against itself: each image as a query that the back-end had not seen, all others as enrolled.

That is what a check does: its scan is new, the images it is compared with are those the back-end was fitted on.
A back-end sets images it was fitted on further apart than a new one, so the query must be left out of the fit,
and nothing else: were its subject's other images left out too, they would stand out from all strangers by being
new, and be found for that. The fit without one image follows from the fit with all of them in closed form.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reid_engine.matcher.backend import fit_backend

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

Exclusion = Callable[[Ints], tuple[Ints, Ints]]
"""For the rows of a block, pairs (place in the block, row) that may not be compared."""

BLOCK_BYTES = 64 << 20
"""Memory for one block of similarities; about three times as much is used while it is made."""

FEWEST_ROWS = 16
"""Rows of a block at least, however long they are."""


class Block(NamedTuple):
    """Similarities (b, N) of some rows (b,) to all rows; -inf where a pair is left out."""

    rows: Ints
    similarities: Floats


class LeaveOneOut:
    """Similarities of each of N images to all others; iterate for blocks, as often as needed.

    Parameters
    ----------
    name
        One of :data:`reid_engine.matcher.backend.BACKENDS`.
    vectors
        (N, D) raw features of one modality.
    exclude
        Further pairs to leave out besides each row with itself: near-duplicates, the same session.

    Notes
    -----
    With c the centred features, A = N S + N r I of :func:`~reid_engine.matcher.backend.fit_backend` and
    G = c A⁻¹ cᵀ, row i is the cosine between gc_i and c_j + c_i/(N-1) under the inverse of A - g c_i c_iᵀ,
    g = N/(N-1), by the formula of Sherman and Morrison (1950); the ridge N r is held fixed.
    """

    def __init__(self, name: str, vectors: Floats, exclude: Exclusion | None = None) -> None:
        backend = fit_backend(name, vectors)
        self._rows = backend.project(vectors)
        self._updated = backend.projection is not None
        self._squares = np.einsum("ij,ij->i", self._rows, self._rows, dtype=np.float64)
        self._exclude = exclude

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Block]:
        """Give blocks of rows in ascending order, each row once; a block may be written to."""
        count = len(self)
        step = max(FEWEST_ROWS, BLOCK_BYTES // (4 * count))
        for start in range(0, count, step):
            rows = np.arange(start, min(start + step, count))
            similarities = self._similarities(rows)
            similarities[np.arange(len(rows)), rows] = -np.inf
            if self._exclude is not None:
                similarities[self._exclude(rows)] = -np.inf
            yield Block(rows, similarities)

    def _similarities(self, rows: Ints) -> Floats:
        products = self._rows[rows] @ self._rows.T
        others = len(self) - 1
        if others < 1:
            return products
        own = self._squares[rows]
        shift = (own / others).astype(np.float32)[:, None]
        lengths = products * np.float32(2 / others)
        lengths += self._squares.astype(np.float32)
        lengths += shift / np.float32(others)
        products += shift
        if self._updated:
            inflation = 1 + 1 / others
            left = np.maximum(1 - inflation * own, 1e-6)
            lengths += (inflation / left).astype(np.float32)[:, None] * products * products
            own = own * left
        lengths *= own.astype(np.float32)[:, None]
        np.maximum(lengths, 0, out=lengths)  # rounding
        return np.divide(products, np.sqrt(lengths, out=lengths), out=np.zeros_like(products), where=lengths > 0)
