"""A gallery against itself: each image as a query that the back-end had not seen, all others as enrolled.

That is what a check does: its scan is new, the images it is compared with are those the back-end was fitted on.
A back-end sets images it was fitted on further apart than a new one, so the query must be left out of the fit,
and nothing else: were its subject's other images left out too, they would stand out from all strangers by being
new, and be found for that. The fit without one image follows from the fit with all of them in closed form.
"""

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reid_engine.compiled import compiled, share_rows, threads
from reid_engine.matcher.backend import fit_backend

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

Exclusion = Callable[[Ints], tuple[Ints, Ints]]
"""For the rows of a block, pairs (place in the block, row) that may not be compared."""

BLOCK_BYTES = 64 << 20
"""Memory for one block of similarities."""

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
        yield from self.blocks(np.arange(len(self)))

    def blocks(self, wanted: Ints) -> Iterator[Block]:
        """Give blocks of the rows that are wanted (M,) alone, in that order."""
        step = max(FEWEST_ROWS, BLOCK_BYTES // (4 * len(self)))
        memory = _Memory()
        with ThreadPoolExecutor(threads(), thread_name_prefix="leave-one-out") as pool:
            for start in range(0, len(wanted), step):
                rows = wanted[start : start + step]
                similarities = memory.take(len(rows), len(self))
                self._fill(similarities, rows, pool)
                similarities[np.arange(len(rows)), rows] = -np.inf
                if self._exclude is not None:
                    similarities[self._exclude(rows)] = -np.inf
                yield Block(rows, similarities)

    def _fill(self, products: Floats, rows: Ints, pool: ThreadPoolExecutor) -> None:
        np.matmul(self._rows[rows], self._rows.T, out=products)
        others = len(self) - 1
        if others < 1:
            return
        own = self._squares[rows]
        left = np.maximum(1 - (1 + 1 / others) * own, 1e-6) if self._updated else np.ones_like(own)
        shift = own / others
        inflation = (1 + 1 / others) / left if self._updated else np.zeros_like(own)
        terms = np.stack([shift, shift / others, inflation, own * left], axis=1).astype(np.float32)
        squares, loop = self._squares.astype(np.float32), compiled(scale_rows)

        def work(_: int, first: int, last: int) -> None:
            loop(first, last, products, squares, np.float32(2 / others), terms)

        share_rows(work, len(rows), pool)


class _Memory:
    """Arrays for blocks; one that nobody holds any more is used again, because new memory is slow to fill."""

    def __init__(self) -> None:
        self._held: list[Floats] = []

    def take(self, rows: int, columns: int) -> Floats:
        """Give an array (rows, columns) that nobody else holds, whatever is in it."""
        for place in range(len(self._held)):
            if sys.getrefcount(self._held[place]) == _UNHELD and len(self._held[place]) >= rows:
                return self._held[place][:rows]
        made = np.empty((rows, columns), dtype=np.float32)
        self._held = [*self._held[-1:], made]  # the one before is in the hands of whoever asks
        return made[:]


_UNHELD = 2
"""References to an array in a list alone: the list's and the question's own."""


def scale_rows(first: int, last: int, products: Floats, squares: Floats, twice: np.float32, terms: Floats) -> None:
    """Turn rows first to last - 1 of products (b, N) into similarities, in place.

    Parameters
    ----------
    squares
        (N,) squared lengths of all rows.
    twice
        2 / (N - 1).
    terms
        (b, 4) of each row: what is added to the product, its part of the other length, the factor of the squared
        product in that length, and the own squared length.
    """
    for b in range(first, last):
        shift, part, inflation, own = terms[b, 0], terms[b, 1], terms[b, 2], terms[b, 3]
        for j in range(products.shape[1]):
            product = products[b, j]
            moved = product + shift
            length = (squares[j] + product * twice + part + inflation * moved * moved) * own
            # A row at the very mean has no length, and no similarity.
            products[b, j] = moved / np.sqrt(length if length > 0 else np.float32(np.inf))
