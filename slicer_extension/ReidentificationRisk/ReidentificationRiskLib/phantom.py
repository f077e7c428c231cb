"""A drawing that looks like a chest x-ray, of nobody, to try the panel on."""

import numpy as np

SIZE = 512  # pixels of a side
SPACING = 0.7  # millimetres between pixels of a drawing of SIZE
GREYS = 4095  # of 12 bits, as detectors have them


def draw_chest(seed: int = 1, size: int = SIZE) -> np.ndarray:
    """Draw a chest; another seed is somebody else.

    Returns
    -------
    np.ndarray
        (size, size) uint16 from 0 to GREYS, bones bright.
    """
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    build = rng.normal(0, 1, 8)
    wide = 0.80 + 0.03 * build[0]
    shape = np.hypot(np.clip(np.abs(x) / wide, 0, None) ** 1.6, np.clip(-(y + 0.45), 0, None) * 1.25)
    body = _soft(1.02 - shape, 0.05)
    thick = body * (0.62 + 0.16 * np.clip(y, -1, 1) - 0.10 * x**2)

    lungs = np.zeros_like(x)
    for side in (-1.0, 1.0):
        middle = side * (0.40 + 0.015 * build[1])
        half = (0.27 + 0.015 * build[2]) * (1.0 + 0.25 * np.clip(y + 0.6, 0, 1.2))
        oval = 1 - ((x - middle) / half) ** 2 - ((y - 0.0) / 0.70) ** 4
        dome = (0.48 - 0.03 * side + 0.02 * build[3]) + 0.9 * (x - middle) ** 2 - y
        lungs = np.maximum(lungs, _soft(oval, 0.18) * _soft(dome, 0.04))
    picture = thick - 0.40 * lungs

    heart = _soft(1 - ((x - 0.13) / (0.30 + 0.02 * build[4])) ** 2 - ((y - 0.28 - 0.15 * x) / 0.30) ** 2, 0.25)
    chest = _soft(1 - (x / (0.15 + 0.01 * build[5])) ** 2, 0.9) * body
    knob = _soft(1 - ((x - 0.13) / 0.09) ** 2 - ((y + 0.22) / 0.10) ** 2, 0.4)
    picture += 0.17 * heart + 0.10 * chest + 0.07 * knob
    picture += 0.06 * _soft(1 - (x / 0.065) ** 2, 0.3) * (1 + 0.5 * np.cos(y * (52 + 2 * build[6]))) * body
    picture += _ribs(x, y, rng, float(build[7])) * body + _vessels(x, y, rng) * lungs
    picture = 1.12 * (1 - np.exp(-1.6 * np.clip(picture, 0, None)))  # a film's shoulder: dense parts do not burn out
    picture = picture + 0.006 * _smooth_noise(rng, size) + 0.004 * rng.normal(0, 1, (size, size))
    return np.rint(np.clip(0.05 + 0.95 * picture, 0, 1) * GREYS).astype(np.uint16)


def _ribs(x: np.ndarray, y: np.ndarray, rng: np.random.Generator, build: float) -> np.ndarray:
    """Draw what lies behind and before the lungs: eleven ribs a side, and the collar bones."""
    drawn = np.zeros_like(x)
    away = np.abs(x)
    for side in (-1.0, 1.0):
        there = _soft(side * x - 0.06, 0.03)
        for k in range(11):
            wobble = rng.normal(0, 0.008, 2)
            top = -0.74 + (0.122 + 0.004 * build) * k + wobble[0]
            behind = y - (top + 0.10 * away - 0.35 * np.clip(away - 0.45, 0, None) ** 2 * -2.2)
            before = y - (top + 0.12 + 0.62 * (0.68 - away) + wobble[1])
            ends = _soft(0.70 - away, 0.04)
            drawn += 0.060 * _band(behind, 0.026) * there * ends
            if k < 7:
                drawn += 0.034 * _band(before, 0.030) * there * ends * _soft(away - 0.28, 0.10)
        collar = y - (-0.62 - 0.22 * away + 0.05 * np.sin(6 * away) + rng.normal(0, 0.01))
        drawn += 0.10 * _band(collar, 0.024) * there * _soft(0.78 - away, 0.05)
    return drawn


def _vessels(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw vessels that run from each lung's root outwards and become thin."""
    drawn = np.zeros_like(x)
    for side in (-1.0, 1.0):
        root = (side * 0.17, 0.0)
        for angle in np.linspace(-1.25, 1.25, 9) + rng.normal(0, 0.07, 9):
            along = (x - root[0]) * side * np.cos(angle) + (y - root[1]) * np.sin(angle)
            across = -(x - root[0]) * side * np.sin(angle) + (y - root[1]) * np.cos(angle)
            across = across - 0.04 * np.sin(along * rng.uniform(5, 9) + rng.uniform(0, 6))
            width = 0.020 * np.clip(1 - along / 0.55, 0.08, 1)
            drawn += 0.10 * np.exp(-((across / width) ** 2)) * _soft(along, 0.03) * _soft(0.50 - along, 0.15)
        drawn += 0.12 * np.exp(-(((x - root[0]) / 0.06) ** 2 + ((y - root[1]) / 0.10) ** 2))
    return drawn


def _smooth_noise(rng: np.random.Generator, size: int) -> np.ndarray:
    """Give noise without fine detail, as tissue has it."""
    grain, picture = 64, np.zeros((size, size))
    while grain >= 8:
        coarse = rng.normal(0, 1, (size // grain + 2, size // grain + 2))
        picture += _enlarge(coarse, grain)[:size, :size]
        grain //= 2
    return picture


def _enlarge(coarse: np.ndarray, times: int) -> np.ndarray:
    """Enlarge by whole times with straight lines between the points."""
    rows, columns = (np.arange((n - 1) * times) / times for n in coarse.shape)
    tall = np.stack([np.interp(rows, np.arange(coarse.shape[0]), column) for column in coarse.T], axis=1)
    return np.stack([np.interp(columns, np.arange(coarse.shape[1]), row) for row in tall])


def _soft(distance: np.ndarray, width: float) -> np.ndarray:
    """Give a step from 0 to 1 that is so wide."""
    return 1 / (1 + np.exp(np.clip(-distance / (width / 4), -50, 50)))


def _band(distance: np.ndarray, width: float) -> np.ndarray:
    """Give a bone's profile: dense at its edges."""
    inside = np.abs(distance) / width
    return np.where(inside < 1, 0.55 + 0.45 * inside**4, np.exp(-(((inside - 1) * 3) ** 2)))
