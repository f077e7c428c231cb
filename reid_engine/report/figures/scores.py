"""Scores of mated and of non-mated pairs: the less they overlap, the easier the attack."""

from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from reid_engine.report.figures.canvas import About, draw
from reid_engine.report.figures.lines import PER_CENT, Floats, legend_below
from reid_engine.report.figures.palette import BLUE, ORANGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_BINS = 50
"""Bins that a figure of this width shows apart."""


def draw_scores(x: Floats, mated: Floats, other: Floats, about: About) -> Markup:
    """Draw both distributions.

    Parameters
    ----------
    x
        ``(n,)`` middles of the bins of similarity.
    mated, other
        ``(n,)`` share of each kind in the bins; each sums to 1.
    about
        Name and text alternative.
    """

    def paint(axes: "Axes") -> None:
        from matplotlib.ticker import FuncFormatter

        edges, (same, different) = coarser(_edges(x), mated, other)
        axes.stairs(different, edges, fill=True, color=ORANGE, alpha=0.18)
        axes.stairs(different, edges, color=ORANGE, linewidth=1.6, linestyle=(0, (4, 1.4)), label="different people")
        axes.stairs(same, edges, fill=True, facecolor="none", edgecolor=BLUE, alpha=0.35, hatch="////", linewidth=0)
        axes.stairs(same, edges, color=BLUE, linewidth=2.0, label="same person")
        axes.set_ylim(bottom=0)
        axes.set_xlim(edges[0], edges[-1])
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: PER_CENT.format(round(100 * value, 6))))
        axes.set_xlabel("similarity")
        axes.set_ylabel("share of comparisons")
        legend_below(axes)

    return draw(paint, about)


def coarser(edges: Floats, *series: Floats) -> tuple[Floats, list[Floats]]:
    """Cut off the empty ends and join neighbouring bins, the shares added, until there are `MOST_BINS` at most.

    Parameters
    ----------
    edges
        ``(n + 1,)``.
    series
        ``(n,)`` each.
    """
    held = np.flatnonzero(np.sum(series, axis=0) > 0)
    first, last = (int(held[0]), int(held[-1]) + 1) if len(held) else (0, len(edges) - 1)
    step = -(-(last - first) // MOST_BINS)
    starts = np.arange(first, last, step)
    joined = [np.add.reduceat(values[:last], starts) for values in series]
    return np.append(edges[starts], edges[last]), joined


def _edges(x: Floats) -> Floats:
    """Give the ends of bins (n + 1,) from their middles."""
    if len(x) == 1:
        return np.array([x[0] - 0.5, x[0] + 0.5])
    middle = (x[1:] + x[:-1]) / 2
    return np.concatenate([[2 * x[0] - middle[0]], middle, [2 * x[-1] - middle[-1]]])
