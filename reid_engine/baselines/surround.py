"""What of a picture is left when the anatomy is masked."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter

from reid_engine.encoder.field import Field

FRAME = 0.04
"""Share of each side that counts as border where nothing but the whole frame is exposed."""

RIM = 1.03
"""Radius from which a pixel lies outside a fundus disc, in radii of the disc: its soft rim is still the eye's."""

RIM_LEVEL = 0.05
"""Display values above the corners' black that still belong to the disc, along the diagonals."""

CORNER = 0.25
"""Share of a side that the squares take in which burnt-in markers are looked for."""

MARKER_LEVEL = 0.7
MARKER_STEP = 0.4
"""A marker's pixel: at least this bright, and at least so much brighter than the darkest within two pixels."""

GRID = 8
"""The masked picture is shrunk to GRID x GRID cells."""

CORNERS = 4

_UNFRAMED = frozenset({"CFP", "FAF", "FA", "SLO", "OCT"})  # where no border is found, the outermost pixels are the eye

Mask = NDArray[np.bool_]
Values = NDArray[np.float32]


@dataclass(frozen=True)
class Surround:
    """A picture (H, W) and where its anatomy is not.

    Attributes
    ----------
    grey
        (H, W) display values in [0, 1].
    outside
        (H, W), true where there is no anatomy.
    corners
        (H, W), true where burnt-in markers are looked for.
    """

    grey: Values
    outside: Mask
    corners: Mask

    def cells(self) -> tuple[Values, Values]:
        """Give mean and standard deviation in cells (GRID * GRID,), both times the share that is outside."""
        rows, columns = np.nonzero(self.outside)
        height, width = self.grey.shape
        places = rows * GRID // height * GRID + columns * GRID // width
        values = self.grey[rows, columns].astype(np.float64)
        count, total, square = (np.bincount(places, w, GRID * GRID) for w in (None, values, values * values))
        mean = total / np.maximum(count, 1)
        spread = np.sqrt(np.maximum(square / np.maximum(count, 1) - mean * mean, 0))
        share = count / (height * width / GRID**2)
        return (mean * share).astype(np.float32), (spread * share).astype(np.float32)

    def markers(self) -> Values:
        """Give the root of the share of each corner (CORNERS,) that is a burnt-in marker, row by row."""
        step = self.grey - minimum_filter(self.grey, size=5)
        marked = self.corners & (self.grey >= MARKER_LEVEL) & (step >= MARKER_STEP)
        high, wide = _corner_size(self.grey.shape)
        squares = [(r, c) for r in (slice(high), slice(-high, None)) for c in (slice(wide), slice(-wide, None))]
        return np.sqrt([marked[square].mean() for square in squares], dtype=np.float32)


def find_surround(grey: Values, field: Field, modality: str) -> Surround:
    """Mask the anatomy of a picture (H, W) whose field is known.

    A fundus disc is masked as a circle, a b-scan by the rows of its band; of everything else what lies in the field
    and not in the outermost FRAME. Markers are looked for in the corners, for eyes only outside the mask.
    """
    height, width = grey.shape
    outside = np.ones(grey.shape, dtype=bool)
    outside[field.top : field.bottom, field.left : field.right] = False
    if field.shape == "disc":
        outside |= _beyond_disc(grey, field)
    elif modality not in _UNFRAMED:
        high, wide = max(1, round(FRAME * height)), max(1, round(FRAME * width))
        outside[:high] = outside[-high:] = True
        outside[:, :wide] = outside[:, -wide:] = True
    return Surround(grey, outside, _corners(grey.shape) & (outside if modality in _UNFRAMED else True))


def _corner_size(shape: tuple[int, ...]) -> tuple[int, int]:
    return max(1, round(CORNER * shape[0])), max(1, round(CORNER * shape[1]))


def _corners(shape: tuple[int, ...]) -> Mask:
    high, wide = _corner_size(shape)
    rows, columns = np.zeros(shape[0], dtype=bool), np.zeros(shape[1], dtype=bool)
    rows[:high] = rows[-high:] = True
    columns[:wide] = columns[-wide:] = True
    corners: Mask = rows[:, None] & columns
    return corners


def _beyond_disc(grey: Values, field: Field) -> Mask:
    middle = ((field.top + field.bottom - 1) / 2, (field.left + field.right - 1) / 2)
    radius = max(max(field.size) / 2, _diagonal_radius(grey, middle))
    rows = np.arange(grey.shape[0], dtype=np.float32)[:, None] - middle[0]
    columns = np.arange(grey.shape[1], dtype=np.float32) - middle[1]
    beyond: Mask = rows * rows + columns * columns > (RIM * radius) ** 2
    return beyond


def _diagonal_radius(grey: Values, middle: tuple[float, float]) -> float:
    """Give how far the disc reaches along the diagonals: its radius, where a picture cuts it off on all four sides.

    Of the four directions the median, since a marker may stand in a corner.
    """
    corners = grey[_corners(grey.shape)]
    level = float(np.percentile(corners, 5)) + RIM_LEVEL
    reach = []
    for down in (-1, 1):
        for right in (-1, 1):
            steps = np.arange(min(grey.shape))
            rows = np.rint(middle[0] + down * steps).astype(int)
            columns = np.rint(middle[1] + right * steps).astype(int)
            inside = (rows >= 0) & (rows < grey.shape[0]) & (columns >= 0) & (columns < grey.shape[1])
            bright = grey[rows[inside], columns[inside]] > level
            reach.append(np.flatnonzero(bright)[-1] if bright.any() else 0)
    return float(np.median(reach)) * 2**0.5
