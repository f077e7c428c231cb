"""Fundus photographs: optic disc, macula and a vessel tree that branches from the disc."""

from dataclasses import dataclass

import numpy as np

from reid_engine.phantom.canvas import Array, Frame, blur, bump, drape, ramp, texture
from reid_engine.phantom.person import Person
from reid_engine.phantom.tree import Shoot, Tree, grow

WIDTHS = (0.0075, 0.0125, 0.020, 0.031)
"""Classes of vessel width that are drawn together, in anatomical units."""

FIELD_RADIUS = 0.94
"""Radius of the illuminated disc; the picture's half width is 1."""


@dataclass(frozen=True)
class Eye:
    """Anatomy of one eye, told as a right eye (disc on the right); a left eye is mirrored."""

    mirrored: bool
    disc: tuple[float, float]
    disc_radii: tuple[float, float]
    cup: float
    arteries: Tree
    veins: Tree
    choroid: Array
    drusen: Array
    pigment: float
    macula: float
    sheen: float
    yellowing: float
    hue: float


def render_fundus(who: Person, eye: str, session: int, size: int) -> Array:
    """Paint the fundus of one eye at one session: (size, size, 3), display values in [0, 1]."""
    anatomy = _anatomy(who, eye, who.age_at(session))
    rng = who.rng(10, "LR".index(eye), 100 + session)
    frame = Frame(
        size,
        shift=(float(rng.normal(0, 0.08)), float(rng.normal(0, 0.07))),
        rotation=float(rng.normal(0, 0.11)),
        scale=float(np.exp(rng.normal(0, 0.07))),
    )
    return _expose(_retina(anatomy, frame), rng, frame)


def _anatomy(who: Person, eye: str, age: float) -> Eye:
    style = who.rng(10)  # what both eyes share
    sex, pigment = who.sex_trait(style), float(style.normal())
    radius = 0.125 + 0.010 * float(style.normal())
    old = (age - 54.0) / 30.0
    tortuosity = float(np.clip(1.0 + 0.20 * style.normal() + 0.22 * sex, 0.4, 2.0))
    calibre = float(np.exp(0.08 * style.normal() - 0.06 * sex - 0.05 * old))
    cup, macula, sheen = style.normal([0.45, 0.30, 0.05], [0.10, 0.05, 0.02])
    own = who.rng(10, "LR".index(eye))
    disc = (0.47 + float(own.normal(0, 0.03)), -0.02 + float(own.normal(0, 0.03)))
    return Eye(
        mirrored=eye == "L",
        disc=disc,
        disc_radii=(radius * 0.92, radius * (1.06 + 0.05 * float(own.normal()))),
        cup=float(np.clip(cup + 0.04 * own.normal(), 0.2, 0.75)),
        arteries=grow(own, _trunks(own, disc, calibre * 0.024, 0.0), tortuosity),
        veins=grow(own, _trunks(own, disc, calibre * 0.030, 0.10), tortuosity),
        choroid=texture(own, 72, 1.6),
        drusen=own.normal(0.0, 0.2, size=(int(max(0.0, 18.0 * old + 4.0 * float(own.normal()))), 2)),
        pigment=pigment,
        macula=float(macula) + 0.09 * sex,
        sheen=float(np.clip(sheen - 0.05 * old - 0.018 * sex, 0.0, 0.14)),
        yellowing=old,
        hue=sex,
    )


def _trunks(rng: np.random.Generator, disc: tuple[float, float], width: float, wider: float) -> list[Shoot]:
    """Lay out two temporal arcades, two nasal trunks and two small macular vessels."""
    shoots = []
    for up in (-1.0, 1.0):  # y points down
        lean, bow, nasal, macular = rng.normal([wider, 1.6, 0.0, 0.0], [0.10, 0.10, 0.25, 0.25])
        shoots += [
            Shoot(disc, up * (1.45 + lean), up * bow, 1.50, width, 3),
            Shoot(disc, up * (0.75 + 2.0 * lean), nasal, 0.62, width * 0.75, 2),
            Shoot(disc, up * (2.65 + lean), macular, 0.34, width * 0.38, 1),
        ]
    return shoots


