"""Where in a picture the anatomy is: fundus disc, b-scan band, collimated field of a radiograph.

Every finder works on a small copy, answers in milliseconds, and gives the whole frame when it doesn't find
what it looks for: a crop that isn't sure is worse than none.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from reid_engine.scan import to_eight_bit

Grey = NDArray[np.float32]
Box = tuple[int, int, int, int]

SMALL_SIDE = 192
"""Longest side in pixels of the copy on which fields are looked for: a border is found to within 0.5 %."""

THIN_BORDER = 0.02
"""Share of a side up to which a border is left where it is: cutting it would only add that uncertainty."""

DARK_CORNER = 0.12
"""Display value below which a corner belongs to the black around a fundus disc."""

DISC_CHORD = 0.08
"""Share of a row or column that the disc covers at its rim; a tab or reflex beside it covers less."""

LEAST_DISC = 0.3
"""Least share of the frame that a fundus disc covers."""

FLAT_LINE = 0.05
"""Spread of display values (10 % to 90 %) below which a row or column of a radiograph shows nothing."""

WHITE_LINE = 0.7
"""Display value that nearly all of a row or column exceeds where shutters show white."""

SHUTTER_EDGE = 0.4
"""Least step down, from such a line to the field within, that makes it a shutter and not a bright abdomen."""

MOST_TRIMMED = 0.3
"""Share of a radiograph's side beyond which a border is not believed."""

BAND_LEVEL = 0.35
"""Share of the way from a b-scan's background to its bright layers that counts as retina."""

BAND_MARGIN = 0.25
"""Margin above and below the retina, as share of its height."""

BAND_ASPECT = 0.4
"""Least height of the band as share of the width: one scale for all, however flat the retina lies."""


@dataclass(frozen=True)
class Field:
    """A box in pixels, half open like a slice, and whether a disc fills it.

    Parameters
    ----------
    top, bottom, left, right
        Rows ``top:bottom`` and columns ``left:right``.
    shape
        ``"disc"`` when the corners of the box lie outside the anatomy, else ``"box"``.
    """

    top: int
    bottom: int
    left: int
    right: int
    shape: Literal["box", "disc"] = "box"

    @property
    def box(self) -> Box:
        """(left, upper, right, lower), as Pillow takes it."""
        return (self.left, self.top, self.right, self.bottom)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return (self.bottom - self.top, self.right - self.left)


def find_field(picture: NDArray[np.float32], modality: str) -> Field:
    """Find the anatomy in a picture (H, W) or (H, W, 3) of display values in [0, 1]."""
    return locate(as_image(picture), modality)


def as_image(picture: NDArray[np.float32] | NDArray[np.uint8]) -> Image.Image:
    """Give display values in [0, 1], or in 8 bits, as an 8-bit image, rounded as a scan's pixel digest rounds them."""
    return Image.fromarray(to_eight_bit(picture))


