"""OCT b-scans: retinal layers with a foveal pit, choroid, vessel shadows and speckle."""

from dataclasses import dataclass

import numpy as np

from reid_engine.phantom.canvas import Array, blur, drape, ramp, texture
from reid_engine.phantom.person import Person

LAYERS = (
    # thickness away from the fovea, its change at the fovea, reflectivity; from the pigment epithelium up
    ("pigment epithelium", 0.030, 0.00, 0.86),
    ("outer segments", 0.022, 0.40, 0.44),
    ("ellipsoid zone", 0.016, 0.00, 0.80),
    ("outer nuclear", 0.110, 0.45, 0.25),
    ("outer plexiform", 0.032, -0.90, 0.50),
    ("inner nuclear", 0.050, -0.97, 0.31),
    ("inner plexiform", 0.050, -0.97, 0.50),
    ("ganglion cells", 0.055, -0.97, 0.40),
    ("nerve fibres", 0.038, -0.97, 0.78),
)
"""The retina's layers, thickness in anatomical units (the picture's half height is 1)."""

NERVE_FIBRES = len(LAYERS) - 1
GANGLION_CELLS = len(LAYERS) - 2


@dataclass(frozen=True)
class Macula:
    """Anatomy of one eye along the b-scan, told as a right eye (nose on the right)."""

    mirrored: bool
    waves: Array
    """(L, 2, K) Fourier coefficients of each layer's thickness over the b-scan."""
    pit_width: float
    pit_depth: float
    rim: float
    thickness: float
    bow: float
    choroid_depth: float
    choroid: Array
    shadows: Array
    """(V, 2) position and width of the vessels that cross the b-scan."""
    drusen: Array
    """(M, 3) position, width and height."""


@dataclass(frozen=True)
class View:
    """How one session's scan lies: all in anatomical units, `level` is the epithelium's height."""

    shift: float
    zoom: float
    level: float
    tilt: float
    stretch: float


def render_oct(who: Person, eye: str, session: int, size: int) -> Array:
    """Paint a foveal b-scan of one eye at one session: (size, size), display values in [0, 1]."""
    anatomy = _anatomy(who, eye, who.age_at(session))
    rng = who.rng(11, "LR".index(eye), 100 + session)
    shift, zoom, level, tilt, stretch = rng.normal([0, 0, 0.22, 0, 0], [0.07, 0.03, 0.09, 0.07, 0.03])
    view = View(float(shift), float(np.exp(zoom)), float(level), float(tilt), float(np.exp(stretch)))
    return _record(_tissue(anatomy, view, size), rng, size)


def _anatomy(who: Person, eye: str, age: float) -> Macula:
    style = who.rng(11)  # what both eyes share
    sex, old = who.sex_trait(style), (age - 54.0) / 30.0
    pit = style.normal([0.20, 1.0, 1.0, 0.0], [0.022, 0.03, 0.05, 0.04])
    depth = 0.30 * float(np.exp(0.14 * style.normal() - 0.18 * sex - 0.32 * old))
    own = who.rng(11, "LR".index(eye))
    waves = own.normal(0, 1, (len(LAYERS), 2, 5)) * (0.11 / np.sqrt(np.arange(1, 6)))
    drusen = int(max(0.0, 8.0 * old + 2.0 * float(own.normal())))
    vessels = int(own.integers(4, 9))
    return Macula(
        mirrored=eye == "L",
        waves=waves,
        pit_width=float(np.clip(pit[0] + 0.030 * sex, 0.09, 0.34)),
        pit_depth=float(np.clip(pit[1] - 0.035 * sex, 0.75, 1.03)),
        rim=float(0.45 + 0.18 * own.normal()),
        thickness=float(pit[2] - 0.085 * sex - 0.07 * old),
        bow=float(pit[3]),
        choroid_depth=depth,
        choroid=texture(own, 96, 1.7),
        shadows=np.stack([_away_from_fovea(own, vessels), own.uniform(0.010, 0.026, vessels)], axis=1),
        drusen=own.uniform([-0.8, 0.02, 0.010], [0.8, 0.06, 0.045], (drusen, 3)),
    )


def _away_from_fovea(rng: np.random.Generator, count: int) -> Array:
    return np.asarray(rng.choice([-1.0, 1.0], count) * rng.uniform(0.32, 1.0, count))


