"""Integrity: one picture under two subject ids makes every rate wrong, and so does one enrolled twice."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reid_engine.matcher.duplicates import NearPairs

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]


def audit(table: "pd.DataFrame", near: NearPairs) -> list[Row]:
    """Find groups of images that are the same picture.

    Parameters
    ----------
    table
        N rows with ``sample_id``, ``subject_id``, ``file_digest`` and ``pixel_digest``.
    near
        Near-duplicate pairs among them.

    Returns
    -------
    list
        First the groups with the same bytes or pixels (``"identical"``), whoever they belong to; then those of
        near-duplicates (``"near"``) under different subject ids; ``similarity`` is the least of the pairs that hold
        a group together. Ids that the images themselves speak against are `suspects`.
    """
    same = _identical_pairs(table)
    subjects = table["subject_id"].to_numpy(dtype=object)
    identical = _groups(len(table), same[0], same[1])
    rows = [_row("identical", table, group, 1.0, "same bytes or pixels") for group in identical]
    known = {int(image): number for number, group in enumerate(identical) for image in group}
    first = np.asarray(near.first)
    for group in _groups(len(table), first, np.asarray(near.second)):
        one_picture = len({known.get(int(image), -1 - int(image)) for image in group}) == 1
        if len(set(subjects[group])) > 1 and not one_picture:
            least = float(np.min(np.asarray(near.similarity)[np.isin(first, group)]))
            rows.append(_row("near", table, group, least, "nearly the same picture"))
    return rows


def _identical_pairs(table: "pd.DataFrame") -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    first: list[int] = []
    second: list[int] = []
    for column in ("file_digest", "pixel_digest"):
        seen: dict[str, int] = {}
        for place, digest in enumerate(table[column]):
            if not isinstance(digest, str) or not digest:
                continue
            if digest in seen:
                first.append(seen[digest])
                second.append(place)
            seen.setdefault(digest, place)
    return np.array(first, dtype=np.int64), np.array(second, dtype=np.int64)


def _groups(count: int, first: NDArray[np.int64], second: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Find the connected components with more than one member."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(first)), (first, second)), shape=(count, count))
    _, label = connected_components(graph, directed=False)
    order = np.argsort(label, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(label[order])) + 1)
    return sorted((part for part in parts if len(part) > 1), key=lambda part: int(part[0]))


def _row(kind: str, table: "pd.DataFrame", group: NDArray[np.int64], similarity: float, what: str) -> Row:
    members = table.iloc[group]
    subjects = members["subject_id"].nunique()
    return {
        "kind": kind,
        "modality": str(members["modality"].iloc[0]),
        "sample_ids": members["sample_id"].tolist(),
        "subject_ids": members["subject_id"].tolist(),
        "similarity": similarity,
        "note": f"{what} under {'one subject id' if subjects == 1 else f'{subjects} subject ids'}",
    }
