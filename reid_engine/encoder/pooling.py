"""Prepared slices, in batches through the network, and pooled to one vector a scan."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

K = TypeVar("K")
Slices = NDArray[np.float32]


def pool_batches(
    network: Callable[[Slices], Slices], items: Iterable[tuple[K, Slices | None]], batch_size: int
) -> Iterator[tuple[K, NDArray[np.float32] | None]]:
    """Give each scan's mean feature (D,) in order, the network seeing `batch_size` slices at a time.

    Parameters
    ----------
    network
        Gives features (B, D) of prepared slices (B, ...), in an array of their own.
    items
        Key and prepared slices (k, ...) of each scan, or None for one that has none and passes through;
        taken only as fast as vectors are taken. A batch holds slices of one shape.
    """
    if batch_size < 1:
        raise ValueError(f"a batch has one slice at least, not {batch_size}")
    waiting: deque[tuple[K, int]] = deque()
    features: deque[NDArray[np.float32]] = deque()
    batch = np.empty((0,), dtype=np.float32)
    filled = 0
    for key, slices in items:
        waiting.append((key, 0 if slices is None else len(slices)))
        for one in () if slices is None else slices:
            if batch.shape[1:] != one.shape:
                features.extend(network(batch[:filled]) if filled else ())
                filled = 0
                batch = np.empty((batch_size, *one.shape), dtype=np.float32)
            batch[filled] = one
            filled += 1
            if filled == batch_size:
                features.extend(network(batch))
                filled = 0
        yield from _complete(waiting, features)
    if filled:
        features.extend(network(batch[:filled]))
    yield from _complete(waiting, features)


def _complete(
    waiting: deque[tuple[K, int]], features: deque[NDArray[np.float32]]
) -> Iterator[tuple[K, NDArray[np.float32] | None]]:
    while waiting and waiting[0][1] <= len(features):
        key, count = waiting.popleft()
        own = [features.popleft() for _ in range(count)]
        yield key, _mean(own) if own else None


def _mean(own: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Give the mean over slices; a value that is NaN in some of them is that of the others."""
    found: NDArray[np.float32] = np.mean(own, axis=0, dtype=np.float32)
    return np.nanmean(own, axis=0, dtype=np.float32) if np.isnan(found).any() else found
