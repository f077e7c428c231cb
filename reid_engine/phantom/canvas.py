"""What the three painters share: a coordinate frame, soft edges, strokes and smooth noise.

Everything is computed in float64 and quantised once, at the end: a unit in the last place, which is all that
two machines differ by, then changes no pixel.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Frame:
    """Where the anatomy lies in the picture.

    Anatomical coordinates run from -1 to 1 over the picture's width and height (x to the right, y down)
    before the session moves them.

    Parameters
    ----------
    size
        Pixels a side.
    shift
        Displacement (x, y) in anatomical units.
    rotation
        Radians, clockwise on the screen.
    scale
        Above 1 magnifies.
    """

    size: int
    shift: tuple[float, float] = (0.0, 0.0)
    rotation: float = 0.0
    scale: float = 1.0

    @cached_property
    def screen(self) -> tuple[Array, Array]:
        """Screen coordinates of the pixel centres: x (1, W) and y (H, 1), from -1 to 1."""
        axis = (np.arange(self.size) + 0.5) * (2.0 / self.size) - 1.0
        return axis[None, :], axis[:, None]

    @cached_property
    def grid(self) -> tuple[Array, Array]:
        """Anatomical coordinates of the pixel centres: x and y, (H, W) each."""
        x, y = self.screen
        x, y = (x - self.shift[0]) / self.scale, (y - self.shift[1]) / self.scale
        cos, sin = np.cos(self.rotation), np.sin(self.rotation)
        return x * cos + y * sin, y * cos - x * sin

    def to_pixels(self, points: Array) -> Array:
        """Map anatomical points (N, 2) as (x, y) to pixel positions (N, 2)."""
        cos, sin = np.cos(self.rotation), np.sin(self.rotation)
        turned = points @ np.array([[cos, sin], [-sin, cos]])
        screen = turned * self.scale + np.array(self.shift)
        return np.asarray((screen + 1.0) * (self.size / 2.0) - 0.5)

    def pixels(self, length: float) -> float:
        """Length in anatomical units -> pixels."""
        return length * self.scale * self.size / 2.0


def ramp(value: Array, softness: float) -> Array:
    """Rise from 0 to 1 around zero over a width of about `softness`, with smooth ends."""
    t = value / softness
    t += 0.5
    np.clip(t, 0.0, 1.0, out=t)
    smooth = t * t
    t *= -2.0
    t += 3.0
    smooth *= t
    return np.asarray(smooth)


def bump(x: Array, y: Array, centre: tuple[float, float], radii: tuple[float, float]) -> Array:
    """Gaussian hill of height 1, `radii` are the standard deviations."""
    far = ((x - centre[0]) / radii[0]) ** 2
    far = far + ((y - centre[1]) / radii[1]) ** 2
    far *= -0.5
    return np.asarray(np.exp(far, out=far))


def blur(picture: Array, sigma: float) -> Array:
    """Gaussian blur of (H, W), `sigma` in pixels."""
    return np.asarray(ndimage.gaussian_filter(picture, sigma, mode="nearest", truncate=3.0))


def stroke(points: Array, weights: Array, width: float, size: int) -> Array:
    """Draw dense points (N, 2), in pixels, as lines of the given width.

    Parameters
    ----------
    points
        Positions about half a pixel apart along each line.
    weights
        Ink (N,): the length of line that each point stands for, in pixels, times its darkness.
    width
        Full width of the line, in pixels.

    Returns
    -------
    Array
        (size, size), near 1 on the line's axis where `weights` is the plain spacing.
    """
    ink = np.zeros((size + 1) ** 2)
    base = np.floor(points).astype(np.int64)
    part = points - base
    inside = ((base >= 0) & (base < size)).all(axis=1)
    base, part, weights = base[inside], part[inside], weights[inside]
    for dx in (0, 1):
        for dy in (0, 1):
            share = np.abs(1 - dx - part[:, 0]) * np.abs(1 - dy - part[:, 1]) * weights
            flat = (base[:, 1] + dy) * (size + 1) + base[:, 0] + dx
            ink += np.bincount(flat, share, minlength=ink.size)
    sigma = max(width / 2.355, 0.45)
    ink *= sigma * np.sqrt(2.0 * np.pi)
    return blur(ink.reshape(size + 1, size + 1)[:size, :size], sigma)


def texture(rng: np.random.Generator, cells: int, sigma: float = 1.0) -> Array:
    """Draw a patch of smooth noise (cells, cells) with mean 0 and standard deviation 1."""
    patch = ndimage.gaussian_filter(rng.standard_normal((cells, cells)), sigma, mode="wrap")
    return np.asarray((patch - patch.mean()) / patch.std())


def drape(patch: Array, x: Array, y: Array, reach: float = 1.3) -> Array:
    """Lay a noise patch over anatomical coordinates, so that it moves with the anatomy."""
    to_cells = (patch.shape[0] - 1) / (2.0 * reach)
    where = np.stack([(y + reach) * to_cells, (x + reach) * to_cells])
    return np.asarray(ndimage.map_coordinates(patch, where, order=1, mode="nearest"))


def quantise(picture: Array) -> NDArray[np.uint8]:
    """Display values [0, 1] -> 8 bits."""
    return np.asarray(np.clip(np.rint(picture * 255.0), 0, 255), dtype=np.uint8)
