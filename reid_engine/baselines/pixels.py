"""The picture itself, small and grey, in the place of an embedding."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from reid_engine.baselines.handmade import HandMade
from reid_engine.encoder.field import as_image, locate

SIDE = 32
"""Side in pixels of the small picture; 16 and 64 re-identify as many, within 5 points either way."""


class PixelEncoder(HandMade):
    """Grey display values of the field that an encoder is shown, averaged to SIDE x SIDE.

    Each image's brightness and contrast are left in. Who compares raw pixels compares them too, and without them the
    baseline would be weaker where a session is recognised by its light. What they do alone, the baseline
    `border-exposure` says.
    """

    def __init__(self) -> None:
        super().__init__("pixels", SIDE * SIDE, {"side": SIDE, "channels": "grey", "filter": "area", "crop": "field"})

    def features(self, pixels: NDArray[np.float32], modality: str) -> NDArray[np.float32]:
        """Give the small picture (SIDE * SIDE,), row by row, in [0, 1]."""
        image = as_image(pixels)
        field = locate(image, modality)
        small = image.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX, box=field.box)
        return np.asarray(small, dtype=np.float32).ravel() / np.float32(255)
