"""A map drawn over the scan that it belongs to."""

import io

import numpy as np
from numpy.typing import NDArray

from reid_engine.scan import Scan

OPACITY = 0.6
"""Of the colour where the map is highest; where it is 0 the scan shows as it is."""


def heat_png(scan: Scan, map_: NDArray[np.float32]) -> bytes:
    """Draw the slice where a map (S, H, W) is highest as PNG, the map in colour over it."""
    import matplotlib
    from PIL import Image

    index = int(map_.max(axis=(1, 2)).argmax())
    most = float(map_[index].max())
    share = map_[index] / most if most > 0 else map_[index]
    colour = matplotlib.colormaps["inferno"](share)[..., :3]
    grey = scan.eight_bit(index).astype(np.float64) / 255
    below = grey if grey.ndim == 3 else np.repeat(grey[..., None], 3, axis=2)
    opacity = OPACITY * share[..., None]
    drawn = np.rint(255 * ((1 - opacity) * below + opacity * colour)).astype(np.uint8)
    written = io.BytesIO()
    Image.fromarray(drawn).save(written, format="PNG")
    return written.getvalue()
