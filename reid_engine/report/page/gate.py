"""The gate: which limits were set, whether they hold, and by how much they do not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reid_engine.report.page import names
from reid_engine.report.page.numbers import difference, finite, metric, shown
from reid_engine.report.page.table import Cell, Line, Notes, Part, Table, text_cell
from reid_engine.report.words import one_line

Json = Mapping[str, Any]

MOST_SAID = 3
"""Limits that do not hold which the first paragraph names."""

LEVELS = {"subject-any": "people with any image found", "subject-all": "people with every image found"}
"""Levels that have to be said; that of images goes without saying."""


@dataclass(frozen=True)
class Verdict:
    """The gate in a sentence; `passed` is None where no limit was set."""

    passed: bool | None
    text: str


def verdict(gate: Json) -> Verdict:
    """Say whether the limits that were asked for hold."""
    limits = _limits(gate)
    passed = gate.get("passed")
    if passed is None or not limits:
        return Verdict(None, "No limit was set, so this report is neither a pass nor a fail.")
    if passed:
        noun = "The limit that was set holds" if len(limits) == 1 else f"All {len(limits)} limits that were set hold"
        return Verdict(True, f"{noun}, with the upper end of the 95\u00a0% interval.")
    failed = [limit for limit in limits if not limit.get("passed")]
    named = [_said(limit) for limit in failed[:MOST_SAID]]
    more = len(failed) - len(named)
    verb = "does" if len(failed) == 1 else "do"
    text = f"{len(failed)} of {len(limits)} limits {verb} not hold: {'; '.join(named)}"
    return Verdict(False, f"{text}; and {more} more." if more else f"{text}.")


def _limits(gate: Json) -> Sequence[Json]:
    return [limit for limit in gate.get("limits") or [] if isinstance(limit, Mapping)]


def _said(limit: Json) -> str:
    name = str(limit.get("metric") or "")
    if finite(limit.get("measured")) is None:
        return f"{what_of(limit)} in {where_of(limit)} cannot be estimated"
    measured, bound = (_bound(name, limit.get(key)) for key in ("measured", "limit"))
    return f"{what_of(limit)} in {where_of(limit)} may be as high as {measured}, the limit is {bound}"


def gate_table(gate: Json) -> Table | None:
    """Give each limit of the gate with what was measured and by how much it was missed."""
    limits = _limits(gate)
    if not limits:
        return None
    return Table(
        name="gate",
        caption="Limits that were set; the upper end of the 95 % interval decides",
        heads=("limit on", "where"),
        columns=("limit", "measured", "over by", "verdict", "reason"),
        parts=[Part("", [_limit(limit) for limit in limits])],
        notes=Notes(),
        texts=("verdict", "reason"),
    )


def _limit(limit: Json) -> Line:
    name, passed, over = str(limit.get("metric") or ""), bool(limit.get("passed")), finite(limit.get("by"))
    return Line(
        (what_of(limit), where_of(limit)),
        [
            Cell(_bound(name, limit.get("limit"))),
            Cell(_bound(name, limit.get("measured"))),
            Cell("" if over is None or over <= 0 else difference(name, over).removeprefix("+")),
            Cell("✓ holds" if passed else "✗ does not hold", number=False),
            text_cell(limit.get("reason")) if limit.get("reason") else Cell("", number=False),
        ],
        strong=not passed,
    )


def what_of(limit: Json) -> str:
    """Say what a limit is on."""
    label = metric(str(limit.get("metric") or "")).label
    if limit.get("attribute"):
        return f"{label} of {one_line(limit['attribute'])}"
    return f"{label}, {LEVELS[limit['level']]}" if limit.get("level") in LEVELS else label


def where_of(limit: Json) -> str:
    """Say what a limit is about."""
    where = [limit.get("dataset"), limit.get("modality")]
    where += [names.encoder(limit["encoder"]) if limit.get("encoder") else ""]
    where += [names.attacker(limit["attacker"]) if limit.get("attacker") else ""]
    return one_line(", ".join(str(one) for one in where if one) or "everything")


def _bound(name: str, value: Any) -> str:
    return one_line(value) if isinstance(value, str) else shown(name, value)
