"""How much of a picture is left after a measure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_WINDOW = 7


@dataclass(frozen=True)
class Fidelity:
    """Likeness of two pictures of one shape.

    Attributes
    ----------
    ssim
        Mean structural similarity (Wang et al., IEEE Transactions on Image Processing 13, 2004), at most 1.
    psnr
        Peak signal-to-noise ratio in dB for display values in [0, 1]; None where nothing changed.
    """

    ssim: float
    psnr: float | None


def picture_fidelity(before: NDArray[np.float32], after: NDArray[np.float32]) -> Fidelity:
    """Compare slices (S, H, W) or (S, H, W, 3) of display values in [0, 1], slice by slice.

    Raises
    ------
    ValueError
        The shapes differ.
    """
    from skimage.metrics import structural_similarity

    if before.shape != after.shape:
        raise ValueError(f"slices of shape {before.shape} and {after.shape} cannot be compared")
    channel = -1 if before.ndim == 4 else None
    each = [
        structural_similarity(one, other, win_size=_WINDOW, data_range=1.0, channel_axis=channel)
        for one, other in zip(before, after, strict=True)
    ]
    error = float(np.mean((before.astype(np.float64) - after) ** 2))
    return Fidelity(float(np.mean(each)), float(10 * np.log10(1 / error)) if error > 0 else None)
