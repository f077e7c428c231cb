"""What a probe learns of demographic attributes, overall and by whether the image was re-identified."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from reid_engine.report.figures import palette
from reid_engine.report.figures.canvas import About
from reid_engine.report.figures.dots import Dot, Scale, draw_dots
from reid_engine.report.page import names
from reid_engine.report.page.numbers import both, finite, metric, p_value, shown, span
from reid_engine.report.page.selection import Group, Results, group_of
from reid_engine.report.page.table import (
    ABSENT,
    Cell,
    Line,
    Notes,
    Part,
    Table,
    count_cell,
    difference_cell,
    value_cell,
)
from reid_engine.report.words import one_line

Json = Mapping[str, Any]

SPLIT = {
    "all": palette.Style(palette.INK, "solid", "o"),
    "re-identified": palette.Style(palette.ORANGE, "solid", "^"),
    "not re-identified": palette.Style(palette.BLUE, "solid", "s"),
}
"""Strata of a probe, and how they are drawn."""


@dataclass(frozen=True)
class Attribute:
    """One attribute's rows by stratum."""

    group: Group
    name: str
    encoder: str
    metric: str
    rows: Mapping[str, Json]


@dataclass(frozen=True)
class Chart:
    """A chart of probes, with its heading."""

    label: str
    svg: Markup


def attributes(probes: Iterable[Json]) -> list[Attribute]:
    """Gather the rows of each attribute."""
    gathered: dict[tuple[Group, str, str, str], dict[str, Json]] = {}
    for row in probes:
        key = (group_of(row), str(row.get("attribute")), str(row.get("encoder") or ""), str(row.get("metric")))
        gathered.setdefault(key, {}).setdefault(str(row.get("stratum")), row)
    return [Attribute(*key, rows) for key, rows in gathered.items()]


def leakage_table(found: Sequence[Attribute]) -> Table | None:
    """Give the quality of every probe, split, with the difference and its test."""
    notes = Notes()
    groups = dict.fromkeys(one.group for one in found)
    parts = [Part(group.label, [_line(one, notes) for one in found if one.group == group]) for group in groups]
    if not parts:
        return None
    return Table(
        name="leakage",
        caption="What a probe learns of each attribute from images of people it has not seen",
        heads=("attribute", "encoder"),
        columns=("all images", "chance", "re-identified", "not re-identified", "difference", "p", "people"),
        parts=parts,
        notes=notes,
    )


def _line(one: Attribute, notes: Notes) -> Line:
    whole, apart = one.rows.get("all"), one.rows.get("difference")
    chance = None if whole is None else finite(whole.get("chance"))
    return Line(
        (f"{one_line(one.name)} ({metric(one.metric).label})", names.encoder(one.encoder)),
        [
            value_cell(whole, notes),
            ABSENT if chance is None else Cell(shown(one.metric, chance)),
            value_cell(one.rows.get("re-identified"), notes),
            value_cell(one.rows.get("not re-identified"), notes),
            difference_cell(apart, notes),
            Cell(p_value(None if apart is None else apart.get("p_value"))),
            count_cell(whole, "subjects"),
        ],
    )


def leakage_charts(found: Sequence[Attribute], results: Results) -> list[Chart]:
    """Draw one chart a group and metric, of the strongest attacker's encoder where it has probes."""
    charts: list[Chart] = []
    for group in dict.fromkeys(one.group for one in found):
        mine = _of_strongest([one for one in found if one.group == group], group, results)
        for name in dict.fromkeys(one.metric for one in mine):
            dots = [dot for one in mine if one.metric == name for dot in _dots(one)]
            if any(dot.value is not None for dot in dots):
                charts.append(_chart(group, name, dots, len(charts)))
    return charts


def _of_strongest(mine: list[Attribute], group: Group, results: Results) -> list[Attribute]:
    strongest = results.strongest(group)
    own = [one for one in mine if strongest is not None and one.encoder == strongest.encoder]
    return own or [one for one in mine if one.encoder == mine[0].encoder]


def _dots(one: Attribute) -> list[Dot]:
    dots = []
    for stratum, style in SPLIT.items():
        row = one.rows.get(stratum)
        if row is not None:
            value, chance = finite(row.get("value")), finite(row.get("chance"))
            dots.append(Dot(one_line(one.name), value, both(row.get("ci95")), chance, style, names.SPLIT[stratum]))
    return dots


def _chart(group: Group, name: str, dots: list[Dot], place: int) -> Chart:
    known = [dot for dot in dots if dot.value is not None]
    said = [f"{dot.label}, {dot.series}: {shown(name, dot.value)} {_brackets(name, dot)}".rstrip() for dot in known]
    title = f"Probes, {metric(name).label}, {group.label}"
    about = About(f"leakage-{place}", title, "; ".join(said) + ".")
    return Chart(f"{group.label}: {metric(name).label}", draw_dots(dots, _scale(name, known), about))


def _scale(name: str, known: Sequence[Dot]) -> Scale:
    """Give the axis: of an AUC from chance or below to 1, of an error from 0 on."""
    ends = [end for dot in known for end in (*(dot.ci95 or ()), dot.value, dot.chance) if end is not None]
    if name == "auc":
        return Scale(
            "AUC (0.5 is chance, 1 is certain), with 95 % interval", min(0.48, min(ends) - 0.02), 1.015, share=False
        )
    least, most = min(*ends, 0.0), max(ends)
    room = 0.06 * (most - least)
    return Scale(
        f"{metric(name).label}, with 95 % interval", least - (room if least < 0 else 0), most + room, share=False
    )


def _brackets(name: str, dot: Dot) -> str:
    return f"({span(name, dot.ci95)})" if dot.ci95 else ""
