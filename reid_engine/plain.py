"""What a JSON report may hold: plain, finite values."""

import math
from collections.abc import Mapping, Sequence, Set
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """Turn numpy values into Python's, tuples into lists, and NaN and infinity into None, at any depth.

    Raises
    ------
    TypeError
        The value has no place in JSON.
    """
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): plain(held) for name, held in value.items()}
    if isinstance(value, np.ndarray):
        return [plain(held) for held in value.tolist()]
    if isinstance(value, Sequence | Set) and not isinstance(value, bytes | bytearray):
        return [plain(held) for held in value]
    raise TypeError(f"{type(value).__name__} has no place in a report")
