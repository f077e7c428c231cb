"""Scan to network input: the anatomy's field, resized, standardised."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from reid_engine.encoder.field import Field, as_image, locate
from reid_engine.encoder.spec import Recipe
from reid_engine.scan import Scan

PREPROCESSING_VERSION = 2
"""Part of the fingerprint: raised whenever the same scan would give another input."""

CENTRAL_PART = 0.6
"""Share of a volume's slices, around the middle, over which the embedded ones are spread."""

_FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "area": Image.Resampling.BOX,
}


class Preprocessing:
    """Turns scans into inputs as a recipe says.

    Pixels are rounded to 8 bits first: a scan's pixel digest sees just that, so scans with one digest have
    one embedding, whatever files they came in.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        scale = 255 * np.asarray(recipe.std, dtype=np.float64)
        self._factor = (1 / scale).astype(np.float32)[:, None, None]
        self._offset = (-255 * np.asarray(recipe.mean) / scale).astype(np.float32)[:, None, None]

    def __call__(self, scan: Scan) -> NDArray[np.float32]:
        """Give the network's input (k, 3, size, size): the pictures of all chosen slices of a scan."""
        return self.flagged(scan)[0]

    def flagged(self, scan: Scan) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Give the network's input, and which pictures (k,) are the whole of what lies beside them in parts."""
        pictures, whole = self.cut(scan)
        out = np.empty((len(pictures), 3, self.recipe.size, self.recipe.size), dtype=np.float32)
        for picture, place in zip(pictures, out, strict=True):
            self._standardise(picture, place)
        return out, np.array(whole, dtype=np.bool_)

    def cut(self, scan: Scan) -> tuple[list[Image.Image], list[bool]]:
        """Give what the network is shown of a scan, as 8-bit squares, and which are the whole of parts beside them."""
        pictures: list[Image.Image] = []
        whole: list[bool] = []
        for index in choose_slices(scan.shape[0], self.recipe.slices):
            own = self.pictures(scan.eight_bit(index), scan.modality)
            pictures += own
            whole += [False] * (len(own) - 1) + [self.recipe.whole and len(own) > 1]
        return pictures, whole

    def pictures(self, pixels: NDArray[np.float32] | NDArray[np.uint8], modality: str) -> list[Image.Image]:
        """Give what the network is shown of one slice (H, W) or (H, W, 3), in [0, 1] or in 8 bits: 8-bit squares."""
        image = as_image(pixels)
        side = (self.recipe.size, self.recipe.size)
        method = _FILTERS[self.recipe.interpolation]
        return [image.resize(side, method, box=box) for box in self.boxes(image, modality)]

    def boxes(self, image: Image.Image, modality: str) -> list[tuple[float, float, float, float]]:
        """Give the parts of an 8-bit image that become squares: (left, upper, right, lower) in pixels."""
        width, height = image.size
        field = locate(image, modality) if self.recipe.crop else Field(0, height, 0, width)
        tiles = tile_boxes(field, self.recipe.tiles, self.recipe.tile_step)
        return [*tiles, field.box] if self.recipe.whole and len(tiles) > 1 else tiles

    def _standardise(self, picture: Image.Image, out: NDArray[np.float32]) -> None:
        """Write a picture's channels (3, size, size) to `out`; grey fills all three."""
        values = np.asarray(picture).astype(np.float32)  # at once: casting inside of each ufunc is slow
        channels = values.transpose(2, 0, 1) if values.ndim == 3 else values[None]
        if self.recipe.standardise == "image":
            mean = channels.mean(axis=(1, 2), keepdims=True, dtype=np.float64)
            deviation = channels.std(axis=(1, 2), keepdims=True, dtype=np.float64)
            out[:] = (channels - mean) / np.maximum(deviation, 1.0)
        else:
            np.multiply(channels, self._factor, out=out)
            out += self._offset


def tile_boxes(field: Field, most: int, step: float = 1.0) -> list[tuple[float, float, float, float]]:
    """Cut a field along its longer side into at most `most` equal, nearly square boxes, as Pillow takes them.

    Each is as long as the field divided by their number, and lies `step` of its length from the one before; together
    they lie around the middle.
    """
    height, width = field.size
    count = max(1, min(most, round(max(height, width) / min(height, width))))
    if width >= height:
        return [(a, field.top, b, field.bottom) for a, b in _spans(field.left, field.right, count, step)]
    return [(field.left, a, field.right, b) for a, b in _spans(field.top, field.bottom, count, step)]


def _spans(first: int, end: int, count: int, step: float) -> list[tuple[float, float]]:
    if step == 1:
        return list(pairwise(np.linspace(first, end, count + 1).tolist()))
    length = (end - first) / count
    start = (first + end) / 2 - length * (1 + (count - 1) * step) / 2
    return [(start + number * step * length, start + (number * step + 1) * length) for number in range(count)]


def choose_slices(count: int, wanted: int) -> list[int]:
    """Choose at most `wanted` slices, evenly spread over the central part of `count`."""
    if wanted == 1:
        return [(count - 1) // 2]
    margin = (1 - CENTRAL_PART) / 2 * (count - 1)
    places = np.linspace(margin, count - 1 - margin, min(wanted, count))
    return sorted({int(place) for place in np.rint(places)})
