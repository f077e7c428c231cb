"""What camera, operator and export leave on a picture: what re-identifies when the anatomy is masked."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from reid_engine.baselines import exposure, surround
from reid_engine.baselines.handmade import HandMade
from reid_engine.encoder.field import Field, as_image, locate

VERSION = 1
"""Part of the fingerprint: raised whenever the same scan would give other features."""

ENOUGH = 512
"""Longest side in pixels from which on only every second, third, ... pixel is looked at, but for the grain."""

_CELLS = surround.GRID**2

SPREADS = (
    ("geometry", (("size", 1, 0.2), ("aspect", 1, 0.1), ("place", 4, 0.02), ("kind", 2, 0.5))),
    ("border", (("means", _CELLS, 0.05), ("deviations", _CELLS, 0.02), ("colour", exposure.COLOURS, 0.01))),
    ("markers", (("corners", surround.CORNERS, 0.1),)),
    ("exposure", (("tones", exposure.TONES, 0.1), ("colours", exposure.COLOURS, 0.05))),
    ("grain", (("noise", 1, 0.2), ("sharpness", 1, 0.2), ("blocks", 1, 0.1))),
)
"""Groups of features and their parts: name, length, and the deviation that each feature is divided by: about that
between images of one origin. Sizes and ratios are in powers of two, noise in powers of ten, markers as roots of
shares, the rest in shares and display values."""


def _groups() -> dict[str, slice]:
    groups, end = {}, 0
    for name, parts in SPREADS:
        start, end = end, end + sum(length for _, length, _ in parts)
        groups[name] = slice(start, end)
    return groups


GROUPS = _groups()
"""Where each group is in an embedding."""


def _scales() -> NDArray[np.float32]:
    """Give factors (D,): each feature by its typical deviation, each group by the root of its length."""
    scales = [np.full(length, 1 / spread) for _, parts in SPREADS for _, length, spread in parts]
    factors: NDArray[np.float32] = np.concatenate(scales).astype(np.float32)
    for group in GROUPS.values():
        factors[group] /= np.float32((group.stop - group.start) ** 0.5)
    return factors


class BorderEncoder(HandMade):
    """Size and place of the field, the border outside the anatomy, burnt-in markers, exposure and grain.

    Nothing says where in the anatomy something is. Each feature is divided by a typical deviation between images
    (SPREADS), and each group by the root of its length, so that no group outweighs the others by its number.
    """

    def __init__(self) -> None:
        self._scales = _scales()
        super().__init__("border-exposure", len(self._scales), {"version": VERSION, "spreads": SPREADS})

    def features(self, pixels: NDArray[np.float32], modality: str) -> NDArray[np.float32]:
        """Give the scaled features (D,) of one slice (H, W) or (H, W, 3)."""
        step = -(-max(pixels.shape[:2]) // ENOUGH)
        image = as_image(pixels[::step, ::step])
        field = locate(image, modality)
        colour = np.asarray(image)
        grey = np.asarray(image.convert("L"))
        seen = surround.find_surround(_display(grey), field, modality)
        anatomy = ~seen.outside if not seen.outside.all() else seen.outside
        parts: list[Any] = [
            _geometry(pixels, field, grey.shape, modality),
            *seen.cells(),
            exposure.colours(colour[seen.outside]),
            seen.markers(),
            exposure.tones(grey[anatomy]),
            exposure.colours(colour[anatomy]),
            exposure.grain(_middle(pixels, field, step)),
        ]
        features: NDArray[np.float32] = np.concatenate(parts).astype(np.float32) * self._scales
        return features


def _geometry(pixels: NDArray[np.float32], field: Field, shape: tuple[int, ...], modality: str) -> tuple[float, ...]:
    """Give size, aspect, middle and extent of the field, and whether there is a disc and colour.

    The height of a b-scan's band is the retina's, and left out.
    """
    height, width = pixels.shape[:2]
    rows, columns = shape[:2]
    extent = 1.0 if modality == "OCT" else field.size[0] / rows
    return (
        float(np.log2(height * width)) / 2,
        float(np.log2(width / height)),
        (field.top + field.bottom) / (2 * rows),
        (field.left + field.right) / (2 * columns),
        extent,
        field.size[1] / columns,
        float(field.shape == "disc"),
        float(pixels.ndim == 3),
    )


def _middle(pixels: NDArray[np.float32], field: Field, step: int) -> NDArray[np.float32]:
    """Give the middle half of the field (h, w) at full resolution, ENOUGH pixels a side at most, from a block on."""
    spans = []
    for first, end in ((field.top, field.bottom), (field.left, field.right)):
        half = min((end - first) * step / 2, ENOUGH)
        start = round(((first + end) * step - half) / 2) // exposure.BLOCK * exposure.BLOCK
        spans.append(slice(start, start + round(half)))
    return _display(np.asarray(as_image(pixels[spans[0], spans[1]]).convert("L")))


def _display(levels: NDArray[np.uint8]) -> NDArray[np.float32]:
    return levels.astype(np.float32) / np.float32(255)
