"""Sums by group."""

import numpy as np
from numpy.typing import NDArray


def sum_by(groups: NDArray[np.int64], weights: NDArray[np.float64], length: int = 0) -> NDArray[np.float64]:
    """Sum `weights` ``(N,)`` by group number ``(N,)``: ``(max(length, largest group + 1),)``."""
    return np.bincount(groups, weights, length).astype(np.float64, copy=False)
