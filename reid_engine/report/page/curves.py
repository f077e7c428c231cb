"""A report's curves as figures, with the numbers that a reader takes from them in words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from markupsafe import Markup

from reid_engine.report.figures import palette
from reid_engine.report.figures.calibration import draw_calibration
from reid_engine.report.figures.canvas import About
from reid_engine.report.figures.cmc import draw_cmc
from reid_engine.report.figures.det import draw_det
from reid_engine.report.figures.gallery_size import draw_gallery_size
from reid_engine.report.figures.lines import Floats, Line, line_of, numbers, short
from reid_engine.report.figures.scores import draw_scores
from reid_engine.report.figures.threshold import draw_threshold
from reid_engine.report.page.numbers import share
from reid_engine.report.page.selection import Attack


@dataclass(frozen=True)
class Chosen:
    """A curve that is shown, whose it is, how, and the equal error rate of that attack."""

    attack: Attack
    curve: Mapping[str, Any]
    style: palette.Style
    equal_error: float | None

    def line(self, series: str) -> Line | None:
        """Give one of its series as a line."""
        return line_of(self.curve, series, short(self.attack.label), self.style)

    def series(self, name: str) -> Floats | None:
        """Give one of its series as numbers, None unless it is as long as x."""
        x = self.curve.get("x")
        return None if x is None else numbers((self.curve.get("series") or {}).get(name), len(x))


@dataclass(frozen=True)
class Request:
    """What is to be drawn, the first curve being the one that matters most."""

    chosen: Sequence[Chosen]
    about: About
    used: float | None

    def lines(self, series: str) -> list[Line]:
        """Give a line for every curve that has the series."""
        made = [one.line(series) for one in self.chosen]
        return [line for line in made if line is not None]

    def chance(self) -> Line | None:
        """Give the chance level, of the first curve that has it."""
        style = palette.Style(palette.CHANCE, "dotted", "")
        made = [line_of(one.curve, "chance", "chance", style) for one in self.chosen]
        return next((line for line in made if line is not None), None)

    def saying(self, *said: str) -> About:
        """Give the figure's name and title with this description."""
        return replace(self.about, description="; ".join(said) + ".")


def _cmc(request: Request) -> Markup | None:
    lines = request.lines("rate")
    if not lines:
        return None
    return draw_cmc(lines, request.chance(), request.saying(*(_ends(line, "rank") for line in lines)))


def _gallery_size(request: Request) -> Markup | None:
    lines = request.lines("rate")
    if not lines:
        return None
    return draw_gallery_size(lines, request.chance(), request.saying(*(_ends(line, "gallery size") for line in lines)))


def _threshold(request: Request) -> Markup | None:
    first = request.chosen[0]
    line = first.line("rate")
    if line is None:
        return None
    return draw_threshold(line, first.series("removed"), request.used, request.saying(_ends(line, "threshold")))


def _det(request: Request) -> Markup | None:
    drawn = [(line, one.equal_error) for one in request.chosen if (line := one.line("miss")) is not None]
    if not drawn:
        return None
    lines, equal = [line for line, _ in drawn], [rate for _, rate in drawn]
    about = request.saying(*(f"{line.label}: EER {share(rate)}" for line, rate in drawn))
    return draw_det(lines, [equal[0], *(None for _ in equal[1:])], about)


def _scores(request: Request) -> Markup | None:
    x = numbers(request.chosen[0].curve.get("x"))
    mated, other = request.chosen[0].series("mated"), request.chosen[0].series("other")
    if x is None or mated is None or other is None:
        return None
    mated, other = np.nan_to_num(mated), np.nan_to_num(other)
    if not mated.sum() or not other.sum():
        return None
    same, different = (float(np.average(x, weights=weights)) for weights in (mated, other))
    about = request.saying(f"Mean similarity {same:.2f} for the same person and {different:.2f} for different people")
    return draw_scores(x, mated, other, about)


def _calibration(request: Request) -> Markup | None:
    first = request.chosen[0]
    line = first.line("observed")
    if line is None:
        return None
    pairs = zip(line.x, line.y, strict=True)
    said = [f"stated {share(float(x))}, observed {share(float(y))}" for x, y in pairs if np.isfinite([x, y]).all()]
    return draw_calibration(line, first.series("n"), request.saying(*said))


def _ends(line: Line, word: str) -> str:
    """Say a line's first and last point in words."""
    known = np.flatnonzero(np.isfinite(line.y))
    first, last = (f"{share(float(line.y[place]))} at {word} {line.x[place]:g}" for place in (known[0], known[-1]))
    return f"{line.label}: {first}, {last}"


DRAWN: dict[str, tuple[str, Callable[[Request], Markup | None]]] = {
    "cmc": ("Cumulative match characteristic", _cmc),
    "scores": ("Scores of the same person and of different people", _scores),
    "det": ("Detection error trade-off", _det),
    "calibration": ("Calibration", _calibration),
    "gallery-size": ("Rank-1 against gallery size", _gallery_size),
    "near-threshold": ("Rank-1 against the near-duplicate threshold", _threshold),
}
"""Title of each kind of curve, and what draws it."""
