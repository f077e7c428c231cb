"""Values of the squares that a network sees, laid where the squares lie in the scan."""

import numpy as np
from numpy.typing import NDArray

from reid_engine.encoder.field import as_image
from reid_engine.encoder.model import Encoder
from reid_engine.encoder.preprocessing import choose_slices
from reid_engine.scan import Scan


def lay(encoder: Encoder, scan: Scan, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Lay the squares' cells (k, h, w) where they lie in the scan, (S, H, W).

    0 where there is no square; where several see the same place, what is lost in each adds up, to 1 at most.
    """
    from PIL import Image

    out = np.zeros(scan.shape[:3], dtype=np.float32)
    squares = iter(values)
    for index in choose_slices(scan.shape[0], encoder.preprocessing.recipe.slices):
        for box in encoder.preprocessing.boxes(as_image(scan.eight_bit(index)), scan.modality):
            left, top, right, bottom = (round(side) for side in box)
            size = (max(right - left, 1), max(bottom - top, 1))
            laid = Image.fromarray(next(squares)).resize(size, Image.Resampling.BILINEAR)
            out[index, top : top + size[1], left : left + size[0]] += np.asarray(laid)
    return np.minimum(out, 1)
