"""Exact nearest-neighbour search by inner product."""

from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray


class Index:
    """Exact search over vectors of one modality.

    Parameters
    ----------
    vectors
        (N, d) float32 rows, of unit length for a cosine.
    """

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        self.vectors = np.ascontiguousarray(vectors, dtype=np.float32)
        self._flat: Any = faiss.IndexFlatIP(self.vectors.shape[1])
        self._flat.add(self.vectors)

    def __len__(self) -> int:
        return len(self.vectors)

    def search(self, queries: NDArray[np.float32], k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Find the k nearest rows of each query.

        Parameters
        ----------
        queries
            (Q, d).
        k
            At most N are given.

        Returns
        -------
        similarities, positions
            (Q, min(k, N)), highest similarity first; of equal similarities the lower row comes first.
        """
        k = min(k, len(self))
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        if k == 0 or len(queries) == 0:
            return np.empty((len(queries), k), np.float32), np.empty((len(queries), k), np.int64)
        similarities, positions = self._sorted(queries, min(k + 1, len(self)))
        for place in np.flatnonzero(similarities[:, k - 1] == similarities[:, -1]) if k < len(self) else ():
            one = self._through_the_tie(queries[place : place + 1], k)
            similarities[place, :k], positions[place, :k] = one[0], one[1]
        return similarities[:, :k], positions[:, :k]

    def _sorted(self, queries: NDArray[np.float32], k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        similarities, positions = self._flat.search(queries, k)
        order = np.lexsort((positions, -similarities), axis=1)
        return np.take_along_axis(similarities, order, 1), np.take_along_axis(positions, order, 1)

    def _through_the_tie(self, query: NDArray[np.float32], k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Search on until the k-th similarity is passed, so that a tie there is cut by row as well."""
        reach = k
        while True:
            reach = min(2 * reach + 1, len(self))
            similarities, positions = self._sorted(query, reach)
            if reach == len(self) or similarities[0, -1] < similarities[0, k - 1]:
                return similarities[0, :k], positions[0, :k]
