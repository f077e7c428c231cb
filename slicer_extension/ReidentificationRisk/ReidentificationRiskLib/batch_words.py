"""A batch as rows of text: for the panel's table, and for a file."""

import csv
import io
from typing import Any, Dict, List, Optional, Sequence

from ReidentificationRiskLib.batch_logic import Row
from ReidentificationRiskLib.i18n import tr as _
from ReidentificationRiskLib.wording import NOTHING, finite, level_word, short_percent

LEVELS = {"unknown": 0, "low": 1, "elevated": 2, "high": 3}
LONGEST_NAME = 16  # characters of a name in the panel's table; the file has all
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would take for a formula."""


def batch_heads() -> List[str]:
    """Give the column heads."""
    return [_("Scan"), _("Level"), _("Prob."), _("Most alike"), _("Note")]


def short_batch_heads() -> List[str]:
    """Give the same for a narrow panel."""
    return [_("Scan"), _("Level"), _("Prob."), _("Alike"), _("Note")]


def batch_tips() -> List[str]:
    """Say what each column is."""
    return [
        _("The volume's name, or the study's id."),
        _("How risky: high, elevated, low, or unknown, which is not low."),
        _("Probability that the patient is recognised, with all that a check assumes."),
        _("The enrolled subject that the scan resembles most."),
        _("What went wrong, or why nothing can be said."),
    ]


def batch_rows(rows: Sequence[Row]) -> List[List[str]]:
    """Give one row of text for each scan."""
    return [
        [
            _short(row.name),
            level_word(_risk(row).get("level")) if row.report else "",
            short_percent(_risk(row).get("p_reidentified")) if row.report else "",
            _line(_alike(row) or NOTHING) if row.report else "",
            _note(row),
        ]
        for row in rows
    ]


def batch_keys(rows: Sequence[Row]) -> List[List[Any]]:
    """Give what the cells of those rows are sorted by; None for what is not known."""
    return [
        [
            row.name.lower(),
            LEVELS.get(str(_risk(row).get("level"))),
            finite(_risk(row).get("p_reidentified")),
            _alike(row) or None,
            _note(row) or None,
        ]
        for row in rows
    ]


def batch_csv(rows: Sequence[Row]) -> str:
    """Give the batch as a table for programs: numbers as they are, empty where nothing is known."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["scan", "level", "p_reidentified", "ci95_low", "ci95_high", "most_alike", "note"])
    for row in rows:
        risk = _risk(row)
        ends = risk.get("ci95")
        low, high = ends if isinstance(ends, (list, tuple)) and len(ends) == 2 else (None, None)
        numbers = [_number(value) for value in (risk.get("p_reidentified"), low, high)]
        cells = [_line(row.name), str(risk.get("level") or ""), *numbers, _alike(row), _note(row)]
        writer.writerow([_harmless(cell) if i not in (2, 3, 4) else cell for i, cell in enumerate(cells)])
    return text.getvalue()


def summary(rows: Sequence[Row]) -> str:
    """Say how the batch stands: how many of each level, and how many failed."""
    levels = [str(_risk(row).get("level")) for row in rows if row.report]
    parts = [f"{levels.count(level)} {level_word(level)}" for level in sorted(LEVELS, key=lambda at: -LEVELS[at])]
    failed = sum(1 for row in rows if row.note and not row.report)
    text = ", ".join(part for part in parts if not part.startswith("0 "))
    if failed:
        text = _("{levels}; {n} could not be checked").format(levels=text, n=failed) if text else ""
        text = text or _("{n} could not be checked").format(n=failed)
    return text + "." if text else ""


def _risk(row: Row) -> Dict[str, Any]:
    return row.report["risk"] if row.report else {}


def _alike(row: Row) -> str:
    if not row.report:
        return ""
    first = row.report["matches"][0] if row.report["matches"] else {}
    return str(_risk(row).get("subject_id") or first.get("subject_id") or "")


def _note(row: Row) -> str:
    if row.report and _risk(row).get("level") == "unknown":
        return _line(_risk(row).get("reason") or "")
    return _line(row.note)


def _number(value: Any) -> str:
    known: Optional[float] = finite(value)
    return "" if known is None else repr(known)


def _short(name: str) -> str:
    """Give a name's beginning and end, where it is long: its middle says least."""
    line = _line(name)
    return (
        line if len(line) <= LONGEST_NAME else f"{line[: LONGEST_NAME // 2].rstrip()}…{line[1 - LONGEST_NAME // 2 :]}"
    )


def _line(text: Any) -> str:
    return " ".join(str(text).split())


def _harmless(cell: str) -> str:
    return "'" + cell if cell.startswith(FORMULA) else cell