def _retina(eye: Eye, frame: Frame) -> Array:
    """Paint the retina as even light would show it, (H, W, 3)."""
    x, y = frame.grid
    x = -x if eye.mirrored else x
    tone = 1.0 + 0.035 * drape(eye.choroid, x, y) - 0.10 * eye.pigment
    red = 0.80 * (tone * 0.5 + 0.5)
    green = 0.40 * tone * (1.0 + 0.06 * eye.hue)
    blue = 0.17 * tone - 0.045 * eye.yellowing
    macula = eye.macula * bump(x, y, (0.0, 0.0), (0.15, 0.14)) + 0.12 * bump(x, y, (0.0, 0.0), (0.035, 0.035))
    glow = eye.sheen * np.exp(-(((np.hypot(x / 1.1, y) - 0.19) / 0.035) ** 2))
    for place in eye.drusen:
        glow += 0.14 * bump(x, y, (place[0], place[1]), (0.016, 0.016))
    colour = [
        red * (1.0 - 0.35 * macula) + 0.5 * glow,
        green * (1.0 - macula) + glow,
        blue * (1.0 - 0.8 * macula) + 0.5 * glow,
    ]
    colour = _optic_disc(eye, x, y, colour)
    artery, vein = _blood(eye, frame)
    shade = 1.0 - 0.42 * artery - 0.62 * vein
    return np.stack([colour[0] * (0.62 + 0.38 * shade), colour[1] * shade, colour[2] * shade], axis=2)


def _optic_disc(eye: Eye, x: Array, y: Array, colour: list[Array]) -> list[Array]:
    (cx, cy), (rx, ry) = eye.disc, eye.disc_radii
    radius = np.hypot((x - cx) / rx, (y - cy) / ry)
    nerve = ramp(1.0 - radius, 0.28)
    cup = ramp(eye.cup - np.hypot((x - cx + 0.1 * rx) / rx, (y - cy) / ry), 0.25)
    halo = 0.10 * np.exp(-((np.maximum(radius - 1.0, 0.0) / 0.35) ** 2))
    rim, depth, spread = (0.93, 0.64, 0.33), (0.05, 0.22, 0.26), (0.4, 1.0, 0.5)
    return [
        channel * (1 - nerve) + nerve * (rim[k] + depth[k] * cup) + spread[k] * halo * (1 - nerve)
        for k, channel in enumerate(colour)
    ]


def _blood(eye: Eye, frame: Frame) -> tuple[Array, Array]:
    """Draw arteries and veins, (H, W) each; the fovea has none."""
    drawn = []
    for tree in (eye.arteries, eye.veins):
        fovea = np.exp(-((np.hypot(tree.points[:, 0], tree.points[:, 1]) / 0.13) ** 4))
        drawn.append(tree.draw(frame, 1.0 - fovea, WIDTHS, eye.mirrored))
    return drawn[0], drawn[1]


def _expose(retina: Array, rng: np.random.Generator, frame: Frame) -> Array:
    """Light and record the retina as this session's camera does."""
    sx, sy = frame.screen
    radius = np.hypot(sx, sy)
    lean = rng.normal(0, 0.07, size=2)
    falloff = 1.02 - 0.26 * radius**2 + lean[0] * sx + lean[1] * sy
    veil = 0.10 * float(rng.random()) * ramp(radius - 0.80 + 0.3 * (lean[0] * sx + lean[1] * sy), 0.5)
    gain = np.exp(rng.normal(0, [0.04, 0.06, 0.10]) + rng.normal(0, 0.10))
    picture = retina * falloff[..., None] * gain + veil[..., None] * np.array([0.9, 0.8, 0.6])
    picture = np.clip(picture, 0.0, 1.0) ** float(np.exp(rng.normal(0, 0.10)))
    focus = float(abs(rng.normal(0, 0.005))) * frame.size / 2
    if focus > 0.3:
        picture = np.stack([blur(picture[..., channel], focus) for channel in range(3)], axis=2)
    grain = rng.normal(0, 0.008 + 0.008 * float(rng.random()), size=picture.shape)
    aperture = _aperture(float(rng.choice([0.0, 0.8, -0.8])), sx, sy)
    return np.asarray(np.clip((picture + grain) * aperture[..., None] + 0.008, 0.0, 1.0))


def _aperture(notch: float, sx: Array, sy: Array) -> Array:
    """Cut the round field with the camera's small notch at an angle (radians)."""
    gap = np.hypot(sx - FIELD_RADIUS * np.cos(notch), sy - FIELD_RADIUS * np.sin(notch))
    return ramp(FIELD_RADIUS - np.hypot(sx, sy), 0.012) * ramp(gap - 0.035, 0.012)
