"""Which columns of a gallery's table say something of the person, and how they are read."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["class", "number"]

PERSON_COLUMNS = ("sex", "age", "race", "ethnicity")
"""Columns of the contract that describe the person."""

OTHER_COLUMNS = frozenset(
    {
        "sample_id",
        "file",
        "subject_id",
        "session_id",
        "modality",
        "laterality",
        "view",
        "acquired",
        "device",
        "file_digest",
        "pixel_digest",
    }
)
"""Columns of the contract that identify the image or say how it was taken; no probe is fitted to these."""

MOST_CLASSES = 12
"""A column of text with more classes that are large enough is an identifier or a measurement, not a trait."""


@dataclass(frozen=True)
class Attribute:
    """A column to be probed.

    Attributes
    ----------
    name
        The column.
    kind
        ``"class"`` or ``"number"``.
    values
        ``(N,)`` text with None, or float64 with NaN, where unknown.
    """

    name: str
    kind: Kind
    values: NDArray[Any]


def attributes_of(table: "pd.DataFrame") -> tuple[Attribute, ...]:
    """Give the attributes of a gallery's table: the person's columns, then any further ones of the cohort.

    A further column is a number when all it holds are numbers and they take more than `MOST_CLASSES` values; else it
    is a class. Columns that are empty throughout are left out, and further ones that tell no two images apart or
    every one of them: a constant, a checksum.
    """
    further = [str(name) for name in table.columns if name not in OTHER_COLUMNS and name not in PERSON_COLUMNS]
    names = [name for name in (*PERSON_COLUMNS, *further) if name in table.columns]
    there = [name for name in names if table[name].notna().any()]
    return tuple(_attribute(name, table[name]) for name in there if name in PERSON_COLUMNS or _tells(table[name]))


def _tells(column: "pd.Series[Any]") -> bool:
    """Whether a further column groups the images, or measures them."""
    import pandas as pd

    values = column.dropna()
    different = values.nunique()
    repeated = 2 * different <= len(values)  # a checksum hardly ever repeats
    return different > 1 and (repeated or bool(pd.to_numeric(values, errors="coerce").notna().all()))


def _attribute(name: str, column: "pd.Series[Any]") -> Attribute:
    import pandas as pd

    numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    known = column.notna().to_numpy()
    counted = bool(np.isfinite(numbers[known]).all()) and len(np.unique(numbers[known])) > MOST_CLASSES
    if name == "age" or (name not in PERSON_COLUMNS and counted):
        return Attribute(name, "number", numbers)
    text = np.array([str(value) if there else None for value, there in zip(column, known, strict=True)], dtype=object)
    return Attribute(name, "class", text)
