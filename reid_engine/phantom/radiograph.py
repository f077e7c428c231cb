"""Chest radiographs: the shadows of lungs, heart, vessels, breasts and bones, added up."""

import numpy as np

from reid_engine.phantom.bones import draw_bones, draw_spine
from reid_engine.phantom.canvas import Array, Frame, bump, drape, ramp
from reid_engine.phantom.chest import SIDES, Chest, Exposure, breathe, make_chest
from reid_engine.phantom.film import record
from reid_engine.phantom.person import Person

VESSEL_WIDTHS = (0.010, 0.018, 0.034)
"""Classes of lung vessel width that are drawn together, in anatomical units."""


def radiograph_view(who: Person, session: int) -> str:
    """Give the projection of a session: "PA" or, for about a quarter, "AP"."""
    return "AP" if who.rng(12, 50 + session).random() < 0.25 else "PA"


def render_radiograph(who: Person, session: int, size: int) -> Array:
    """Paint a frontal chest radiograph at one session: (size, size), display values in [0, 1]."""
    rng = who.rng(12, 100 + session)
    supine = radiograph_view(who, session) == "AP"
    frame = Frame(
        size,
        shift=(float(rng.normal(0, 0.03)), float(rng.normal(0, 0.03))),
        rotation=float(rng.normal(0, 0.03)),
        scale=float(np.exp(rng.normal(0.04 * supine, 0.04))),
    )
    settings = rng.normal([0.04 * supine, 0, 0, 0, 0, 0], [0.038, 0.02, 0.03, 0.04, 0.04, 0.04])
    taken = Exposure(supine, *map(float, settings))
    chest = breathe(make_chest(who, who.age_at(session)), taken)
    return record(_shadow(chest, taken, frame), taken, rng, frame)


def _shadow(chest: Chest, taken: Exposure, frame: Frame) -> Array:
    """Add up what each structure takes from the beam: (H, W), about 0 (air) to 1.1."""
    x, y = frame.grid
    body = _body(chest, x, y)
    heart = _heart(chest, x - 0.6 * taken.turn, y)
    air = _lungs(chest, x, y) * (1.0 - 0.88 * heart)
    soft = 0.50 + 0.04 * chest.habitus + 0.16 * ramp(y - 0.25, 1.1) + 0.025 * drape(chest.tissue, x, y)
    total = soft * body - (0.39 - 0.02 * chest.habitus) * air
    total += 0.030 * drape(chest.marking, x, y) * air
    total += 0.17 * air * chest.vessels.draw(frame, np.ones(len(chest.vessels.points)), VESSEL_WIDTHS)
    total += 0.05 * heart * ramp(0.75 - y, 0.3) + _hila(chest, x, y, air)
    total += _airway(chest, x - taken.turn, y)
    total += chest.bone * (draw_spine(chest, x, y) + draw_bones(chest, taken, frame, body))
    for side in SIDES:
        fold = np.hypot((x - side * 0.40) / 0.27, (y - 0.33) / 0.25)
        total += 0.11 * chest.breast * ramp(1.0 - fold, 0.30) * (0.6 + 0.4 * ramp(y - 0.30, 0.4)) * body
    return total


def _body(chest: Chest, x: Array, y: Array) -> Array:
    reach = np.abs(x)
    slope = -0.97 + chest.shoulder * ramp(reach - 0.42, 0.62) + 0.30 * np.maximum(reach - 0.55, 0.0) ** 2
    neck = ramp(0.30 + 0.05 * chest.habitus * 0.3 - reach, 0.05)
    trunk = ramp(y - slope, 0.05)
    flank = chest.width + 0.20 + 0.03 * chest.habitus
    side = ramp(flank + 0.35 * ramp(-0.15 - y, 0.5) - reach, 0.05)
    return np.maximum(neck, trunk) * side


def _lungs(chest: Chest, x: Array, y: Array) -> Array:
    lung = np.zeros_like(x)
    for side, base in zip(SIDES, chest.base, strict=True):
        out = x * side
        t = np.clip((y - chest.apex) / (base - chest.apex), 0.0, 1.0)
        wall = chest.width * np.sqrt(1.0 - (1.0 - t) ** 3)
        inner = 0.075 + 0.13 * (1.0 - t) ** 6
        floor = base + 0.05 - chest.dome * (1.0 - ((out / chest.width - 0.5) / 0.62) ** 2)
        lung += ramp(out - inner, 0.06) * ramp(wall - out, 0.05) * ramp(floor - y, 0.04)
    return lung


def _heart(chest: Chest, x: Array, y: Array) -> Array:
    """Silhouette of heart, great vessels and mediastinum: 0 to 1."""
    cos, sin = np.cos(chest.heart_tilt), np.sin(chest.heart_tilt)
    dx, dy = x - 0.12, y - 0.30
    along, across = dx * cos + dy * sin, dy * cos - dx * sin
    left = np.hypot(along / (chest.heart[0] * 1.25), across / chest.heart[1])
    right = np.hypot((x + 0.05) / chest.atrium, (y - 0.27) / 0.27)
    knob = np.hypot((x - 0.075) / chest.knob, (y + 0.33) / (chest.knob * 1.15))
    trunk = np.hypot((x - 0.10) / 0.085, (y + 0.10) / 0.20)
    band = ramp(chest.mediastinum - np.abs(x - 0.01), 0.05)
    shapes = [ramp(1.0 - left, 0.14), ramp(1.0 - right, 0.25), 0.9 * ramp(1.0 - knob, 0.3)]
    shapes += [0.8 * band, 0.85 * ramp(1.0 - trunk, 0.35)]
    return np.asarray(np.max(shapes, axis=0))


def _hila(chest: Chest, x: Array, y: Array, lung: Array) -> Array:
    glow = np.zeros_like(x)
    for root in chest.hilum:
        glow += bump(x, y, (root[0], root[1]), (0.055, 0.085))
    return 0.13 * glow * (0.3 + 0.7 * lung)


def _airway(chest: Chest, x: Array, y: Array) -> Array:
    """Trachea and main bronchi let more of the beam through; so does the stomach's bubble."""
    trachea = ramp(0.034 - np.abs(x - 0.012 * (y + 0.3)), 0.03) * ramp(-0.26 - y, 0.06)
    air = -0.10 * trachea
    for side in SIDES:
        bronchus = np.abs(y + 0.26 - 0.75 * x * side) / 1.25
        air = air - 0.05 * ramp(0.022 - bronchus, 0.03) * ramp(x * side, 0.02) * ramp(0.17 - x * side, 0.06)
    bubble = np.hypot((x - 0.33) / 0.13, (y - chest.base[1] - 0.02) / 0.055)
    return np.asarray(air - 0.17 * max(chest.bubble, 0.0) * ramp(1.0 - bubble, 0.3))
