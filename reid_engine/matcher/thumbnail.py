"""What a picture shows, at two sizes, free of brightness, contrast, uneven light and a fundus photo's black."""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from reid_engine.encoder.field import as_image, locate, may_be_disc
from reid_engine.scan import Scan

COARSE = 16
FINE = 64
"""Sides, in pixels, of a thumbnail's two parts."""

COARSE_LENGTH = COARSE * COARSE
LENGTH = COARSE_LENGTH + FINE * FINE
"""Length T of a thumbnail: the coarse part, then the fine one."""

UNIT = 24.0
"""Stored value of one unit of local contrast."""

_ENOUGH = 384  # pixels a side; a larger picture is thinned out first, for speed
_SPREAD = 2.0  # pixels; what is coarser is taken for uneven light
_NOISE = 1e-3  # variance of display values below which local contrast is not raised to full
_DISC = 0.92  # share of a disc's radius that counts; the rim is the camera's

Values = NDArray[np.float64]


def thumbnail(scan: Scan) -> NDArray[np.int8]:
    """Give a scan's thumbnail (T,): of a volume, that of its middle slice.

    A fundus photo is cropped to its disc. Other pictures are taken whole: their flat borders have no contrast,
    and a crop found a little differently in a copy would shift everything in it.
    """
    picture = scan.eight_bit(scan.shape[0] // 2)
    step = max(1, min(picture.shape[:2]) // _ENOUGH)
    image = as_image(picture[::step, ::step])
    field = locate(image, scan.modality) if may_be_disc(scan.modality) else None
    disc = field is not None and field.shape == "disc"
    box = field.box if field and disc else None
    grey = image.convert("L")
    parts = [_contrast(_shrunk(grey, box, side), disc) for side in (COARSE, FINE)]
    stored = np.concatenate([part.ravel() for part in parts]) * UNIT
    rounded: NDArray[np.int8] = np.clip(np.rint(stored), -127, 127).astype(np.int8)
    return rounded


def _shrunk(grey: Image.Image, box: tuple[int, int, int, int] | None, side: int) -> Values:
    small = grey.resize((side, side), Image.Resampling.BOX, box=box)
    return np.asarray(small, dtype=np.float64) / 255


def _contrast(values: Values, disc: bool) -> Values:
    """Give detail over its local spread (n, n), zero in the mean and outside a disc."""
    blur, mask, weight = _operators(len(values), disc)
    detail = (values - blur @ (values * mask) @ blur.T / weight) * mask
    spread = blur @ (detail * detail) @ blur.T / weight
    contrast = detail / np.sqrt(spread + _NOISE)
    centred: Values = (contrast - contrast.sum() / mask.sum()) * mask
    return centred


@cache
def _operators(side: int, disc: bool) -> tuple[Values, Values, Values]:
    """Give a Gaussian blur along one axis, the mask, and the mask blurred, (n, n) each."""
    places = np.arange(side)
    blur = np.exp(-((places[:, None] - places) ** 2) / (2 * _SPREAD**2))
    blur /= blur.sum(axis=1, keepdims=True)
    middle = (side - 1) / 2
    radius = np.hypot(places[:, None] - middle, places - middle)
    mask = (radius <= _DISC * side / 2).astype(np.float64) if disc else np.ones((side, side))
    return blur, mask, np.maximum(blur @ mask @ blur.T, 1e-6)
