"""Values that stand out from the trend of many others, the share of false ones among those named being bounded."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FALSE_SHARE = 0.1
"""Of the values that are named, the share that may be expected to be no exception."""

MOST_IN_TAIL = 1000
TAIL_SHARE = 0.01
FEWEST_IN_TAIL = 50
LARGEST_TAIL_SHARE = 0.25
"""How many of the largest values are the tail: a hundredth of all, held to 50 to 1,000, a quarter of all at most."""

FEWEST_VALUES = 40
"""Below this many values a tail of ten is all there is, and nothing can be said of what lies beyond it."""


@dataclass(frozen=True)
class Outliers:
    """The largest of many values.

    Attributes
    ----------
    count
        How many of them stand out.
    expected
        ``(c,)`` for each of the c largest, falling: how many of all values would be expected so high by the trend
        of the others.
    """

    count: int
    expected: Floats


NONE = Outliers(0, np.empty(0))
"""Nothing stands out, or nothing can be said."""


def tail_length(total: int) -> int:
    """How many of `total` values are their tail."""
    wanted = min(max(FEWEST_IN_TAIL, round(TAIL_SHARE * total)), MOST_IN_TAIL)
    return min(wanted, int(LARGEST_TAIL_SHARE * total))


def stand_out(
    largest: Floats, total: int, owners: NDArray[np.int64] | None = None, false_share: float = FALSE_SHARE
) -> Outliers:
    """Tell which of the largest values lie beyond the trend of the others.

    Excesses over a high value u are exponential for a distribution with a thin tail (Pickands, Annals of Statistics
    3, 1975), and fall off faster for the normal one and all that are bounded, so that the test then names fewer. Their
    scale comes from the smaller half of the tail, the larger half being censored (Epstein & Sobel, Journal of the
    American Statistical Association 48, 1953): exceptions among them would hide themselves otherwise. With r excesses
    behind the scale b, a further one is beyond t with probability (1 + t / (r b))^-r exactly. The p-values of the
    censored half go through the procedure of Benjamini and Hochberg (Journal of the Royal Statistical Society B 57,
    1995) for `total` tests.

    Parameters
    ----------
    largest
        At least the ``tail_length(total) + 1`` largest values, in falling order.
    total
        How many values there are.
    owners
        For each of `largest` the number of what it belongs to, of which several values may stand out: then the share
        that may be false is one of owners, not of values.
    false_share
        False discovery rate, 0 to 1; in a set without exceptions, the probability that anything is named.
    """
    length = tail_length(total)
    if total < FEWEST_VALUES or len(largest) <= length:
        return NONE
    censored = length // 2
    seen = length - censored
    excess = largest[:length] - largest[length]
    scale = float(excess[censored:].sum() + censored * excess[censored]) / seen
    if scale <= 0:
        return NONE
    p = length / total * (1.0 + excess[:censored] / (seen * scale)) ** -seen
    first = np.unique(owners[:censored], return_index=True)[1] if owners is not None else np.arange(censored)
    number = np.cumsum(np.isin(np.arange(censored), first))
    named = np.flatnonzero(p <= false_share * number / total)
    return Outliers(int(named[-1]) + 1 if len(named) else 0, total * p)
