"""Pass or fail: the upper end of the interval decides."""

from collections.abc import Sequence
from typing import Any

Row = dict[str, Any]


def apply_gate(results: Sequence[Row], max_rank1: float | None) -> dict[str, Any]:
    """Hold the measured rates against a limit.

    Parameters
    ----------
    results
        Rows of the long table.
    max_rank1
        Highest rank-1 at image level, over all pairs and the strongest attacker, that may be released; None for no
        limit.

    Returns
    -------
    dict
        ``passed`` (None without a limit), and ``limits`` with what was measured for each modality. What cannot be
        measured does not pass.
    """
    if max_rank1 is None:
        return {"passed": None, "limits": []}
    limits = []
    for modality in dict.fromkeys(row["modality"] for row in results):
        rows = [row for row in results if row["modality"] == modality and _counts(row)]
        ends = [row["ci95"][1] for row in rows if row["ci95"]]
        worst = max(ends) if ends and len(ends) == len(rows) else None
        limits.append(
            {
                "metric": "rank-1",
                "modality": modality,
                "limit": max_rank1,
                "measured": worst,
                "passed": worst is not None and worst <= max_rank1,
            }
        )
    return {"passed": bool(limits) and all(limit["passed"] for limit in limits), "limits": limits}


def _counts(row: Row) -> bool:
    return bool(row["stratum"] == "all" and row["level"] == "image" and row["metric"] == "rank-1")
