"""The report that may leave the house: no ids, no pictures, and no number that rests on a handful of people.

Every number rests on a group of subjects, and a group of fewer than `FEWEST` shows nothing. Counts are rounded down to
tens and values to three digits: the difference of two exact counts, or the denominator that an exact share betrays,
would tell of a small group what its own row keeps back. What isn't known to be harmless is left out: only fields that
are named here are passed on.
"""

import copy
import re
from collections.abc import Mapping, Sequence
from typing import Any

Row = dict[str, Any]
Json = Mapping[str, Any]

FEWEST = 10
"""Subjects that a number has to rest on."""

DIGITS = 3
"""Digits of a value that are kept."""

SUPPRESSED = f"suppressed: fewer than {FEWEST} subjects"
SIBLING = f"suppressed: with the rest of the cohort it would tell of fewer than {FEWEST} subjects"
SMALL_SET = f"a set of fewer than {FEWEST} subjects"

PARTS = ("re-identified", "not re-identified", "difference")
"""Strata of a probe that give each other away: two of them and the whole leave little to guess of the third."""

NAMES = ("kind", "dataset", "modality", "encoder", "attacker", "stratum", "level", "metric", "attribute", "option")
FIGURES = ("value", "ci95", "chance", "p_value", "p_chance", "measured", "by")
COUNTS = ("subjects", "images", "audited", "found")
TEXTS = ("note", "reason")
KEPT = ("limit", "passed")
"""Fields of a row, by what becomes of them: kept; rounded; rounded down; freed of counts; kept."""

SIZES = ("n", "subjects", "removed")
"""Series that count."""

POINTS = {"calibration": "n", "near-threshold": "subjects"}
"""Kinds of curves whose points rest on groups of their own, and the series that says how large those are."""

REASONS = {
    "cannot be found or opened": r"no such file|be opened|cannot be read|neither a file",
    "damaged or cut short": r"damaged|cut short|ends in its header|does not end|impossible|gives no size|skips bytes"
    r"|does not describe",
    "of an unknown modality": r"modality",
    "too large": r"too large|does not fit|more than|larger than|at most",
    "empty or blank": r"empty|blank|no finite|NaN",
    "not one image": r"differ|series|one half|video|no image",
    "enrolled under another subject": r"another subject",
    "in a format that is not read": r"; give |decoder|encoding",
}
"""Classes of reasons for which a file is refused, each with what its sentences have in common."""

OTHER_REASON = "for another reason"

_NUMBER = re.compile(r"(?<![\w.,@=-])(\d{1,3}(?:,\d{3})+|\d+)(?![\w-]|[.,]\d| ?%)")
_CONSTANT = re.compile(r"(takes|needs|needs \d+ to|fewer than|one in) $")
"""Counts in a sentence, and the words before those that are the same in every report."""


def shareable(report: Json) -> Row:
    """Give a copy of a report that may be shared; of one that may be shared already, the same again.

    Parameters
    ----------
    report
        A document ``reid-evaluation/1``.
    """
    sets = _large_sets(report.get("results") or [])
    results = [_row(row, sets) for row in report.get("results") or []]
    shared: Row = {
        "schema": report.get("schema"),
        "results": results,
        "probes": _without_siblings([_row(row, sets) for row in report.get("probes") or []]),
        "audit": [_group(row, sets) for row in report.get("audit") or []],
        "curves": [_curve(curve, results, sets) for curve in report.get("curves") or []],
        "gate": _gate(report.get("gate") or {}, sets),
        "environment": copy.deepcopy(report.get("environment")),
        "refused": [{"file": None, "reason": name} for name in sorted(map(_class, report.get("refused") or []))],
        "shareable": True,
    }
    if "audit_notes" in report:
        shared["audit_notes"] = [_fields(row, sets) for row in report["audit_notes"]]
    return shared


def _large_sets(results: Sequence[Json]) -> set[str | None]:
    """Find the names of sets that enough subjects share: others may be about one person."""
    return {None, *(row["dataset"] for row in results if row.get("dataset") and (row.get("subjects") or 0) >= FEWEST)}


def _fields(row: Json, sets: set[str | None]) -> Row:
    """Give the fields that are passed on, rounded."""
    kept: Row = {name: row[name] for name in (*NAMES, *KEPT) if name in row}
    kept |= {name: _rounded(row[name]) for name in FIGURES if name in row}
    kept |= {name: _coarse(row[name]) for name in COUNTS if name in row}
    kept |= {name: _without_counts(row[name]) for name in TEXTS if name in row}
    if kept.get("dataset") not in sets:
        kept["dataset"] = SMALL_SET
    return kept


