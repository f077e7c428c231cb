"""Rank-1 against the number of people in the gallery."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from reid_engine.report.figures.canvas import About, draw
from reid_engine.report.figures.lines import Line, legend_below, plot, plot_chance, share_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_gallery_size(lines: Sequence[Line], chance: Line | None, about: About) -> Markup:
    """Draw rank-1 against gallery size in subjects, on a logarithmic axis, with intervals and chance."""

    def paint(axes: "Axes") -> None:
        from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

        for place, line in enumerate(lines):
            plot(axes, line, place, marked=range(len(line.x)), band=place < 2)
        plot_chance(axes, chance)
        axes.set_xscale("log")
        sizes = np.concatenate([line.x for line in lines])
        least, most = float(np.nanmin(sizes)), float(np.nanmax(sizes))
        axes.set_xlim(least / 1.1, most * 1.1)
        axes.xaxis.set_major_locator(FixedLocator(ticks(least, most)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}".replace(",", "\u202f")))
        axes.set_xlabel("subjects in the gallery")
        share_axis(axes, "rank-1")
        legend_below(axes)

    return draw(paint, about, (4.4, 3.3 + 0.16 * max(0, len(lines) - 2)))


def ticks(least: float, most: float) -> list[float]:
    """Give 1, 2, 5, 10, … between two sizes; fewer where they would crowd."""
    decades = range(int(np.floor(np.log10(least))), int(np.ceil(np.log10(most))) + 1)
    steps = (1, 2, 5) if len(decades) <= 4 else (1,)
    found = [step * 10.0**decade for decade in decades for step in steps]
    inside = [value for value in found if least / 1.1 <= value <= most * 1.1]
    return inside or [least, most]
