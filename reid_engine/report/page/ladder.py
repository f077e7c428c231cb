"""How much is anatomy, and how much is the camera: attackers and baselines side by side."""

from dataclasses import dataclass, replace

from markupsafe import Markup

from reid_engine.report.figures import palette
from reid_engine.report.figures.canvas import About
from reid_engine.report.figures.dots import Dot, Scale, draw_dots
from reid_engine.report.page import names
from reid_engine.report.page.numbers import both, finite, share, share_span
from reid_engine.report.page.selection import Attack, Group, Results

SEES_NO_ANATOMY = ("demographics", "border-exposure")
"""Baselines that know nothing of what the picture shows of the body."""

MOST_ENCODERS = 6
"""Encoders beside the strongest that the figure shows."""


@dataclass(frozen=True)
class Ladder:
    """One group's chart with its sentences."""

    label: str
    svg: Markup
    sentences: list[str]


def ladders(results: Results) -> list[Ladder]:
    """Draw one chart a group; none where nothing was measured."""
    all_dots = {group: _dots(results, group) for group in results.groups}
    scale = _scale([dot for dots in all_dots.values() for dot in dots])
    found = []
    for place, (group, dots) in enumerate(all_dots.items()):
        if any(dot.value is not None for dot in dots):
            about = About(f"ladder-{place}", f"Baselines and attackers, {group.label}", _described(dots))
            found.append(Ladder(group.label, draw_dots(dots, scale, about, values=True), sentences(results, group)))
    return found


def _dots(results: Results, group: Group) -> list[Dot]:
    return [_dot(results, group, attack, style) for attack, style in _steps(results, group)]


def sentences(results: Results, group: Group) -> list[str]:
    """Say in words what the chart shows."""
    strongest = results.strongest(group)
    rate = None if strongest is None else results.rank1(group, strongest)
    if strongest is None or rate is None or finite(rate.get("value")) is None:
        return []
    said = [f"The strongest attacker, {strongest.label}, re-identifies {share(rate['value'])} of the images."]
    baselines = [(one, results.rank1(group, one)) for one in results.best_baselines(group)]
    known = [(one, row["value"]) for one, row in baselines if row is not None and finite(row.get("value")) is not None]
    if not known:
        return [*said, "No baseline was measured, so how much of this is anatomy cannot be told."]
    best, most = max(known, key=lambda one: float(one[1]))
    ends = both(rate.get("ci95"))
    reached = float(most) >= (ends[0] if ends else float(rate["value"]))
    said.append(
        f"The best baseline, {best.label}, does as well, within the interval, with {share(most)}: what the network "
        "learned of anatomy is not needed to re-identify these images."
        if reached
        else f"The best baseline, {best.label}, reaches {share(most)}, "
        f"{_points(float(rate['value']) - float(most))} less: so much comes from what it cannot see."
    )
    blind = [(one, value) for one, value in known if one.encoder in SEES_NO_ANATOMY and one != best]
    if blind:
        said.append(
            "Without seeing anatomy, " + " and ".join(f"{one.label} reach {share(value)}" for one, value in blind) + "."
        )
    return said


def _points(gap: float) -> str:
    return "less than a point" if gap < 0.01 else f"{100 * gap:.0f} points"


def _steps(results: Results, group: Group) -> list[tuple[Attack, palette.Style]]:
    """Give what the chart shows, top down: baselines, other encoders, then the ladder of the strongest encoder."""
    baselines = results.best_baselines(group)
    steps = [(one, palette.baseline(one.encoder, place)) for place, one in enumerate(baselines)]
    strongest = results.strongest(group)
    if strongest is None:
        return steps
    others = [one for one in results.best_encoders(group) if one.encoder != strongest.encoder][:MOST_ENCODERS]
    grey = replace(palette.STRONGEST, colour=palette.SOFT, mark="h")
    steps += [(one, grey) for one in others]
    own = [one for one in results.attacks(group, baselines=False) if one.encoder == strongest.encoder]
    blue = palette.STRONGEST
    return steps + [(one, palette.PLAIN if one.attacker == names.LADDER[0] else blue) for one in own]


def _dot(results: Results, group: Group, attack: Attack, style: palette.Style) -> Dot:
    row = results.rank1(group, attack) or {}
    return Dot(attack.label, finite(row.get("value")), both(row.get("ci95")), finite(row.get("chance")), style)


def _scale(dots: list[Dot]) -> Scale:
    """Give an axis from 0, the same for every group, with room for the numbers beside the dots."""
    ends = [dot.ci95[1] if dot.ci95 else dot.value for dot in dots if dot.value is not None]
    return Scale(
        "rank-1, images, with 95 % interval over people", -0.01, min(1.0, max(ends, default=1.0)) * 1.14 + 0.02
    )


def _described(dots: list[Dot]) -> str:
    said = [f"{dot.label} {share(dot.value)}" + (f" ({share_span(dot.ci95)})" if dot.ci95 else "") for dot in dots]
    chance = [dot.chance for dot in dots if dot.chance is not None]
    return "Rank-1, top down: " + "; ".join(said) + (f". Chance {share(chance[0])}." if chance else ".")
