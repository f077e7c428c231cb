"""Cumulative match characteristic: how far down the list the person is found."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from reid_engine.report.figures.canvas import About, draw
from reid_engine.report.figures.lines import Line, legend_below, plot, plot_chance, share_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TICKS = (1, 2, 5, 10, 20, 50, 100, 200, 500)


def draw_cmc(lines: Sequence[Line], chance: Line | None, about: About) -> Markup:
    """Draw rank-k (share of queries) against k, on a logarithmic axis; the first line with its interval."""

    def paint(axes: "Axes") -> None:
        from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

        for place, line in enumerate(lines):
            marked = [int(np.argmin(np.abs(line.x - tick))) for tick in TICKS if tick <= np.nanmax(line.x)]
            plot(axes, line, place, marked=marked, band=place == 0)
        plot_chance(axes, chance)
        furthest = max(float(np.nanmax(line.x)) for line in lines)
        axes.set_xscale("log")
        axes.set_xlim(0.95, max(furthest, 2) * 1.05)
        axes.xaxis.set_major_locator(FixedLocator([tick for tick in TICKS if tick <= furthest] or [1]))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_xlabel("rank k (nearest neighbours looked at)")
        share_axis(axes, "person found among them")
        legend_below(axes)

    return draw(paint, about, (4.4, 3.3 + 0.16 * max(0, len(lines) - 2)))
