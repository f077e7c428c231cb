"""Detection error trade-off, on the axes of normal deviates on which it is drawn by custom."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from reid_engine.report.figures.canvas import About, draw
from reid_engine.report.figures.lines import PER_CENT, Floats, Line, legend_below, plot
from reid_engine.report.figures.palette import CHANCE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

TICKS = (0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95)
HIGHEST = 0.96
LOWEST = 0.0001


def draw_det(lines: Sequence[Line], equal: Sequence[float | None], about: About) -> Markup:
    """Draw missed mates against false matches (Martin et al., Eurospeech 1997).

    Parameters
    ----------
    lines
        False match rate and miss rate, 0 to 1.
    equal
        Equal error rate of each line, marked on it, or None.
    about
        Name and text alternative.
    """

    def paint(axes: "Axes") -> None:
        lowest = max(LOWEST, min(_least(line) for line in lines) / 1.5)
        ends = (float(deviates(np.array([lowest]))[0]), float(deviates(np.array([HIGHEST]))[0]))
        for place, line in enumerate(lines):
            plot(axes, Line(line.label, line.style, deviates(line.x), deviates(line.y)), place)
        axes.plot(ends, ends, color=CHANCE, linewidth=1.0, linestyle=(0, (1, 1.6)), label="both errors equal")
        for line, rate in zip(lines, equal, strict=True):
            if rate is not None and lowest < rate < HIGHEST:
                _mark(axes, line, rate)
        axes.set_xlim(ends)
        axes.set_ylim(ends)
        for axis in (axes.xaxis, axes.yaxis):
            _ticks(axis, lowest)
        axes.set_xlabel("false matches among different people")
        axes.set_ylabel("mates missed")
        legend_below(axes)

    return draw(paint, about, (4.4, 3.7))


def deviates(values: Floats) -> Floats:
    """Give the normal deviates of rates; 0 and 1 are held just outside the axes."""
    from scipy.special import ndtri

    found: Floats = ndtri(np.clip(values, LOWEST / 10, 1 - LOWEST))
    return found


def _least(line: Line) -> float:
    values = np.concatenate([line.x, line.y])
    values = values[np.isfinite(values) & (values > 0)]
    return float(values.min()) if len(values) else LOWEST


def _mark(axes: "Axes", line: Line, rate: float) -> None:
    place = float(deviates(np.array([rate]))[0])
    style = line.style
    axes.plot(place, place, marker=style.mark, color=style.colour, markersize=8, markeredgecolor="white", zorder=5)
    axes.annotate(
        f"EER {PER_CENT.format(round(100 * rate, 1))}",
        (place, place),
        xytext=(-8, -12),
        textcoords="offset points",
        ha="right",
        color=style.colour,
        fontsize=8.5,
        fontweight="bold",
    )


def _ticks(axis: "Axis", lowest: float) -> None:
    from matplotlib.ticker import FixedFormatter, FixedLocator

    chosen = [tick for tick in TICKS if lowest <= tick <= HIGHEST]
    axis.set_major_locator(FixedLocator([float(place) for place in deviates(np.array(chosen))]))
    axis.set_major_formatter(FixedFormatter([PER_CENT.format(100 * tick) for tick in chosen]))
