"""Pictures as they might look at a second visit, and then as the network takes them.

Another visit means another exposure and contrast, a patient who stands a little elsewhere, nearer or turned, another
collimation, sharpness and noise, other annotations and other devices in the picture. Never a mirror: it would turn a
left eye into a right one, and an anatomy into another person's.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from reid_engine.encoder.spec import Recipe

ROTATION = 8.0
"""Largest turn either way, in degrees."""

SCALE, ASPECT, SHIFT = 0.12, 0.04, 0.06
"""Largest change of size and of the sides' ratio (logarithms), and shift as share of a side; zooming in crops."""

GAMMA, CONTRAST, BRIGHTNESS, TINT = 0.3, 0.25, 0.08, 0.06
"""Largest change of exposure (logarithm of gamma), of contrast and colour channels (shares), and of display values."""

BLUR, NOISE = 1.2, 0.03
"""Largest deviation of the blur, in pixels of a side of 224, and of the noise, in display values."""

BLUR_REACH = 3
"""Half width of the blur's kernel in pixels."""

COVERS = 3
"""Patches that may hide a part; each is there in every other picture."""

COVER_SIDES = (0.05, 0.3)
"""Shortest and longest side of a patch, as shares of the picture's."""

Squares = NDArray[np.uint8]


def second_visit(squares: Squares, rng: np.random.Generator) -> Tensor:
    """Change pictures at random, each in its own way.

    Parameters
    ----------
    squares
        (B, C, s, s) in 8 bits; C is 1 or 3.
    rng
        All chance comes from it: the same state gives the same pictures.

    Returns
    -------
    Tensor
        (B, C, s, s) float32 display values in [0, 1].
    """
    values = torch.from_numpy(np.ascontiguousarray(squares)).float() / 255
    values = _move(values, rng)
    values = _expose(values, rng)
    values = _blur(values, rng)
    values = _cover(values, rng)
    return _add_noise(values, rng).clamp_(0, 1)


def resize_squares(squares: Squares, size: int | None) -> Squares:
    """Give pictures (B, C, s, s) with sides of `size` pixels, averaging where they shrink; None keeps them."""
    if size in (None, squares.shape[-1]):
        return squares
    pictures = torch.from_numpy(np.ascontiguousarray(squares))
    resized: Squares = functional.interpolate(pictures, size=(size, size), mode="bilinear", antialias=True).numpy()
    return resized


def as_input(values: Tensor, recipe: Recipe) -> Tensor:
    """Standardise display values (B, C, s, s) as the recipe's preprocessing does: (B, 3, s, s)."""
    if recipe.standardise == "image":
        mean = values.mean(dim=(2, 3), keepdim=True)
        deviation = values.std(dim=(2, 3), keepdim=True, correction=0).clamp_min(1 / 255)
    else:
        mean = torch.tensor(recipe.mean, device=values.device)[:, None, None]
        deviation = torch.tensor(recipe.std, device=values.device)[:, None, None]
    standard: Tensor = (values - mean) / deviation
    return standard.expand(-1, 3, -1, -1)


def _uniform(rng: np.random.Generator, low: float, high: float, count: int) -> Tensor:
    return torch.from_numpy(rng.uniform(low, high, count).astype(np.float32))


def _some(rng: np.random.Generator, count: int) -> Tensor:
    """Give 1 for about every other picture, else 0."""
    return torch.from_numpy((rng.random(count) < 0.5).astype(np.float32))


