"""Numbers of an evaluation in words. What is not a finite number is never shown as one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from reid_engine.report.words import NOTHING, number

CANNOT = "cannot be estimated"
"""What stands in the place of a value that the cohort is too small for."""

NO_BREAK = "\u00a0"
"""Between a number and its unit."""

MINUS = "\u2212"

ABOVE = "share-above-"
"""How a metric begins that counts the images whose stated probability is as high, or higher."""

_SHARES = ("rank-", "fnir@", "share")
_SMALLEST_SHARE = 1e-5
_SMALLEST_P = 0.001

Unit = Literal["share", "decimal", "error"]


@dataclass(frozen=True)
class Metric:
    """How a metric is called and shown.

    Attributes
    ----------
    label
        Its name on the page.
    unit
        ``"share"`` in per cent, ``"decimal"`` with three decimals, ``"error"`` in the attribute's own unit.
    """

    label: str
    unit: Unit = "decimal"


METRICS = {
    "rank-1": Metric("rank-1", "share"),
    "rank-5": Metric("rank-5", "share"),
    "precision@1": Metric("precision@1"),
    "map@r": Metric("mAP@R"),
    "auc": Metric("AUC"),
    "eer": Metric("EER", "share"),
    "cllr": Metric("Cllr"),
    "min_cllr": Metric("min-Cllr"),
    "ece": Metric("ECE"),
    "mae": Metric("mean absolute error", "error"),
    "fnir@fpir=0.01": Metric("FNIR at FPIR 1\u00a0%", "share"),
    "fnir@fpir=0.003": Metric("FNIR at FPIR 0.3\u00a0%", "share"),
}
"""Every metric that has a name of its own; others are shown by theirs, with three decimals."""


def metric(name: str) -> Metric:
    """Give how a metric is shown."""
    if name.startswith(ABOVE):
        return Metric(f"images stated at {_stated(name.removeprefix(ABOVE))} or more", "share")
    return METRICS.get(name) or Metric(name, "share" if name.startswith(_SHARES) else "decimal")


def finite(value: Any) -> float | None:
    """Give a finite number as it is, and None for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def both(ends: Any) -> tuple[float, float] | None:
    """Give both ends of an interval, or None unless both are finite numbers."""
    if not isinstance(ends, Sequence) or isinstance(ends, str) or len(ends) != 2:
        return None
    low, high = finite(ends[0]), finite(ends[1])
    return None if low is None or high is None else (low, high)


def share(value: Any) -> str:
    """Give a share in per cent: one decimal, and two digits that count below 1 %."""
    return _with_unit(_per_cent(value))


def share_span(ends: Any) -> str:
    """Give an interval of shares as "41.2 to 51.0 %"."""
    known = both(ends)
    return "" if known is None else _with_unit(f"{_per_cent(known[0])} to {_per_cent(known[1])}")


def shown(name: str, value: Any) -> str:
    """Give a metric's value, or that it cannot be estimated."""
    known = finite(value)
    if known is None:
        return CANNOT
    return share(known) if metric(name).unit == "share" else negative(number(known, _digits(name)))


def span(name: str, ends: Any) -> str:
    """Give a metric's interval as "a to b", or nothing where there is none."""
    known = both(ends)
    if known is None:
        return ""
    if metric(name).unit == "share":
        return share_span(known)
    low, high = (negative(number(end, _digits(name))) for end in known)
    return f"{low} to {high}"


def difference(name: str, value: Any) -> str:
    """Give a difference of two values with its sign; of shares in percentage points."""
    known = finite(value)
    if known is None:
        return CANNOT
    if metric(name).unit == "share":
        return negative(f"{100 * known:+.1f}") + NO_BREAK + "points"
    return negative(f"{known:+.{_digits(name)}f}")


def difference_span(name: str, ends: Any) -> str:
    """Give the interval of a difference, with signs."""
    known = both(ends)
    if known is None:
        return ""
    low, high = (difference(name, end).split(NO_BREAK)[0] for end in known)
    return f"{low} to {high}"


def p_value(value: Any) -> str:
    """Give a p value with three decimals, never as zero."""
    known = finite(value)
    if known is None:
        return NOTHING
    return f"<{NO_BREAK}{_SMALLEST_P}" if known < _SMALLEST_P else f"{known:.3f}"


def negative(text: str) -> str:
    """Write the sign of a negative number as a minus."""
    return text.replace("-", MINUS)


def _stated(text: str) -> str:
    """Give the probability in a metric's name in per cent, or as it is."""
    try:
        return f"{100 * float(text):g}{NO_BREAK}%"
    except ValueError:
        return text


def _digits(name: str) -> int:
    return 1 if metric(name).unit == "error" else 3


def _with_unit(text: str) -> str:
    return text if text == CANNOT else f"{text}{NO_BREAK}%"


def _per_cent(value: Any) -> str:
    known = finite(value)
    if known is None:
        return CANNOT
    if known in (0.0, 1.0):
        return f"{100 * known:.0f}"
    if 0.9995 <= known < 1:
        return "above 99.9"
    if abs(known) < _SMALLEST_SHARE:
        return f"below {100 * _SMALLEST_SHARE:.3f}"
    if abs(known) >= 0.00995:
        return negative(f"{100 * known:.1f}")
    decimals = 1 - math.floor(math.log10(abs(100 * known)))
    return negative(f"{100 * known:.{decimals}f}")
