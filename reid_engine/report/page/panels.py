"""Which curves a figure shows: one panel a group, few series each, the strongest attacker first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from reid_engine.report.figures import palette
from reid_engine.report.figures.canvas import About
from reid_engine.report.page import names
from reid_engine.report.page.curves import DRAWN, Chosen, Request
from reid_engine.report.page.numbers import CANNOT, finite
from reid_engine.report.page.selection import Attack, Group, Results, attack_of, group_of
from reid_engine.report.words import one_line

Json = Mapping[str, Any]

STRATA = ("all", "near-duplicates removed")
"""Strata that a figure shows, the first that there is."""

OF_ONE = ("scores", "calibration", "near-threshold")
"""Kinds whose figure shows one attack."""

BESIDE = {
    "cmc": "rank-1",
    "gallery-size": "rank-1",
    "near-threshold": "rank-1",
    "det": "auc",
    "scores": "auc",
    "calibration": "ece",
}
"""The number that belongs to each kind of figure."""

UNKNOWN = {"calibration": f"{CANNOT}: no range of probabilities holds enough people"}
"""What is said where the report gives no reason."""


@dataclass(frozen=True)
class Panel:
    """One small figure.

    Attributes
    ----------
    label
        The group.
    svg
        The figure, None where nothing can be shown.
    caption
        Whose it is, and the stratum.
    note
        Why nothing is shown, or what has to be said beside it.
    """

    label: str
    svg: Markup | None
    caption: str
    note: str


def panels(kind: str, curves: Sequence[Json], results: Results, used: float | None = None) -> list[Panel]:
    """Draw one panel a group; a group without such a curve gets the reason.

    Parameters
    ----------
    kind
        Of the curves.
    curves, results
        Of the report.
    used
        Threshold to be marked in a sweep.
    """
    mine = [curve for curve in curves if curve.get("kind") == kind]
    groups = dict.fromkeys([*results.groups, *(group_of(curve) for curve in mine)])
    found = []
    for place, group in enumerate(groups):
        own = _one_stratum([curve for curve in mine if group_of(curve) == group])
        found.append(
            _panel(kind, group, own, results, f"{kind}-{place}", used) if own else _reason(kind, group, results)
        )
    return found


def _panel(kind: str, group: Group, curves: Sequence[Json], results: Results, name: str, used: float | None) -> Panel:
    title, draw = DRAWN[kind]
    chosen = _chosen(group, curves, results)
    svg = draw(Request(chosen, About(name, f"{title}, {group.label}", ""), used))
    note = one_line(next((one.curve["note"] for one in chosen if one.curve.get("note")), ""))
    if svg is None:
        return Panel(group.label, None, "", note or _reason(kind, group, results).note)
    stratum = names.stratum(curves[0].get("stratum") or "all")
    return Panel(group.label, svg, f"{chosen[0].attack.label}; {stratum}" if kind in OF_ONE else stratum, note)


def _reason(kind: str, group: Group, results: Results) -> Panel:
    """Say why a group has no such figure, with the note of the number that belongs to it."""
    attack = results.strongest(group)
    if attack is None:
        return Panel(group.label, None, "", CANNOT)
    own = [(BESIDE[kind], stratum) for stratum in STRATA if BESIDE[kind] != "rank-1"]
    rows = [results.find(group, attack, stratum, "image", metric) for metric, stratum in (*own, ("rank-1", "all"))]
    notes = [row["note"] for row in rows if row is not None and row.get("value") is None and row.get("note")]
    return Panel(group.label, None, "", one_line(notes[0]) if notes else UNKNOWN.get(kind, CANNOT))


def _one_stratum(curves: Sequence[Json]) -> list[Json]:
    present = dict.fromkeys(str(curve.get("stratum") or "all") for curve in curves)
    stratum = next((name for name in (*STRATA, *present) if name in present), "")
    return [curve for curve in curves if str(curve.get("stratum") or "all") == stratum]


def _chosen(group: Group, curves: Sequence[Json], results: Results) -> list[Chosen]:
    """Give the curves to be shown with their styles: strongest, plain, baselines; else the first there is."""
    present = {attack_of(curve): curve for curve in reversed(curves)}
    wanted = [attack for attack in results.shown(group) if attack in present] or [attack_of(curves[0])]
    return [
        Chosen(attack, present[attack], _style(group, attack, place, results), _equal_error(group, attack, results))
        for place, attack in enumerate(wanted)
    ]


def _style(group: Group, attack: Attack, place: int, results: Results) -> palette.Style:
    if place == 0:
        return palette.STRONGEST
    if attack in results.attacks(group, baselines=False):
        return palette.PLAIN
    return palette.baseline(attack.encoder, place)


def _equal_error(group: Group, attack: Attack, results: Results) -> float | None:
    """Give the equal error rate of an attack, from the first stratum that has it."""
    rows = [results.find(group, attack, stratum, "image", "eer") for stratum in results.strata(group)]
    return next((finite(row.get("value")) for row in rows if row is not None), None)
