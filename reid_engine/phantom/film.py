"""How a radiograph is recorded: scatter, exposure, noise, side marker, collimator."""

import numpy as np
from scipy import ndimage

from reid_engine.phantom.canvas import Array, Frame, blur, ramp
from reid_engine.phantom.chest import Exposure

GLYPHS = {
    "L": ("X....", "X....", "X....", "X....", "X....", "X....", "XXXXX"),
    "R": ("XXXX.", "X...X", "X...X", "XXXX.", "X.X..", "X..X.", "X...X"),
}
"""The lead markers' letters."""


def record(shadow: Array, taken: Exposure, rng: np.random.Generator, frame: Frame) -> Array:
    """Scatter, expose and print the shadow; put the side marker on it and close the collimator."""
    contrast = float(np.exp(taken.kilovolt))
    picture = np.tanh(0.05 + (0.45 + contrast * (1.25 * shadow - 0.45)) * float(np.exp(taken.exposure)))
    picture = picture * 0.92 + 0.08 * _scatter(picture)
    picture = np.clip(picture, 0.0, 1.0) ** float(np.exp(taken.curve))
    focus = float(abs(rng.normal(0, 0.003))) * frame.size
    picture = blur(picture, focus) if focus > 0.3 else picture
    noise = rng.normal(0.0, 0.006 + 0.008 * float(rng.random()), picture.shape)
    picture = picture + noise * np.sqrt(np.clip(1.1 - picture, 0.05, None))
    picture = _marker(picture, rng, frame)
    return np.clip(picture * _collimator(rng, frame) + 0.01, 0.0, 1.0)


def _scatter(picture: Array) -> Array:
    """Blur widely, over a twentieth of the picture, on every fourth pixel."""
    coarse = blur(picture[::4, ::4], 0.0125 * len(picture))
    rows = np.arange(len(picture)) / 4.0
    return np.asarray(ndimage.map_coordinates(coarse, np.meshgrid(rows, rows, indexing="ij"), order=1, mode="nearest"))


def _marker(picture: Array, rng: np.random.Generator, frame: Frame) -> Array:
    letter = "LR"[int(rng.random() < 0.4)]
    side = 1.0 if letter == "L" else -1.0
    x, y = frame.screen
    height = 0.10 + 0.03 * float(rng.random())
    left, top = side * float(rng.uniform(0.72, 0.80)) - 0.04, float(rng.uniform(-0.86, -0.70))
    rows = np.floor((y - top) / height * 7).astype(np.int64)
    columns = np.floor((x - left) / (height * 0.62) * 5).astype(np.int64)
    glyph = np.pad(np.array([[c == "X" for c in line] for line in GLYPHS[letter]], dtype=np.float64), 1)
    ink = glyph[np.clip(rows, -1, 7) + 1, np.clip(columns, -1, 5) + 1]
    return np.maximum(picture, 0.95 * blur(ink, 0.4))


def _collimator(rng: np.random.Generator, frame: Frame) -> Array:
    x, y = frame.screen
    lean = float(rng.normal(0, 0.012))
    edges = 1.0 - np.clip(rng.normal([0.0, 0.0, 0.0, 0.0], 0.05), 0.0, 0.12)
    u, v = x + lean * y, y - lean * x
    inside = ramp(edges[0] - u, 0.02) * ramp(edges[1] + u, 0.02)
    return inside * ramp(edges[2] - v, 0.02) * ramp(edges[3] + v, 0.02)