def _tissue(eye: Macula, view: View, size: int) -> Array:
    """Paint mean reflectivity, (H, W)."""
    axis = (np.arange(size) + 0.5) * (2.0 / size) - 1.0
    x = (axis - view.shift) / view.zoom
    x = -x if eye.mirrored else x
    thick = _thickness(eye, x) * view.stretch
    lift = (eye.drusen[:, 2:] * np.exp(-0.5 * ((x - eye.drusen[:, :1]) / eye.drusen[:, 1:2]) ** 2)).sum(axis=0)
    floor = view.level + view.tilt * axis + eye.bow * x**2
    y = axis[:, None]
    tops = floor - lift - np.cumsum(thick, axis=0)
    soft = 2.4 / size
    picture = np.full((size, size), 0.085)  # vitreous
    value = 0.085
    for k in range(len(LAYERS) - 1, -1, -1):
        picture += (LAYERS[k][3] - value) * ramp(y - tops[k], soft if k else 2 * soft)
        value = LAYERS[k][3]
    below = ramp(y - floor, soft)
    picture = picture * (1.0 - below) + below * _choroid(eye, x, y - floor)
    gap = ramp(floor - y, soft) * ramp(y - (floor - lift), soft)  # what lifts the epithelium is dim
    picture = picture * (1.0 - gap) + gap * 0.38
    return _vessels(eye, x, y, tops, picture)


def _thickness(eye: Macula, x: Array) -> Array:
    """Thickness of each layer along the b-scan, (L, W)."""
    pit = eye.pit_depth * np.exp(-0.5 * (x / eye.pit_width) ** 2)
    rim = eye.rim * np.exp(-0.5 * ((np.abs(x) - 2.0 * eye.pit_width) / (0.8 * eye.pit_width)) ** 2)
    turns = np.pi * np.arange(1, 6)[:, None] * x
    wave = eye.waves[:, 0] @ np.cos(turns) + eye.waves[:, 1] @ np.sin(turns)
    base = np.array([layer[1] for layer in LAYERS])[:, None]
    change = np.array([layer[2] for layer in LAYERS])[:, None]
    thick = base * eye.thickness * (1.0 + wave * np.array([0.4, 0.4, 0.2] + [1.0] * 6)[:, None])
    thick[GANGLION_CELLS] *= 1.0 + rim
    thick[NERVE_FIBRES] *= np.clip(0.75 + 0.75 * x, 0.25, None)  # fibres gather towards the nose
    return np.asarray(np.maximum(thick * (1.0 + change * pit), 0.002))


def _choroid(eye: Macula, x: Array, depth: Array) -> Array:
    """Reflectivity below the epithelium: vessels in the choroid, then the sclera, fading."""
    lumen = ramp(drape(eye.choroid, np.broadcast_to(x * 0.9, depth.shape), depth * 2.2 - 0.6) - 0.35, 0.8)
    sponge = 0.60 - 0.30 * lumen * ramp(depth - 0.035, 0.04)
    inside = ramp(eye.choroid_depth + 0.02 * np.cos(3.0 * x) - depth, 0.05)
    return np.asarray((sponge * inside + 0.44 * (1.0 - inside)) * np.exp(-depth / 0.42) + 0.06)


def _vessels(eye: Macula, x: Array, y: Array, tops: Array, picture: Array) -> Array:
    """Put vessels into the nerve fibres, with the shadow that each casts."""
    for place, width in eye.shadows:
        column = np.exp(-0.5 * ((x - place) / width) ** 2)
        top = tops[NERVE_FIBRES] + 0.03
        picture = picture * (1.0 - 0.38 * column * ramp(y - top - 0.02, 0.05))
        picture = picture + 0.25 * column * np.exp(-0.5 * ((y - top) / (0.7 * width)) ** 2)
    return picture


def _record(tissue: Array, rng: np.random.Generator, size: int) -> Array:
    """Give it this session's signal, shadowing, speckle and display curve."""
    axis = (np.arange(size) + 0.5) * (2.0 / size) - 1.0
    signal, looks, curve = np.exp(rng.normal([0, np.log(9.0), 0], [0.12, 0.25, 0.10]))
    vignette = 1.0 - float(rng.uniform(0.0, 0.30)) * axis**2 + float(rng.normal(0, 0.10)) * axis
    lash = 1.0 - 0.45 * float(rng.random() < 0.2) * np.exp(-0.5 * ((axis - rng.uniform(-1, 1)) / 0.06) ** 2)
    speckle = rng.gamma(float(looks), 1.0 / float(looks), (size, size))
    speckle = 0.6 * speckle + 0.4 * blur(speckle, 0.0032 * size)
    picture = tissue * np.clip(vignette * lash, 0.1, None) * float(signal) * speckle
    picture += np.abs(rng.normal(0, 0.02 + 0.03 * float(rng.random()), (size, size)))
    return np.asarray(np.clip(picture, 0.0, 1.0) ** float(curve))
