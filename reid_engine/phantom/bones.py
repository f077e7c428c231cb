"""Ribs, clavicles and spine of a chest radiograph."""

import numpy as np

from reid_engine.phantom.canvas import Array, Frame, ramp, stroke
from reid_engine.phantom.chest import SIDES, Chest, Exposure

BONE_STEP = 0.01
"""Distance between neighbouring points of a bone's axis, in anatomical units."""


def draw_spine(chest: Chest, x: Array, y: Array) -> Array:
    """Draw the vertebral column, darker at the discs: (H, W)."""
    column = ramp(chest.spine - np.abs(x), 0.03)
    discs = 0.5 + 0.5 * np.cos(2.0 * np.pi * (y - chest.apex) / chest.rib_gap)
    edges = np.exp(-0.5 * ((np.abs(x) - chest.spine) / 0.010) ** 2)
    return np.asarray(0.055 * column * (0.55 + 0.45 * discs) + 0.02 * edges)


def draw_bones(chest: Chest, taken: Exposure, frame: Frame, body: Array) -> Array:
    """Ribs and clavicles, each a faint fill between two denser edges."""
    fill, edge, size = np.zeros_like(body), np.zeros_like(body), frame.size
    spacing = frame.pixels(BONE_STEP)
    groups = [
        (_posterior_ribs(chest), chest.rib_width, 1.0),
        (_anterior_ribs(chest), chest.rib_width * 1.15, 0.55),
        (_clavicles(chest, taken), float(chest.clavicle[:, 2].mean()), 1.5),
    ]
    for lines, width, weight in groups:
        axis = np.concatenate(lines)
        ink = np.full(len(axis), spacing * weight)
        fill += stroke(frame.to_pixels(axis), ink, frame.pixels(width), size)
        border = np.concatenate([_offset(line, s * width / 2) for line in lines for s in SIDES])
        thin = max(frame.pixels(0.012), 1.1)
        edge += stroke(frame.to_pixels(border), np.tile(ink, 2), thin, size)
    return (0.080 * np.minimum(fill, 2.0) + 0.060 * np.minimum(edge, 2.0)) * body


def _posterior_ribs(chest: Chest) -> list[Array]:
    """Run from the spine up and out, then down along the chest wall: (N, 2) each."""
    lines = []
    for k, side in enumerate(SIDES):
        for n in range(10):
            start = chest.apex + 0.03 + n * chest.rib_gap + chest.rib_jitter[k, n]
            reach = _wall(chest, start + 0.6 * chest.rib_drop, chest.base[k])
            angle = np.linspace(0.0, 1.48, max(int((reach + 0.25) / BONE_STEP), 8))
            px = chest.spine + (reach - chest.spine) * np.sin(angle)
            py = start - 0.055 * np.sin(2.0 * angle) + chest.rib_drop * (1.0 - np.cos(angle)) ** 1.2
            lines.append(np.stack([side * px, py], axis=1))
    return lines


def _anterior_ribs(chest: Chest) -> list[Array]:
    """Run from the chest wall in and down, to where the cartilage begins."""
    lines = []
    for k, side in enumerate(SIDES):
        for n in range(1, 7):
            start = chest.apex + 0.03 + n * chest.rib_gap + chest.rib_drop + chest.rib_jitter[k, n]
            wall = _wall(chest, start, chest.base[k])
            along = np.linspace(0.0, 1.0, max(int(0.75 * wall / BONE_STEP), 8))
            px = wall - along * (wall - 0.22 - 0.02 * n)
            py = start + (0.20 + 0.02 * n) * np.sin(along * 1.35)
            lines.append(np.stack([side * px, py], axis=1))
    return lines


def _clavicles(chest: Chest, taken: Exposure) -> list[Array]:
    lines = []
    for k, side in enumerate(SIDES):
        rise, bow, _ = chest.clavicle[k]
        along = np.linspace(0.0, 1.0, int(0.66 / BONE_STEP))
        px = side * (0.075 + 0.62 * along) + 1.5 * taken.turn * (1.0 - along)
        py = chest.apex + 0.24 - rise * along - bow * np.sin(2.0 * np.pi * along)
        lines.append(np.stack([px, py], axis=1))
    return lines


def _wall(chest: Chest, y: float, base: float) -> float:
    t = float(np.clip((y - chest.apex) / (base - chest.apex), 0.02, 1.0))
    return float(chest.width * (1.0 - (1.0 - t) ** 3) ** 0.5)


def _offset(line: Array, distance: float) -> Array:
    """Move a line (N, 2) sideways."""
    along = np.gradient(line, axis=0)
    normal = np.stack([-along[:, 1], along[:, 0]], axis=1)
    return np.asarray(line + distance * normal / (np.hypot(along[:, 0], along[:, 1])[:, None] + 1e-9))
