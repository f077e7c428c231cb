"""Pass or fail: the upper end of the interval decides, of the strongest attacker, and of every set."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reid_engine.errors import GateError

Row = dict[str, Any]

OPTIONS = {
    "max-rank1": ("SHARE", "0.05"),
    "max-rank1-subject": ("SHARE", "0.2"),
    "max-share-above": ("P:SHARE", "0.5:0.01"),
    "max-leakage": ("ATTRIBUTE:AUC", "sex:0.6"),
}
"""Options of the command line, how their value is written, and an example."""

STRATA = ("all", "near-duplicates removed")
"""Where a metric is looked up, the first that has it: probabilities are stated without near-duplicates alone."""

CHANCE_AUC = 0.5


@dataclass(frozen=True)
class Limit:
    """What may be released.

    Attributes
    ----------
    option, text
        As they were given.
    metric, level
        Rows of the long table that it is held against; `level` is empty for a probe.
    allowed
        Highest value, 0 to 1.
    p
        Probability from which images count, for ``max-share-above``.
    attribute
        For ``max-leakage``.
    """

    option: str
    text: str
    metric: str
    level: str
    allowed: float
    p: float | None = None
    attribute: str | None = None


def parse_limit(option: str, text: str) -> Limit:
    """Read a limit from the command line.

    Parameters
    ----------
    option
        One of `OPTIONS`, with or without its two dashes.
    text
        Its value.

    Raises
    ------
    GateError
        There is no such option, or the value is not written as it should be.
    """
    name = option.removeprefix("--")
    if name not in OPTIONS:
        raise GateError(f"there is no limit {option!r}; there are {', '.join(f'--{one}' for one in OPTIONS)}")
    key, _, value = text.rpartition(":") if ":" in OPTIONS[name][0] else ("", "", text)
    allowed = _number(name, text, value)
    if name == "max-share-above":
        p = _number(name, text, key)
        if p == 0:
            raise GateError(f"--{name} {text}: every image has a probability of 0 or more; give one above 0")
        return Limit(name, text, f"share-above-{p:g}", "image", allowed, p=p)
    if name == "max-leakage":
        if not key.strip():
            raise _misread(name, text)
        if allowed < CHANCE_AUC:
            raise GateError(f"--{name} {text}: guessing at random has an AUC of {CHANCE_AUC}; give that or more")
        return Limit(name, text, "auc", "", allowed, attribute=key.strip())
    return Limit(name, text, "rank-1", "subject-any" if name.endswith("subject") else "image", allowed)


def _number(name: str, text: str, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        raise _misread(name, text) from None
    if not 0 <= number <= 1:
        raise _misread(name, text)
    return number


def _misread(name: str, text: str) -> GateError:
    form, example = OPTIONS[name]
    return GateError(f"--{name} {text!r}: give {form} with numbers from 0 to 1, such as --{name} {example}")


def apply_gate(results: Sequence[Row], probes: Sequence[Row], limits: Sequence[Limit]) -> dict[str, Any]:
    """Hold what was measured against limits.

    Every set, modality and encoder has to pass every limit, baselines left aside. Of the attackers the one whose
    upper end is highest decides; one that could not be had at all is left aside. What cannot be estimated doesn't
    pass.

    Parameters
    ----------
    results, probes
        Rows of the report.
    limits
        What may be released; none for no gate.

    Returns
    -------
    dict
        ``passed`` (None without limits) and ``limits``: a row for each limit and set, modality and encoder, with
        ``measured`` the upper end of the interval and ``by`` how far it is over the limit, below 0 if it is under it.
    """
    measured = [row for row in results if row.get("kind", "encoder") == "encoder"]
    cells = list(dict.fromkeys(_cell(row) for row in measured)) or [(None, None, None)]
    rows = [_judge(limit, cell, measured, probes) for limit in limits for cell in cells]
    return {"passed": all(row["passed"] for row in rows) if rows else None, "limits": rows}


_Cell = tuple[str | None, str | None, str | None]


def _cell(row: Mapping[str, Any]) -> _Cell:
    return row.get("dataset"), row.get("modality"), row.get("encoder")


def _judge(limit: Limit, cell: _Cell, results: Sequence[Row], probes: Sequence[Row]) -> Row:
    found = _rows_of(limit, [row for row in (probes if limit.attribute else results) if _cell(row) == cell])
    known = [row for row in found if row.get("value") is not None]
    worst = max((row for row in known if row.get("ci95")), key=lambda row: float(row["ci95"][1]), default=None)
    reason = _why_not(limit, found, known)
    upper = None if worst is None or reason else float(worst["ci95"][1])
    dataset, modality, encoder = cell
    return {
        "option": f"--{limit.option} {limit.text}",
        "limit": limit.allowed,
        "metric": limit.metric,
        "level": limit.level or None,
        "attribute": limit.attribute,
        "dataset": dataset,
        "modality": modality,
        "encoder": encoder,
        "attacker": worst.get("attacker") if worst else None,
        "value": worst["value"] if worst else None,
        "measured": upper,
        "by": None if upper is None else upper - limit.allowed,
        "passed": upper is not None and upper <= limit.allowed,
        "reason": reason,
        "subjects": _subjects(worst or max(found, key=_subjects, default={})),
    }


def _subjects(row: Row) -> int:
    return int(row.get("subjects") or 0)


def _rows_of(limit: Limit, rows: Sequence[Row]) -> list[Row]:
    """Rows of a limit's metric, in the first stratum that has it."""
    if limit.attribute:
        name = limit.attribute.casefold()
        rows = [row for row in rows if str(row.get("attribute")).casefold() == name]
    else:
        rows = [row for row in rows if row.get("level") == limit.level]
    for stratum in STRATA:
        found = [row for row in rows if row.get("metric") == limit.metric and row.get("stratum") == stratum]
        if found:
            return found
    return []


def _why_not(limit: Limit, found: Sequence[Row], known: Sequence[Row]) -> str | None:
    """Why nothing can be held against the limit, if so."""
    if not found:
        what = f"the AUC of {limit.attribute}" if limit.attribute else limit.metric
        return f"cannot be estimated: {what} was not measured"
    if not known:
        return str(found[-1].get("note") or "cannot be estimated")
    without = [row for row in known if not row.get("ci95")]
    return str(without[0].get("note") or "there is no interval") if without else None


def gate_line(gate: Mapping[str, Any]) -> str:
    """Say in one line which limit was passed over and by how much, the worst first."""
    failed = [row for row in gate["limits"] if not row["passed"]]
    if not failed:
        return "the gate passed" if gate["limits"] else "no limit was set"
    worst = max(failed, key=lambda row: -math.inf if row["by"] is None else row["by"])
    rest = f"; and {len(failed) - 1} more" if len(failed) > 1 else ""
    return f"the gate failed: {' '.join(_said(worst).split())}{rest}"


def _said(row: Mapping[str, Any]) -> str:
    what = {"subject-any": "rank-1 by subject"}.get(row["level"] or "", row["metric"])
    what = f"the AUC of {row['attribute']}" if row["attribute"] else what
    where = ", ".join(str(row[key]) for key in ("dataset", "modality", "encoder", "attacker") if row[key])
    named = f"{what} ({where})" if where else what
    if row["by"] is None:
        return f"{named} is not shown to be within the limit of {row['limit']:g}: {row['reason']}"
    return f"{named} may be up to {row['measured']:.3g}, {row['by']:.2g} over the limit of {row['limit']:g}"
