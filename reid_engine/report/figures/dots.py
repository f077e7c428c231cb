"""Dots with intervals side by side: the ladder of attackers, and what probes learn."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from reid_engine.report.figures.canvas import About, draw
from reid_engine.report.figures.lines import PER_CENT, legend_below, short
from reid_engine.report.figures.palette import CHANCE, GRID, INK, SOFT, Style
from reid_engine.report.page.numbers import share

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Dot:
    """One value.

    Attributes
    ----------
    label
        Of its line.
    value
        None where it cannot be estimated.
    ci95
        Its interval, or None.
    chance
        Chance level, or None.
    style
        How it is drawn.
    series
        For the legend, where several dots share a line.
    """

    label: str
    value: float | None
    ci95: tuple[float, float] | None
    chance: float | None
    style: Style
    series: str = ""


@dataclass(frozen=True)
class Scale:
    """The lying axis: its name, its ends, and whether it is in per cent."""

    label: str
    low: float | None = None
    high: float | None = None
    share: bool = True


def draw_dots(dots: Sequence[Dot], scale: Scale, about: About, values: bool = False) -> Markup:
    """Draw one line a label, top down; with `values`, each dot's number stands beside it."""
    labels = list(dict.fromkeys(dot.label for dot in dots))
    most = max(len([dot for dot in dots if dot.label == label]) for label in labels)
    height = 1.15 + len(labels) * (0.3 if most == 1 else 0.18 * most + 0.16)

    def paint(axes: "Axes") -> None:
        from matplotlib.ticker import FuncFormatter, MaxNLocator

        shown: set[str] = set()
        for place, label in enumerate(labels):
            row = [dot for dot in dots if dot.label == label]
            if place % 2:
                axes.axhspan(place - 0.5, place + 0.5, color=GRID, alpha=0.45, linewidth=0)
            if all(dot.value is None for dot in row):
                _say_unknown(axes, place)
                continue
            for number, dot in enumerate(row):
                _dot(axes, dot, place + _shift(number, len(row)), shown, values=values)
                shown.add(dot.series)
            _chance(axes, row, place, shown)
        axes.set_yticks(range(len(labels)), [short(label) for label in labels])
        axes.set_ylim(len(labels) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        axes.set_xlim(scale.low, scale.high)
        axes.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 2.5, 5, 10]))
        if scale.share:
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: PER_CENT.format(round(100 * value, 6))))
        axes.set_xlabel(scale.label)
        legend_below(axes, 4, 1.6)

    return draw(paint, about, (6.4, height))


def _shift(number: int, of: int) -> float:
    return 0.0 if of == 1 else (number - (of - 1) / 2) * 0.6 / (of - 1) * min(1.0, (of - 1) / 1.5)


def _dot(axes: "Axes", dot: Dot, place: float, shown: set[str], *, values: bool) -> None:
    label = dot.series if dot.series and dot.series not in shown else None
    if dot.value is None:
        _say_unknown(axes, place)
        return
    colour = dot.style.colour
    if dot.ci95 is not None:
        axes.plot(dot.ci95, [place, place], color=colour, linewidth=2.2, alpha=0.55, solid_capstyle="butt")
    axes.plot(
        dot.value,
        place,
        marker=dot.style.mark,
        color=colour,
        linestyle="none",
        markersize=7,
        markeredgecolor="white",
        markeredgewidth=0.8,
        label=label,
    )
    if values:
        end = dot.value if dot.ci95 is None else max(dot.value, dot.ci95[1])
        text = share(dot.value)
        axes.annotate(
            text, (end, place), xytext=(5, 0), textcoords="offset points", va="center", fontsize=8.5, color=INK
        )


def _say_unknown(axes: "Axes", place: float) -> None:
    axes.text(0.012, place, "cannot be estimated", transform=axes.get_yaxis_transform(), va="center", color=SOFT)


def _chance(axes: "Axes", row: Sequence[Dot], place: int, shown: set[str]) -> None:
    known = [dot.chance for dot in row if dot.chance is not None]
    if known:
        label = None if "chance" in shown else "chance"
        axes.plot(
            known[:1] * 2,
            [place - 0.36, place + 0.36],
            color=CHANCE,
            linewidth=1.6,
            linestyle=(0, (1.2, 0.8)),
            label=label,
        )
        shown.add("chance")
