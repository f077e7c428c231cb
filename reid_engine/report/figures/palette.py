"""Colours, dashes and marks: no two series differ by colour alone, and each stands out on white by 3 : 1 or more."""

from dataclasses import dataclass

INK = "#1b2733"
"""Text and axes."""

SOFT = "#5b6b7a"
"""What stands back: ticks, notes within a figure."""

GRID = "#e1e6eb"

CHANCE = "#6b6b6b"
"""Chance level, drawn dotted everywhere."""

BLUE, ORANGE = "#0072b2", "#c75300"
"""The two sides of a comparison; from Okabe & Ito's palette for all kinds of colour vision, the second darkened."""


@dataclass(frozen=True)
class Style:
    """How one series is drawn.

    Attributes
    ----------
    colour
        Of line and mark.
    dash
        Matplotlib's line style.
    mark
        Matplotlib's marker.
    width
        Of the line, in points.
    """

    colour: str
    dash: str | tuple[int, tuple[float, ...]]
    mark: str
    width: float = 1.6


STRONGEST = Style(BLUE, "solid", "o", 2.4)
PLAIN = Style(ORANGE, (0, (5, 1.6)), "^", 1.8)
_BASELINES = {
    "pixels": Style("#9a3d86", (0, (6, 2, 1.2, 2)), "s"),
    "untrained": Style("#00805e", (0, (3, 1.4)), "v"),
    "demographics": Style("#8a6a00", (0, (1.2, 1.4)), "P"),
    "border-exposure": Style(INK, (0, (4, 1.4, 1.2, 1.4, 1.2, 1.4)), "D"),
}
_OTHERS = (
    Style("#33719e", (0, (8, 2)), "X"),
    Style("#a34747", (0, (2, 2)), "p"),
    Style("#5a5a5a", (0, (9, 2, 2, 2)), "h"),
)


def baseline(name: str, place: int) -> Style:
    """Give a baseline's style; one without a name of its own gets one by its place."""
    return _BASELINES.get(name) or _OTHERS[place % len(_OTHERS)]
