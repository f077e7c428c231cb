"""A mark that only one person has."""

import csv

import numpy as np
from PIL import Image

from reid_engine.phantom import write_phantom_cohort

SIZE, SEED = 160, 11
MARKED = "P003"
BOX = (slice(96, 136), slice(24, 64))  # rows, columns of the planted mark


def stamp(picture):
    """Plant a mark that only one person has: a chequered plate."""
    stamped = picture.copy()
    rows, columns = np.mgrid[:40, :40]
    stamped[BOX] = np.where((rows // 8 + columns // 8) % 2, 250, 5)
    return stamped


def write_marked(folder, modality, **how):
    """Write a cohort of which one person bears the mark; give its manifest."""
    manifest = write_phantom_cohort(folder, modalities=(modality,), size=SIZE, seed=SEED, **how)
    for row in csv.DictReader(manifest.read_text().splitlines()):
        if row["subject_id"] == MARKED:
            path = folder / row["file"]
            Image.fromarray(stamp(np.asarray(Image.open(path)))).save(path)
    return manifest


def in_mark(shape):
    """Give where the mark is, (H, W)."""
    inside = np.zeros(shape, dtype=bool)
    inside[BOX] = True
    return inside