def locate(image: Image.Image, modality: str) -> Field:
    """Find the anatomy in an 8-bit image."""
    width, height = image.size
    whole = Field(0, height, 0, width)
    finder = _FINDERS.get(modality)
    if finder is None:
        return whole
    factor = -(-max(width, height) // SMALL_SIDE)
    found = finder(image.reduce(factor) if factor > 1 else image)
    if found is None:
        return whole
    top, bottom = _settle(found.top * factor, found.bottom * factor, height)
    left, right = _settle(found.left * factor, found.right * factor, width)
    return Field(top, bottom, left, right, found.shape)


def _settle(first: int, end: int, side: int) -> tuple[int, int]:
    """Put both ends of a span on the frame where they are about there."""
    thin = THIN_BORDER * side
    return (first if first > thin else 0), (end if side - end > thin else side)


def _disc(small: Image.Image) -> Field | None:
    """Find the fundus disc: bright against black corners, cut off at top and bottom or not."""
    values = np.asarray(small)
    bright = _unit(values.max(axis=2) if values.ndim == 3 else values)
    height, width = bright.shape
    reach = max(1, min(height, width) // 20)
    corners = [
        bright[rows, columns]
        for rows in (slice(reach), slice(-reach, None))
        for columns in (slice(reach), slice(-reach, None))
    ]
    black = float(np.median([np.median(corner) for corner in corners]))
    if black > DARK_CORNER:
        return None
    inside = bright > black + max(0.03, 0.12 * (float(np.percentile(bright, 95)) - black))
    if inside.mean() < LEAST_DISC:
        return None
    top, bottom = _main_run(inside.mean(axis=1))
    left, right = _main_run(inside[top:bottom].mean(axis=0))
    return Field(top, bottom, left, right, "disc")


def _main_run(covered: Grey) -> tuple[int, int]:
    """Give the run of lines that the disc covers; text beside it makes a run of its own, and a smaller one."""
    steps = np.flatnonzero(np.diff(covered > DISC_CHORD, prepend=False, append=False))
    runs = list(zip(steps[::2].tolist(), steps[1::2].tolist(), strict=True))
    return max(runs, key=lambda run: float(covered[run[0] : run[1]].sum()))


def _band(small: Image.Image) -> Field | None:
    """Find the rows of the retina in a b-scan; columns are all kept."""
    grey = _unit(np.asarray(small.convert("L")))
    height, width = grey.shape
    background, layers = np.percentile(grey, (30, 97))
    if layers - background < 0.08:
        return None
    inside = grey > background + BAND_LEVEL * (layers - background)
    mass = np.cumsum(inside.mean(axis=1))
    top, bottom = np.searchsorted(mass / mass[-1], (0.02, 0.98))
    half = max((0.5 + BAND_MARGIN) * (bottom + 1 - top), BAND_ASPECT * width / 2)
    middle = (top + bottom + 1) / 2
    return Field(max(0, round(middle - half)), min(height, round(middle + half)), 0, width)


def _collimated(small: Image.Image) -> Field | None:
    """Find the exposed part of a radiograph: flat borders, black, grey or white, are trimmed."""
    grey = _unit(np.asarray(small.convert("L")))
    top, bottom = _trim(grey)
    left, right = _trim(np.ascontiguousarray(grey[top:bottom].T))
    return Field(top, bottom, left, right)


def _trim(grey: Grey) -> tuple[int, int]:
    """Give the first and the end of the rows that show something."""
    rows, columns = grey.shape
    ordered = np.sort(grey, axis=1)
    low, high = ordered[:, columns // 10], ordered[:, columns - 1 - columns // 10]
    empty = high - low <= FLAT_LINE
    first, last = _border(empty, low), _border(empty[::-1], low[::-1])
    return first, rows - last


def _border(empty: NDArray[np.bool_], low: Grey) -> int:
    """Count the lines of a border, from the outside inwards: flat ones, then those of a white shutter."""
    most = int(MOST_TRIMMED * len(low))
    flat = int(np.argmin(empty)) if not empty.all() else 0
    count = flat if flat <= most else 0
    white = count + int(np.argmin(np.append(low[count:] > WHITE_LINE, False)))
    inside = low[white : white + 3]
    if count < white <= most and len(inside) and float(low[white - 1] - inside.min()) > SHUTTER_EDGE:
        count = white + 1  # the line in between is half of either
    return count


def _unit(values: NDArray[np.uint8]) -> Grey:
    return values.astype(np.float32) / np.float32(255)


def may_be_disc(modality: str) -> bool:
    """Tell whether a field of this modality may be a disc."""
    return _FINDERS.get(modality) is _disc


_FINDERS: dict[str, Callable[[Image.Image], Field | None]] = {
    "CFP": _disc,
    "FAF": _disc,
    "FA": _disc,
    "SLO": _disc,
    "OCT": _band,
    "CXR": _collimated,
    "XR": _collimated,
    "MG": _collimated,
}
