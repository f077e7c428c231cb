"""What the command line shows people of an EvaluationReport; the whole of it is in report.json."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from reid_engine.report.words import NOTHING, count, interval, number, one_line, rate

Json = Mapping[str, Any]

KEYS = ("dataset", "modality", "encoder", "attacker", "stratum")
"""What tells two lines of the table apart; a column without a value in any line is left out."""

STRATA = ("all", "near-duplicates removed", "different sessions")
"""Strata that are shown; the others are in the report."""

FIGURES = {
    "rank-1": ("rank-1", "image"),
    "rank-5": ("rank-5", "image"),
    "any image": ("rank-1", "subject-any"),
    "all images": ("rank-1", "subject-all"),
    "EER": ("eer", "image"),
}
"""Columns, each with its metric and level."""

PROBE_KEYS = ("dataset", "modality", "encoder", "attribute", "stratum", "metric")

_WIDTHS = {  # never cut off
    "rank-1": len("99.9–100.0"),
    "rank-5": len("99.9–100.0"),
    "stratum": len("near-duplicates"),
    "encoder": len("efficientnet-"),
}

PLAIN = ("any image", "all images", "EER")
"""Columns without an interval; those intervals are in report.json."""


def evaluation_report(report: Json) -> RenderableType:
    """Show an EvaluationReport: identification, probes, duplicates, the gate."""
    rows = report["results"]
    parts: list[RenderableType] = [
        identification_table(rows),
        Text("Rates are in per cent, with 95 % intervals over subjects.", style="dim"),
    ]
    parts += [Text(f"• {note}", style="dim") for note in _notes([row for row in rows if row["stratum"] in STRATA])]
    if report.get("probes"):
        parts += ["", _probes_table(report["probes"])]
        parts += [Text(f"• {note}", style="dim") for note in _notes(report["probes"])]
    return Group(*parts, *_audit(report.get("audit") or []), *_gate(report.get("gate") or {}))


def identification_table(rows: Sequence[Json]) -> Table:
    """Show one line for each set, modality, encoder or baseline, attacker and stratum, chance beside rank-1."""
    table = Table(title="Identification", title_justify="left", title_style="bold", header_style="bold")
    table.box, table.collapse_padding, table.pad_edge = SIMPLE, True, False
    lines = _lines(rows)
    keys = [name for place, name in enumerate(KEYS) if any(key[place] != NOTHING for key in lines)]
    for name in (*keys, "rank-1", "chance", *list(FIGURES)[1:], "subjects", "images"):
        width = _WIDTHS.get(name)
        table.add_column(name, justify="left" if name in keys else "right", min_width=width, overflow="fold")
    for key, figures in lines.items():
        first = figures.get("rank-1", {})
        shown = {name: _figure(name, figures.get(name)) for name in FIGURES}
        rest = list(shown.values())[1:]
        chance = rate(first.get("chance")).removesuffix(" %")
        counts = (count(first.get("subjects")), count(first.get("images")))
        named = [value for name, value in zip(KEYS, key, strict=True) if name in keys]
        style = "dim" if first.get("kind") == "baseline" else ""
        table.add_row(*named, shown["rank-1"], chance, *rest, *counts, style=style)
    return table


def _lines(rows: Sequence[Json]) -> dict[tuple[str, ...], dict[str, Json]]:
    places = {place: name for name, place in FIGURES.items()}
    lines: dict[tuple[str, ...], dict[str, Json]] = {}
    for row in rows:
        name = places.get((row["metric"], row["level"]))
        if name is not None and row["stratum"] in STRATA:
            lines.setdefault(tuple(one_line(row.get(key) or NOTHING) for key in KEYS), {})[name] = row
    return lines


def _figure(name: str, row: Json | None) -> str:
    if row is None or row["value"] is None:
        return NOTHING
    value = number(100 * row["value"], 1)
    ends = row.get("ci95")
    if name in PLAIN or ends is None or None in ends:
        return value
    return f"{value}\n{interval(ends, 1, 100.0).replace(' to ', '–')}"


def _probes_table(rows: Sequence[Json]) -> Table:
    table = Table(title="Leakage", title_justify="left", title_style="bold", header_style="bold", box=SIMPLE)
    keys = tuple(name for name in PROBE_KEYS if any(row.get(name) for row in rows))
    for name in (*keys, "value", "95 % interval", "subjects"):
        table.add_column(name, justify="left" if name in keys else "right")
    for row in rows:
        table.add_row(
            *(one_line(row.get(key) or NOTHING) for key in keys),
            number(row["value"]),
            interval(row.get("ci95")),
            count(row.get("subjects")),
        )
    return table


def _notes(rows: Sequence[Json]) -> list[str]:
    return list(dict.fromkeys(one_line(row["note"]) for row in rows if row.get("note")))


def _audit(groups: Sequence[Json]) -> list[Text]:
    crossing = [group for group in groups if len(set(group["subject_ids"])) > 1]
    if not groups:
        return []
    noun = "group" if len(groups) == 1 else "groups"
    text = f"{len(groups)} {noun} of identical or nearly identical images"
    if crossing:
        text += f", {len(crossing)} of them under different subjects: check these ids first"
    return [Text(text + ".", style="yellow" if crossing else "dim")]


def _gate(gate: Json) -> list[Text]:
    if gate.get("passed") is None or not gate.get("limits"):
        return []
    return [Text("Gate passed.", style="bold green") if gate["passed"] else Text("Gate failed.", style="bold red")]
