"""Vessels that branch, as dense points."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from reid_engine.phantom.canvas import Array, Frame, stroke

STEP = 0.008
"""Distance between neighbouring points of a vessel, in anatomical units."""


@dataclass(frozen=True)
class Shoot:
    """Where a vessel starts, and how it goes on.

    Attributes
    ----------
    start
        (x, y), anatomical units.
    heading, bend
        Radians: direction at the start (x to the right, y down) and the total turn.
    length, width
        Anatomical units; a vessel tapers to under half of its width.
    depth
        How many generations branch from it.
    """

    start: tuple[float, float]
    heading: float
    bend: float
    length: float
    width: float
    depth: int


@dataclass(frozen=True)
class Tree:
    """Points of all its vessels: (N, 2) positions and (N,) widths, in anatomical units."""

    points: Array
    widths: Array

    def draw(self, frame: Frame, ink: Array, classes: tuple[float, ...], mirrored: bool = False) -> Array:
        """Draw the tree in a few classes of width: (H, W), 0 none to 1 full; `ink` (N,) weighs the points."""
        pixels = frame.to_pixels(self.points * np.array([-1.0 if mirrored else 1.0, 1.0]))
        limits = [(a + b) / 2 for a, b in pairwise(classes)]
        number = np.digitize(self.widths, limits)
        total = np.zeros((frame.size, frame.size))
        for k, width in enumerate(classes):
            chosen = number == k
            drawn = max(frame.pixels(width), 1.1)  # a line narrower than a pixel is drawn fainter instead
            weights = ink[chosen] * (self.widths[chosen] / width) * frame.pixels(STEP)
            total += frame.pixels(width) / drawn * stroke(pixels[chosen], weights, drawn, frame.size)
        return np.asarray(1.0 - np.exp(-1.3 * total))


def grow(rng: np.random.Generator, shoots: Sequence[Shoot], tortuosity: float = 1.0) -> Tree:
    """Grow a tree from its trunks, one generation after the other."""
    points, widths = [], []
    young = np.zeros((0, len(TRAITS)))
    for depth in range(max(shoot.depth for shoot in shoots), -1, -1):
        trunks = [
            (*shoot.start, shoot.heading, shoot.bend, shoot.length, shoot.width)
            for shoot in shoots
            if shoot.depth == depth
        ]
        generation = np.concatenate([young, np.array(trunks).reshape(-1, len(TRAITS))])
        way = _trace(rng, generation, tortuosity)
        points.append(way.points[way.grown])
        widths.append(way.widths[way.grown])
        young = _sprout(rng, generation, way, 2 + 2 * depth) if depth else young
    return Tree(np.concatenate(points), np.concatenate(widths))


TRAITS = ("x", "y", "heading", "bend", "length", "width")
"""Columns of a generation's table (B, 6)."""


@dataclass(frozen=True)
class _Way:
    """Courses of B vessels of at most S steps."""

    points: Array  # (B, S, 2)
    angles: Array  # (B, S)
    widths: Array  # (B, S)
    steps: NDArray[np.int64]  # (B,)
    grown: NDArray[np.bool_]  # (B, S)


def _trace(rng: np.random.Generator, generation: Array, tortuosity: float) -> _Way:
    x, y, heading, bend, length, width = (column[:, None] for column in generation.T)
    steps = np.maximum((length / STEP).astype(np.int64), 4)
    index = np.arange(int(steps.max()))[None, :]
    along = np.minimum(index / (steps - 1), 1.0)
    wander = np.cumsum(rng.standard_normal(along.shape), axis=1) * (0.034 * tortuosity)
    wander -= along * np.take_along_axis(wander, steps - 1, axis=1)  # it comes back to its course
    angles = heading + bend * along + wander
    points = np.stack([x, y], axis=2) + STEP * np.cumsum(np.stack([np.cos(angles), np.sin(angles)], axis=2), axis=1)
    return _Way(points, angles, width * (1.0 - 0.55 * along), steps[:, 0], index < steps)


def _sprout(rng: np.random.Generator, generation: Array, way: _Way, count: int) -> Array:
    """Let each vessel branch `count` times, to alternating sides: the next generation's table."""
    shape = (len(generation), count)
    place = np.sort(rng.uniform(0.12, 0.95, shape), axis=1)
    at = (place * (way.steps[:, None] - 1)).astype(np.int64)
    side = np.where(rng.random((len(generation), 1)) < 0.5, 1.0, -1.0) * np.where(np.arange(count) % 2, -1.0, 1.0)
    turn, share = rng.uniform(0.45, 1.0, shape), rng.uniform(0.35, 0.75, shape)
    bend, taper = rng.uniform(0.0, 0.5, shape), rng.uniform(0.50, 0.72, shape)
    row = np.arange(len(generation))[:, None]
    start = way.points[row, at]
    table = [start[..., 0], start[..., 1], way.angles[row, at] + side * turn, -side * bend]
    table += [(0.25 + 0.55 * (1.0 - place)) * generation[:, 4:5] * share, way.widths[row, at] * taper]
    return np.stack([column.ravel() for column in table], axis=1)
