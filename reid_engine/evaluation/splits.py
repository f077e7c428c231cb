"""One subject's images cut in two where they hold together least."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reid_engine.counting import sum_by
from reid_engine.evaluation.harvest import Pairs
from reid_engine.matcher.population import Ints

Floats = NDArray[np.float64]

FEWEST_IMAGES = 3
"""Images that it takes to say that some hold together and others do not."""


@dataclass(frozen=True)
class Splits:
    """The weakest cut of each of U units.

    Attributes
    ----------
    units
        ``(U,)`` their numbers.
    apart
        ``(N,)`` 1 for the images on the smaller side of their unit's cut, 0 for the others, -1 for images of units
        that were not cut.
    tie
        ``(U,)`` the highest similarity across the cut.
    hold
        ``(U,)`` the lowest of the similarities that hold the two sides together, each in itself.
    across
        ``(U,)`` mean similarity across the cut.
    """

    units: Ints
    apart: NDArray[np.int8]
    tie: Floats
    hold: Floats
    across: Floats


def split(pairs: Pairs, unit: Ints) -> Splits:
    """Cut every unit of `FEWEST_IMAGES` or more in two by single linkage.

    Of all ways to divide the unit's images, the one whose closest pair across is least close: the weakest edge of the
    maximum spanning tree (Gower & Ross, Applied Statistics 18, 1969).

    Parameters
    ----------
    pairs
        Pairs of images, in either order; those of different units are left aside.
    unit
        ``(N,)`` number of each image's unit, 0 or more.
    """
    inside = unit[pairs.first] == unit[pairs.second]
    first, second = pairs.first[inside], pairs.second[inside]
    similarity = pairs.similarity[inside].astype(np.float64)
    tree = _strongest_tree(first, second, similarity, unit)
    units, weakest = _weakest(tree, unit)
    apart = _smaller_side(tree, weakest, unit)
    apart[~np.isin(unit, units)] = -1
    crossing = (apart[first] >= 0) & (apart[first] != apart[second])
    owner = unit[first[crossing]]
    return Splits(
        units=units,
        apart=apart,
        tie=tree.similarity[weakest],
        hold=tree.similarity[weakest + 1],
        across=sum_by(owner, similarity[crossing], len(unit))[units] / np.bincount(owner, minlength=len(unit))[units],
    )


def _strongest_tree(first: Ints, second: Ints, similarity: Floats, unit: Ints) -> Pairs:
    """Edges of every unit's maximum spanning tree, by unit and then from the weakest on."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import minimum_spanning_tree

    distance = 2.0 - similarity  # above 0, which would be no edge to scipy
    graph = coo_array((distance, (first, second)), shape=(len(unit), len(unit))).tocsr()
    tree = minimum_spanning_tree((graph + graph.T) / 2).tocoo()
    order = np.lexsort((-tree.data, unit[tree.row]))
    return Pairs(tree.row[order].astype(np.int64), tree.col[order].astype(np.int64), 2.0 - tree.data[order])


def _weakest(tree: Pairs, unit: Ints) -> tuple[Ints, Ints]:
    """Units that are large enough, and the place of each one's weakest edge."""
    units, place, edges = np.unique(unit[tree.first], return_index=True, return_counts=True)
    large = edges + 1 >= FEWEST_IMAGES
    return units[large], place[large]


def _smaller_side(tree: Pairs, weakest: Ints, unit: Ints) -> NDArray[np.int8]:
    """``(N,)`` 1 on the smaller side of the cuts; of two equal ones, on that without the unit's first image."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    kept = np.delete(np.arange(len(tree)), weakest)
    ends = (tree.first[kept], tree.second[kept])
    graph = coo_array((np.ones(len(kept)), ends), shape=(len(unit), len(unit)))
    side = connected_components(graph, directed=False)[1]
    twice, whole = 2 * np.bincount(side)[side], np.bincount(unit)[unit]
    first_image = np.unique(unit, return_index=True)[1]
    with_first = side == side[first_image[np.unique(unit, return_inverse=True)[1]]]
    return np.where((twice < whole) | ((twice == whole) & ~with_first), 1, 0).astype(np.int8)
