"""Whether what is stated as a probability happens that often."""

from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from reid_engine.report.figures.canvas import About, draw
from reid_engine.report.figures.lines import PER_CENT, Floats, Line, legend_below, write_above
from reid_engine.report.figures.palette import CHANCE
from reid_engine.report.words import count

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_calibration(line: Line, n: Floats | None, about: About) -> Markup:
    """Draw the observed share against the stated probability, with intervals and, above, the people in each bin."""

    def paint(axes: "Axes") -> None:
        from matplotlib.ticker import FuncFormatter

        axes.plot([0, 1], [0, 1], color=CHANCE, linestyle=(0, (1, 1.6)), linewidth=1.4, label="perfect calibration")
        low, high = line.low, line.high
        if low is not None and high is not None:
            bars = np.clip(np.nan_to_num(np.stack([line.y - low, high - line.y])), 0, None)
            axes.errorbar(line.x, line.y, bars, fmt="none", ecolor=line.style.colour, elinewidth=1.3, capsize=2.5)
        axes.plot(line.x, line.y, color=line.style.colour, marker="o", linewidth=1.2, markersize=5.5, label=line.label)
        axes.set_xlim(-0.04, 1.04)
        if n is not None:
            known = np.isfinite(line.x) & np.isfinite(line.y) & np.isfinite(n)
            write_above(axes, line.x[known], [count(int(people)) for people in n[known]], "people:")
        axes.set_ylim(-0.04, 1.04)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda value, _: PER_CENT.format(round(100 * value, 6))))
        axes.set_xlabel("stated probability of being re-identified")
        axes.set_ylabel("truly re-identified")
        legend_below(axes)

    return draw(paint, about, (4.4, 3.7))
