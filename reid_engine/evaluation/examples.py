"""Examples for the report: the most exposed images, and those that were hardest to find."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]

SHOWN = 4
"""Examples of each kind; one a subject."""


def examples_of(queries: "pd.DataFrame") -> list[Row]:
    """Choose examples from the per-query table of one attack.

    Most exposed are images that were found although near-duplicates were removed, by the probability that a check
    states, else by how far their mate is ahead of the next stranger; hardest are those with the most strangers above
    their best mate.

    Parameters
    ----------
    queries
        As `reid_engine.evaluation.queries.query_table` gives it.
    """
    if len(queries) == 0:
        return []
    table = queries.reset_index(drop=True)
    lead = table["mate_similarity"].fillna(-1.0) - table["stranger_similarity"].fillna(-1.0)
    found = table["rank_no_near_duplicates"].eq(1.0) & table["hit"].eq(1.0)
    order = np.lexsort((-lead.to_numpy(), -table["p"].fillna(-1.0).to_numpy()))
    exposed = [row for row in order.tolist() if found[row]]
    hardest = [row for row in np.argsort(-table["rank"].to_numpy(), kind="stable").tolist() if table["rank"][row] > 1]
    return [
        *(_row("most exposed", table, row) for row in _one_a_subject(table, exposed)),
        *(_row("hardest", table, row) for row in _one_a_subject(table, hardest)),
    ]


def _one_a_subject(table: "pd.DataFrame", rows: list[int]) -> list[int]:
    chosen: dict[Any, int] = {}
    for row in rows:
        chosen.setdefault(table["subject_id"][row], row)
        if len(chosen) == SHOWN:
            break
    return list(chosen.values())


def _row(kind: str, table: "pd.DataFrame", row: int) -> Row:
    held = table.iloc[row]
    hit = held["rank"] == 1
    return {
        "kind": kind,
        **{name: held[name] for name in ("dataset", "modality", "encoder", "attacker", "sample_id", "mate_id")},
        "found_id": held["mate_id"] if hit else held["stranger_id"],
        "p": held["p"],
        "similarity": held["mate_similarity"],
        "rank": int(held["rank"]),
    }
