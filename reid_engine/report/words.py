"""Numbers of a report in words; None stands for what cannot be said."""

from collections.abc import Sequence

NOTHING = "–"


def one_line(text: object) -> str:
    """Put a text on one line, without control characters: file names and ids may hold any."""
    return "".join(char if char.isprintable() else "?" for char in " ".join(str(text).split()))


def percent(value: float | None) -> str:
    """Give a probability in whole per cent, never claiming 0 or 100."""
    if value is None:
        return NOTHING
    if value < 0.005:
        return "below 1 %"
    if value > 0.995:
        return "above 99 %"
    return f"{100 * value:.0f} %"


def rate(value: float | None) -> str:
    """Give a measured rate in per cent with one decimal."""
    return NOTHING if value is None else f"{100 * value:.1f} %"


def number(value: float | None, digits: int = 2) -> str:
    """Give a number with a fixed count of decimals."""
    return NOTHING if value is None else f"{value:.{digits}f}"


def count(value: int | None) -> str:
    """Give a whole number with its thousands set apart."""
    return NOTHING if value is None else f"{value:,}".replace(",", "\u202f")


def signed(value: float | None) -> str:
    """Give a number with its sign."""
    return NOTHING if value is None else f"{value:+.1f}"


def interval(ends: Sequence[float | None] | None, digits: int = 2, scale: float = 1.0) -> str:
    """Give an interval as "a to b"."""
    if ends is None or any(end is None for end in ends):
        return NOTHING
    low, high = (f"{scale * end:.{digits}f}" for end in ends if end is not None)
    return f"{low} to {high}"


def plural(number_of: int, noun: str) -> str:
    """Give "1 image" or "2 images"."""
    return f"{count(number_of)} {noun}{'' if number_of == 1 else 's'}"