def _move(values: Tensor, rng: np.random.Generator) -> Tensor:
    """Turn, scale, stretch and shift; what comes in from outside continues the border."""
    count = len(values)
    angle = _uniform(rng, -ROTATION, ROTATION, count) * (math.pi / 180)
    size, aspect = (torch.exp(_uniform(rng, -most, most, count)) for most in (SCALE, ASPECT))
    x, y = (2 * _uniform(rng, -SHIFT, SHIFT, count) for _ in range(2))
    cos, sin = torch.cos(angle), torch.sin(angle)
    rows = [torch.stack([cos * size * aspect, -sin * size, x], 1), torch.stack([sin * size, cos * size / aspect, y], 1)]
    grid = functional.affine_grid(torch.stack(rows, 1), list(values.shape), align_corners=False)
    return functional.grid_sample(values, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _expose(values: Tensor, rng: np.random.Generator) -> Tensor:
    """Change exposure, contrast and brightness, and the balance of colours where there are any."""
    count, channels = values.shape[:2]
    gamma = torch.exp(_uniform(rng, -GAMMA, GAMMA, count)).view(-1, 1, 1, 1)
    contrast = 1 + _uniform(rng, -CONTRAST, CONTRAST, count).view(-1, 1, 1, 1)
    brightness = _uniform(rng, -BRIGHTNESS, BRIGHTNESS, count).view(-1, 1, 1, 1)
    tint = 1 + _uniform(rng, -TINT, TINT, 3 * count).view(count, 3, 1, 1)
    coloured = (values - values[:, :1]).abs().amax(dim=(1, 2, 3)).gt(1 / 255).view(-1, 1, 1, 1)
    exposed = values.clamp(1e-4, 1) ** gamma
    mean = exposed.mean(dim=(1, 2, 3), keepdim=True)
    changed = (exposed - mean) * contrast + mean + brightness
    return torch.where(coloured, changed * tint[:, :channels], changed)


def _blur(values: Tensor, rng: np.random.Generator) -> Tensor:
    """Blur every other picture, each by its own Gaussian, along one axis and then the other."""
    count, channels, side, _ = values.shape
    deviation = (_uniform(rng, 0, BLUR, count) * _some(rng, count) * (side / 224)).clamp_min(1e-2)
    places = torch.arange(-BLUR_REACH, BLUR_REACH + 1, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (places / deviation[:, None]) ** 2)
    kernel = (kernel / kernel.sum(dim=1, keepdim=True)).repeat_interleave(channels, dim=0)[:, None]
    flat = values.reshape(1, count * channels, side, side)
    padded = functional.pad(flat, (BLUR_REACH,) * 4, mode="replicate")
    rows = functional.conv2d(padded, kernel[:, :, :, None], groups=count * channels)
    both = functional.conv2d(rows, kernel[:, :, None, :], groups=count * channels)
    return both.reshape(values.shape)


def _cover(values: Tensor, rng: np.random.Generator) -> Tensor:
    """Hide patches, half of them at the border where annotations are, under one value each."""
    count, _, side, _ = values.shape
    line = (torch.arange(side, dtype=torch.float32) + 0.5) / side
    for _ in range(COVERS):
        height, width = (_uniform(rng, *COVER_SIDES, count) for _ in range(2))
        y, x = (_uniform(rng, 0, 1, count) for _ in range(2))
        outside = _some(rng, count)
        y = outside * torch.round(y) + (1 - outside) * y  # 0 or 1 touches the border
        top, left = y * (1 - height), x * (1 - width)
        inside_rows = (line >= top[:, None]) & (line < (top + height)[:, None])
        inside_columns = (line >= left[:, None]) & (line < (left + width)[:, None])
        hidden = inside_rows[:, None, :, None] & inside_columns[:, None, None, :]
        hidden &= _some(rng, count).bool().view(-1, 1, 1, 1)
        values = torch.where(hidden, _uniform(rng, 0, 1, count).view(-1, 1, 1, 1), values)
    return values


def _add_noise(values: Tensor, rng: np.random.Generator) -> Tensor:
    """Add noise to every other picture."""
    count = len(values)
    deviation = (_uniform(rng, 0, NOISE, count) * _some(rng, count)).view(-1, 1, 1, 1)
    dice = torch.Generator().manual_seed(int(rng.integers(2**62)))
    return values + deviation * torch.randn(values.shape, generator=dice)