def _row(row: Json, sets: set[str | None]) -> Row:
    kept = _fields(row, sets)
    subjects = row.get("subjects")
    if subjects == 0:
        kept |= {name: None for name in FIGURES if name in kept}
    elif subjects is None or subjects < FEWEST:
        _hide(kept, SIBLING if row.get("note") == SIBLING else SUPPRESSED)
    return kept


def _hide(row: Row, why: str) -> None:
    row |= {name: None for name in (*FIGURES, *COUNTS) if name in row}
    row["reason" if "reason" in row else "note"] = why


def _without_siblings(probes: list[Row]) -> list[Row]:
    """Keep back the other parts of a probe of which one part is a small group."""
    parts = [row for row in probes if row.get("stratum") in PARTS]
    given_away = {_probe(row) for row in parts if row.get("note") == SUPPRESSED}
    for row in parts:
        if _probe(row) in given_away and row.get("note") != SUPPRESSED:
            _hide(row, SIBLING)
    return probes


def _probe(row: Row) -> tuple[Any, ...]:
    return tuple(row.get(key) for key in ("dataset", "modality", "encoder", "attribute", "metric"))


def _group(row: Json, sets: set[str | None]) -> Row:
    """Say of a group of the audit that there is one, and how large it is."""
    images, subjects = len(row.get("sample_ids") or []), len(set(row.get("subject_ids") or []))
    kept = _fields({name: row[name] for name in ("kind", "dataset", "modality") if name in row}, sets)
    counts = {"images": images or row.get("images"), "subjects": subjects or row.get("subjects")}
    return {**kept, "sample_ids": [], "subject_ids": [], "similarity": None, "note": None} | {
        name: _coarse(count) for name, count in counts.items()
    }


def _curve(curve: Json, results: Sequence[Row], sets: set[str | None]) -> Row:
    """Give a curve, an empty one where its rows in the long table are of a small group."""
    kept = _fields(curve, sets)
    keys = ("dataset", "modality", "encoder", "attacker", "stratum")
    rows = [row for row in results if all(row.get(key) == kept.get(key) for key in keys)]
    subjects = min((row["subjects"] or 0 for row in rows), default=0)
    if subjects < FEWEST:
        return {**kept, "x": [], "series": {name: [] for name in curve["series"]}, "note": SUPPRESSED}
    series = {name: [_rounded(value) for value in values] for name, values in curve["series"].items()}
    return {**kept, "x": [_rounded(value) for value in curve["x"]], "series": _points(curve["kind"], series, subjects)}


def _points(kind: str, series: Mapping[str, list[Any]], subjects: int) -> dict[str, list[Any]]:
    """Give series without the points that rest on a small group."""
    if kind == "scores":  # each subject has one vote, and each pair of subjects; 10 subjects make 45 pairs
        votes = {"mated": subjects / FEWEST, "other": subjects * (subjects - 1) / (FEWEST * (FEWEST - 1))}
        return {name: [_enough(share, votes.get(name, 0)) for share in values] for name, values in series.items()}
    sizes = {name: [_coarse(count) for count in series[name]] for name in SIZES if name in series}
    shown = {**series, **sizes}
    if kind not in POINTS:
        return shown
    people = sizes.get(POINTS[kind]) or [None] * max(map(len, series.values()), default=0)
    return {
        name: [value if size else None for value, size in zip(values, people, strict=True)]
        for name, values in shown.items()
    }


def _enough(share: float | None, votes: float) -> float | None:
    return share if share is not None and share * votes >= 1 else None


def _gate(gate: Json, sets: set[str | None]) -> Row:
    return {"passed": gate.get("passed"), "limits": [_row(row, sets) for row in gate.get("limits") or []]}


def _class(refused: Json) -> str:
    """Give the class of a reason, whose own sentence names the file."""
    reason = str(refused.get("reason") or "")
    if reason in REASONS:
        return reason
    sentence = reason.rpartition(": ")[2]
    return next((name for name, words in REASONS.items() if re.search(words, sentence)), OTHER_REASON)


def _rounded(value: Any) -> Any:
    """Keep three digits of a number, and of each in a list."""
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return type(value)(float(f"{value:.{DIGITS}g}"))


def _coarse(count: Any) -> int | None:
    """Round a count down to tens; None where it is a small group's."""
    if isinstance(count, bool) or not isinstance(count, int | float) or 0 < count < FEWEST:
        return None
    return int(count) // FEWEST * FEWEST


def _without_counts(text: Any) -> str | None:
    """Round down the counts in a sentence."""
    if not isinstance(text, str):
        return None

    def coarse(found: re.Match[str]) -> str:
        count = int(found[0].replace(",", ""))
        if count == 0 or _CONSTANT.search(text[: found.start()]):
            return found[0]
        return f"{count // FEWEST * FEWEST:,}" if count >= FEWEST else f"fewer than {FEWEST}"

    return _NUMBER.sub(coarse, text)
