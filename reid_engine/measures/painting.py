"""Measures that paint things out or cut them off: the frame, burnt-in marks, the optic disc."""

import numpy as np
from numpy.typing import NDArray

from reid_engine.encoder.field import Field, find_field
from reid_engine.measures.measure import Box, Picture, Slices

KEPT = 0.8
"""Share of the field's height and width that a crop keeps, around its middle."""

FRAME = 0.1
"""Width of the outer part of the field that counts as its frame, as a share of its shorter side."""

MARK_LEVEL = 0.92
"""Display value from which a small bright spot near the border is taken for a mark."""

MOST_MARKED = 0.01
"""Share of the picture that one mark covers at most; what is larger is anatomy or a border."""

OUTER = 1 / 6
"""Distance from the middle, as a share of a side, from which a bright spot may be a mark: the outer thirds."""

DISC = 0.2
"""Diameter of what is painted over the optic disc, as a share of the field's width; a disc measures half of it."""

Mask = NDArray[np.bool_]


def crop(slices: Slices, modality: str) -> Slices:
    """Keep the middle of the anatomy's field; the same box in every slice."""
    return slices[(slice(None), *crop_box(slices, modality))].copy()


def crop_box(slices: Slices, modality: str) -> Box:
    """Find what a crop keeps."""
    field = find_field(slices[len(slices) // 2], modality)
    height, width = field.size
    top = field.top + round((1 - KEPT) / 2 * height)
    left = field.left + round((1 - KEPT) / 2 * width)
    rows, columns = max(1, round(KEPT * height)), max(1, round(KEPT * width))
    return slice(top, top + rows), slice(left, left + columns)


def paint_frame(picture: Picture, modality: str) -> Picture:
    """Paint over all that lies outside of the field, and the outer part of it."""
    field = find_field(picture, modality)
    painted = np.zeros_like(picture)
    inside = _inner(picture.shape[:2], field)
    painted[inside] = picture[inside]
    return painted


def paint_marks(picture: Picture, modality: str) -> Picture:
    """Paint over small, nearly white spots in the outer third, as burnt-in letters and markers are."""
    from scipy.ndimage import binary_dilation, find_objects, label

    grey = _grey(picture)
    height, width = grey.shape
    marked = np.zeros(grey.shape, dtype=bool)
    labels, _ = label(binary_dilation(grey >= MARK_LEVEL, iterations=max(1, min(height, width) // 200)))
    for number, box in enumerate(find_objects(labels), start=1):
        own = labels[box] == number
        middle = [(span.start + span.stop) / 2 / side for span, side in zip(box, grey.shape, strict=True)]
        if own.sum() <= MOST_MARKED * grey.size and max(abs(place - 0.5) for place in middle) > OUTER:
            marked[box] |= own
    return _filled(picture, marked)


def paint_disc(picture: Picture, modality: str) -> Picture:
    """Paint over the optic disc, taken for the brightest round patch of the field, with its surroundings' colour."""
    from scipy.ndimage import gaussian_filter

    field = find_field(picture, modality)
    radius = DISC / 2 * field.size[1]
    smooth = gaussian_filter(_grey(picture), radius / 3, mode="nearest")
    smooth[~_inner(smooth.shape, field)] = -1.0
    row, column = np.unravel_index(int(np.argmax(smooth)), smooth.shape)
    rows, columns = np.ogrid[: smooth.shape[0], : smooth.shape[1]]
    return _filled(picture, np.hypot(rows - row, columns - column) <= radius)


def _inner(shape: tuple[int, ...], field: Field) -> Mask:
    """Mask what lies well inside of a field."""
    height, width = field.size
    frame = FRAME * min(height, width)
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    if field.shape == "disc":
        down = (rows - (field.top + field.bottom - 1) / 2) / max(height / 2 - frame, 1)
        right = (columns - (field.left + field.right - 1) / 2) / max(width / 2 - frame, 1)
        return np.asarray(down**2 + right**2 <= 1)
    inside = (rows >= field.top + frame) & (rows < field.bottom - frame)
    return np.asarray(inside & (columns >= field.left + frame) & (columns < field.right - frame))


def _filled(picture: Picture, mask: Mask) -> Picture:
    """Fill a mask with the mean of the nearest pixels around it."""
    from scipy.ndimage import binary_dilation

    if not mask.any() or mask.all():
        return picture.copy()
    ring = binary_dilation(mask, iterations=max(2, min(mask.shape) // 60)) & ~mask
    painted = picture.copy()
    painted[mask] = picture[ring].mean(axis=0) if ring.any() else 0.0
    return painted


def _grey(picture: Picture) -> Picture:
    return picture if picture.ndim == 2 else picture.mean(axis=2)
