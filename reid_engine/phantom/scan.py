"""One synthetic scan of one subject at one session."""

import numpy as np
from numpy.typing import NDArray

from reid_engine.phantom.canvas import Array, quantise
from reid_engine.phantom.fundus import render_fundus
from reid_engine.phantom.oct import render_oct
from reid_engine.phantom.person import Person, person
from reid_engine.phantom.radiograph import render_radiograph

MODALITIES = ("CFP", "OCT", "CXR")
"""What can be painted."""

EYE_MODALITIES = ("CFP", "OCT")
"""Those that show one eye."""


def phantom_scan(
    modality: str, subject: int, session: int, seed: int = 0, size: int = 256, *, eye: str | None = None
) -> NDArray[np.uint8]:
    """Paint one synthetic scan as 8-bit pixels.

    Parameters
    ----------
    modality
        "CFP", "OCT" or "CXR".
    subject, session
        Numbers from 0.
    seed
        The cohort's seed: another seed, other subjects.
    size
        Pixels a side, at least 64.
    eye
        "L" or "R" for CFP and OCT; by default the subject's study eye. A chest has none.

    Returns
    -------
    NDArray[np.uint8]
        (size, size, 3) for CFP, (size, size) for the others; the same on every machine.
    """
    return quantise(render_phantom(modality, person(seed, subject), session, size, eye=eye))


def render_phantom(modality: str, who: Person, session: int, size: int, *, eye: str | None = None) -> Array:
    """Paint one synthetic scan as display values in [0, 1]; see `phantom_scan`."""
    if modality not in MODALITIES:
        raise ValueError(f"no phantom of modality {modality!r}: there are {', '.join(MODALITIES)}")
    if size < 64:
        raise ValueError(f"a phantom of {size} px a side is too small: 64 is the least")
    if modality == "CXR":
        return render_radiograph(who, session, size)
    painter = render_fundus if modality == "CFP" else render_oct
    return painter(who, eye or who.eye, session, size)
