"""Measures that take detail away: blur, fewer pixels, neighbouring b-scans averaged."""

import numpy as np
from PIL import Image, ImageFilter

from reid_engine.encoder.field import as_image
from reid_engine.measures.measure import Picture, Slices

BLUR = 0.012
"""Standard deviation of the blur, as a share of the shorter side."""

FEW_PIXELS = 96
"""Longer side, in pixels, of the down-sampled picture."""

AVERAGED = 2
"""Slices on each side that an averaged b-scan takes in."""


def blur(picture: Picture, modality: str) -> Picture:
    """Blur by a Gaussian."""
    from scipy.ndimage import gaussian_filter

    sigma = BLUR * min(picture.shape[:2])
    blurred: Picture = gaussian_filter(picture, (sigma, sigma) + (0,) * (picture.ndim - 2), mode="nearest")
    return blurred


def down_sample(picture: Picture, modality: str) -> Picture:
    """Reduce to few pixels, and enlarge again to the old size."""
    image = as_image(picture)
    share = min(1.0, FEW_PIXELS / max(image.size))
    width, height = (max(1, round(side * share)) for side in image.size)
    small = image.resize((width, height), Image.Resampling.BOX)
    return np.asarray(small.resize(image.size, Image.Resampling.BICUBIC), dtype=np.float32) / np.float32(255)


def despeckle(picture: Picture, modality: str) -> Picture:
    """Replace each pixel by the median of its neighbourhood, which takes noise before edges."""
    image = as_image(picture).filter(ImageFilter.MedianFilter(5))
    return np.asarray(image, dtype=np.float32) / np.float32(255)


def average_slices(slices: Slices, modality: str) -> Slices:
    """Average each slice with its neighbours."""
    count = len(slices)
    spans = [(max(0, place - AVERAGED), min(count, place + AVERAGED + 1)) for place in range(count)]
    return np.stack([slices[first:end].mean(axis=0, dtype=np.float32) for first, end in spans])
