"""Embeddings whose truth is known: how far people differ, how far visits differ, and what is planted."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from reid_engine.matcher.thumbnail import LENGTH

GALLERY_COLUMNS = (
    "sample_id", "subject_id", "session_id", "modality", "laterality", "view", "sex", "age", "race", "ethnicity",
    "acquired", "device", "file_digest", "pixel_digest",
)  # fmt: skip


@dataclass
class World:
    """People to draw images of.

    Attributes
    ----------
    between, session, within
        Standard deviations of a coordinate between people, between visits of one, and between images of a visit.
    sex_shift, age_slope
        Planted leakage: distance of the sexes along the first axis, and units a year along the second.
    tails
        Degrees of freedom of the noise within a visit, t-distributed over images: some are far from all others.
    """

    dim: int = 32
    between: float = 1.0
    session: float = 0.4
    within: float = 0.4
    sex_shift: float = 0.0
    age_slope: float = 0.0
    tails: float | None = None
    seed: int = 0
    prefix: str = "P"
    rng: np.random.Generator = field(init=False, repr=False)

    def __post_init__(self):
        self.rng = np.random.default_rng(self.seed)
        self.axes = np.linalg.qr(np.random.default_rng(99).normal(size=(self.dim, self.dim)))[0]

    def people(self, count):
        """Draw `count` people: centres (count, dim), sex and age."""
        sex = self.rng.random(count) < 0.5
        age = self.rng.uniform(20, 80, count)
        centres = self.rng.normal(0, self.between, (count, self.dim))
        centres += np.outer(np.where(sex, 0.5, -0.5) * self.sex_shift, self.axes[0])
        centres += np.outer((age - 50) * self.age_slope, self.axes[1])
        return centres, np.where(sex, "F", "M"), age

    def images(self, centres, sessions=2, per_session=1):
        """Draw images of each person: vectors (n, dim), person numbers (n,), session numbers (n,)."""
        person = np.repeat(np.arange(len(centres)), sessions * per_session)
        visit = np.tile(np.repeat(np.arange(sessions), per_session), len(centres))
        shift = self.rng.normal(0, self.session, (len(centres), sessions, self.dim))
        noise = self.rng.normal(0, self.within, (len(person), self.dim))
        if self.tails is not None:
            noise *= np.sqrt(self.tails / self.rng.chisquare(self.tails, len(person)))[:, None]
        return (centres[person] + shift[person, visit] + noise).astype(np.float32), person, visit

    def cohort(self, count, sessions=2, per_session=1, modality="CXR"):
        """Draw a table as a gallery has it, with vectors and thumbnails (nothing nearly alike)."""
        centres, sex, age = self.people(count)
        vectors, person, visit = self.images(centres, sessions, per_session)
        table = table_of(person, visit, sex, age, modality=modality, prefix=self.prefix)
        thumbnails = self.rng.integers(-60, 61, (len(table), LENGTH), dtype=np.int8)
        return table, vectors, thumbnails, centres


def table_of(person, visit, sex, age, *, modality="CXR", prefix="P"):
    """Make a gallery's table of images."""
    number = np.arange(len(person))
    table = pd.DataFrame({name: pd.Series([None] * len(person), dtype=object) for name in GALLERY_COLUMNS})
    table["sample_id"] = [
        f"{modality}/{prefix}{p:05d}_{v}_{i:06d}.png" for p, v, i in zip(person, visit, number, strict=True)
    ]
    table["subject_id"] = [f"{prefix}{p:05d}" for p in person]
    table["session_id"] = [f"v{v}" for v in visit]
    table["modality"] = modality
    table["sex"] = sex[person]
    table["age"] = age[person] + visit
    table["file_digest"] = [f"f-{prefix}-{modality}-{i}" for i in number]
    table["pixel_digest"] = [f"p-{prefix}-{modality}-{i}" for i in number]
    return table


def plant_copy(vectors: NDArray, thumbnails: NDArray, source: int, target: int, blur: float = 1e-3):
    """Make image `target` nearly the same picture as image `source`, in place."""
    rng = np.random.default_rng(0)
    vectors[target] = vectors[source] + rng.normal(0, blur, vectors.shape[1])
    thumbnails[target] = np.clip(thumbnails[source] + rng.integers(-1, 2, thumbnails.shape[1]), -127, 127)


IDENTITY_NAME = "synthetic"


def identity(dim: int):
    """Name an encoder for synthetic embeddings."""
    from reid_engine.encoder.identity import EncoderIdentity

    return EncoderIdentity(IDENTITY_NAME, dim, f"{dim:064x}")


class KnownEncoder:
    """Stands for an encoder whose embeddings are known: a scan carries its own, under its pixel digest."""

    own_networks: frozenset[str] = frozenset()

    def knows_people(self, modality):
        return False

    def __init__(self, dim: int):
        self.identity = identity(dim)
        self.dim = dim
        self.vectors = {}

    def take_in(self, scan):
        return self.vectors[scan.pixel_digest]

    def scan(self, vector, *, thumbnail_seed=0, modality="CXR", digest=None, facts=None):
        """Give a scan with noise for pixels, and remember its embedding."""
        from reid_engine.scan import Scan

        rng = np.random.default_rng(thumbnail_seed)
        digest = digest or f"query-{len(self.vectors)}"
        self.vectors[digest] = np.asarray(vector, dtype=np.float32)
        return Scan(
            values=rng.random((1, 64, 64), dtype=np.float32),
            modality=modality,
            modality_source="caller",
            modality_confidence=1.0,
            facts=facts or {},
            file_digest=f"file-{digest}",
            pixel_digest=digest,
        )


def gallery_of(path, table, vectors, thumbnails):
    """Make a gallery on disk from what a `World` drew."""
    from reid_engine.matcher.gallery import Gallery

    gallery = Gallery.create(path, identity(vectors.shape[1]))
    gallery.append(table, vectors, thumbnails)
    return gallery
