"""Series of a figure, and what figures of lines have in common."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reid_engine.report.figures.palette import CHANCE, SOFT, Style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

PER_CENT = "{:g}\u00a0%"

MOST_LINES = 3
"""Lines of text above the axes, at most."""

_LETTER = 0.022  # width of a digit there, as share of the axes


@dataclass(frozen=True)
class Line:
    """One series; NaN where a point is not known.

    Attributes
    ----------
    label
        For the legend.
    style
        How it is drawn.
    x, y
        ``(n,)`` points.
    low, high
        ``(n,)`` ends of the intervals, or None.
    """

    label: str
    style: Style
    x: Floats
    y: Floats
    low: Floats | None = None
    high: Floats | None = None


def numbers(values: Sequence[Any] | None, length: int | None = None) -> Floats | None:
    """Give a series of a report as floats, NaN for null; None where it is absent or of another length."""
    if values is None or (length is not None and len(values) != length):
        return None
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def line_of(curve: Mapping[str, Any], name: str, label: str, style: Style) -> Line | None:
    """Make a line of one series of a report's curve, with the interval beside it; None where nothing is known."""
    x = numbers(curve.get("x"))
    series = curve.get("series") or {}
    y = None if x is None else numbers(series.get(name), len(x))
    if x is None or y is None or not np.isfinite(y).any():
        return None
    low, high = numbers(series.get("low"), len(x)), numbers(series.get("high"), len(x))
    return Line(label, style, x, y, low, high if low is not None else None)


def plot(axes: "Axes", line: Line, place: int, *, marked: Sequence[int] = (), band: bool = False) -> None:
    """Draw a line, the first on top of all others.

    Parameters
    ----------
    axes
        Where.
    line
        The series.
    place
        Its place among the series.
    marked
        Points that get a mark; none when left out.
    band
        Whether its interval is drawn.
    """
    above = 3 - 0.01 * place
    axes.plot(
        line.x,
        line.y,
        color=line.style.colour,
        linestyle=line.style.dash,
        linewidth=line.style.width,
        marker=line.style.mark if len(marked) else "",
        markevery=list(marked) or None,
        markeredgecolor="white",
        markeredgewidth=0.6,
        label=line.label,
        zorder=above,
    )
    if band and line.low is not None and line.high is not None:
        axes.fill_between(
            line.x, line.low, line.high, color=line.style.colour, alpha=0.16, linewidth=0, zorder=above - 1
        )


def plot_chance(axes: "Axes", chance: Line | None) -> None:
    """Draw the chance level, dotted."""
    if chance is not None:
        axes.plot(chance.x, chance.y, color=CHANCE, linestyle=(0, (1, 1.6)), linewidth=1.4, label=chance.label)


def share_axis(axes: "Axes", label: str) -> None:
    """Let the upright axis go from 0 to 100 %."""
    from matplotlib.ticker import FuncFormatter

    axes.set_ylim(0, 1.02)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: PER_CENT.format(round(100 * value, 6))))
    axes.set_ylabel(label)


def write_above(axes: "Axes", x: Floats, texts: Sequence[str], what: str) -> None:
    """Write a text above each x over the axes, in as many lines as it takes for none to hide another."""
    low, high = axes.get_xlim()
    ends = [-1.0] * MOST_LINES
    for value, text in sorted(zip(x, texts, strict=True)):
        place = float((value - low) / (high - low))
        half = 0.5 * _LETTER * (len(text) + 1)
        line = next((row for row, end in enumerate(ends) if end <= place - half), None)
        if line is not None:
            ends[line] = place + half
            axes.text(place, 1.03 + 0.055 * line, text, transform=axes.transAxes, fontsize=7.5, color=SOFT, ha="center")
    used = sum(end > 0 for end in ends)
    axes.text(0, 1.03 + 0.055 * used + 0.01, what, transform=axes.transAxes, fontsize=7.5, color=SOFT)


def legend_below(axes: "Axes", columns: int = 2, length: float = 3.2) -> None:
    """Put the legend under the axes, where it hides nothing."""
    handles, labels = axes.get_legend_handles_labels()
    if handles and axes.figure is not None:
        widest = max(len(label) for label in labels)
        columns = 1 if widest > 34 else columns
        axes.figure.legend(handles, labels, loc="outside lower left", ncols=columns, handlelength=length)


def short(text: str, most: int = 38) -> str:
    """Shorten a label that would not fit in its middle: both an encoder's name and its attacker stay."""
    if len(text) <= most:
        return text
    end = most // 2
    return f"{text[: most - end - 1].rstrip()}…{text[-end:].lstrip()}"
