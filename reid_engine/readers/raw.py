"""What a reader hands over: stored values and what the header says, before they become display values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Window = tuple[float, float]
"""Centre and width, as viewers and DICOM headers give them."""


@dataclass(frozen=True)
class Raw:
    """Values as a file holds them.

    Parameters
    ----------
    values
        (S, H, W) grey or (S, H, W, 3) RGB; 8-bit unsigned values are display values already.
    spacing
        Millimetres between slices, rows and columns, where known.
    voi
        The header's own way from values to display values in [0, 1], where it has one.
    inverted
        Whether low values are to be shown bright (MONOCHROME1).
    hounsfield
        Whether the values are Hounsfield units; None where the format does not say.
    modality, laterality, view
        What the header says.
    radiograph
        Whether the header says that it is a radiograph but not of what.
    facts
        Sex, age, device and such: what a cohort needs, and nothing that names the patient.
    """

    values: NDArray[Any]
    spacing: tuple[float, float, float] | None = None
    voi: Callable[[NDArray[Any]], NDArray[np.float32]] | None = None
    inverted: bool = False
    hounsfield: bool | None = None
    modality: str | None = None
    radiograph: bool = False
    laterality: str | None = None
    view: str | None = None
    facts: Mapping[str, str | float] = field(default_factory=dict)
