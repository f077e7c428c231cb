"""What a chest is like: anatomy of one subject, and what a session does to it."""

from dataclasses import dataclass, replace

import numpy as np

from reid_engine.phantom.canvas import Array, texture
from reid_engine.phantom.person import Person
from reid_engine.phantom.tree import Shoot, Tree, grow

SIDES = (-1.0, 1.0)
"""The patient's right lung lies on the screen's left (-1)."""


@dataclass(frozen=True)
class Chest:
    """Anatomy of one chest; lengths in anatomical units, the picture's half width is 1."""

    width: float
    apex: float
    base: tuple[float, float]
    dome: float
    heart: tuple[float, float]
    """Half width and half height of the heart's left part."""
    heart_tilt: float
    atrium: float
    knob: float
    mediastinum: float
    spine: float
    rib_gap: float
    rib_drop: float
    rib_width: float
    rib_jitter: Array
    clavicle: Array
    """(2, 3) for each side: rise, bow, width."""
    shoulder: float
    habitus: float
    breast: float
    bone: float
    hilum: Array
    vessels: Tree
    marking: Array
    tissue: Array
    bubble: float


@dataclass(frozen=True)
class Exposure:
    """What a session adds: projection, inspiration, patient's turn, settings."""

    supine: bool
    breath: float
    turn: float
    shrug: float
    kilovolt: float
    exposure: float
    curve: float


def make_chest(who: Person, age: float) -> Chest:
    """Draw a subject's chest at an age in years."""
    rng = who.rng(12)
    sex, old = who.sex_trait(rng), (age - 54.0) / 30.0
    build = rng.normal(0, 1, 12)
    heart = 0.255 + 0.042 * build[0] + 0.030 * old
    hilum = np.array([[-0.17, -0.06], [0.17, -0.10]]) + rng.normal(0, 0.02, (2, 2))
    return Chest(
        width=0.70 + 0.042 * build[1] - 0.022 * sex,
        apex=-0.78 + 0.03 * build[2],
        base=(0.58 + 0.04 * build[3] - 0.02 * sex, 0.61 + 0.04 * build[4] - 0.02 * sex),
        dome=0.17 + 0.045 * build[5],
        heart=(heart, 0.25 + 0.038 * build[6]),
        heart_tilt=0.45 + 0.25 * build[7],
        atrium=0.16 + 0.030 * build[8],
        knob=0.070 + 0.020 * build[9] + 0.030 * old,
        mediastinum=0.115 + 0.022 * float(rng.normal()) + 0.008 * old,
        spine=0.062 + 0.006 * float(rng.normal()),
        rib_gap=0.128 + 0.008 * build[10],
        rib_drop=0.17 + 0.05 * build[11] + 0.02 * old,
        rib_width=0.040 + 0.008 * float(rng.normal()) - 0.002 * sex,
        rib_jitter=rng.normal(0, 0.012, (2, 11)),
        clavicle=rng.normal([0.12, 0.035, 0.042], [0.06, 0.028, 0.009], (2, 3)),
        shoulder=0.30 + 0.07 * float(rng.normal()),
        habitus=float(rng.normal()),
        breast=float(np.clip(0.55 + 0.5 * sex, 0.0, None)),
        bone=float(np.clip(1.0 - 0.25 * old + 0.10 * rng.normal() - 0.05 * sex, 0.5, 1.4)),
        hilum=hilum,
        vessels=grow(rng, _lung_trunks(rng, hilum), 0.8),
        marking=texture(rng, 128, 1.3),
        tissue=texture(rng, 24, 1.5),
        bubble=float(rng.uniform(-0.3, 1.0)),
    )


def _lung_trunks(rng: np.random.Generator, hilum: Array) -> list[Shoot]:
    """Fan vessels out of both hila; more of them go down than up."""
    shoots = []
    for side, root in zip(SIDES, hilum, strict=True):
        for angle in np.array([-1.25, -0.7, -0.15, 0.35, 0.8, 1.2]) + rng.normal(0, 0.14, 6):
            heading = angle if side > 0 else np.pi - angle
            start = (float(root[0]), float(root[1]))
            length = 0.42 + 0.10 * float(rng.normal())
            shoots.append(Shoot(start, float(heading), float(rng.normal(0, 0.3)), length, 0.036, 2))
    return shoots


def breathe(chest: Chest, taken: Exposure) -> Chest:
    """Move the diaphragm, and magnify the heart where the beam came from the front."""
    grown = 1.14 if taken.supine else 1.0
    return replace(
        chest,
        base=(chest.base[0] - taken.breath, chest.base[1] - taken.breath),
        heart=(chest.heart[0] * grown, chest.heart[1] * (1.0 - taken.breath)),
        mediastinum=chest.mediastinum * (1.10 if taken.supine else 1.0),
        rib_gap=chest.rib_gap * (1.0 - 0.8 * taken.breath),
        rib_drop=chest.rib_drop - 0.9 * taken.breath,
        clavicle=chest.clavicle + np.array([taken.shrug, 0.0, 0.0]),
    )
