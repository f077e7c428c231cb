"""Rank-1 against the similarity from which two pictures count as near-duplicates."""

from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from reid_engine.report.figures.canvas import About, draw
from reid_engine.report.figures.lines import Floats, Line, legend_below, plot, share_axis, write_above
from reid_engine.report.figures.palette import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_threshold(line: Line, removed: Floats | None, used: float | None, about: About) -> Markup:
    """Draw the sweep.

    Parameters
    ----------
    line
        Threshold and rank-1 with interval.
    removed
        How much is left out at each threshold, written along the upper edge.
    used
        The threshold of the other results, marked.
    about
        Name and text alternative.
    """

    def paint(axes: "Axes") -> None:
        plot(axes, line, 0, marked=range(len(line.x)), band=True)
        share_axis(axes, "rank-1")
        least, most = float(np.nanmin(line.x)), float(np.nanmax(line.x))
        if used is not None and least <= used <= most:
            axes.axvline(used, color=INK, linewidth=1.1, linestyle=(0, (5, 2)), label=f"used elsewhere: {used:g}")
        if removed is not None:
            known = np.isfinite(removed)
            write_above(axes, line.x[known], [_amount(value, removed) for value in removed[known]], "pairs left out:")
        axes.set_xlabel("near-duplicate from this similarity on")
        legend_below(axes)

    return draw(paint, about)


def _amount(value: float, removed: Floats) -> str:
    """Give a count, or a share where the series is one."""
    if np.nanmax(removed) <= 1 and not np.array_equal(removed, np.rint(removed)):
        return f"{100 * value:.0f} %"
    return f"{value:,.0f}".replace(",", "\u202f")
