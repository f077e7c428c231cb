"""Small galleries whose every value follows from the sample's name, so that any state can be checked."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from reid_engine.encoder.identity import EncoderIdentity
from reid_engine.matcher.gallery import Gallery

DIM = 24
WIDTH = 40
ENCODER = EncoderIdentity("made-up", DIM, "ab" * 32)


def numbers(name: str, what: str, count: int):
    """Give `count` numbers that only this name and use have."""
    seed = int.from_bytes(hashlib.sha256(f"{what} {name}".encode()).digest()[:8], "big")
    return np.random.default_rng(seed).normal(size=count)


def vector(name: str):
    return numbers(name, "vector", DIM).astype(np.float32)


def thumb(name: str):
    return np.clip(numbers(name, "thumbnail", WIDTH) * 40, -127, 127).astype(np.int8)


def rows(subject: str, count: int = 3, modality: str = "CXR", **columns):
    """Give table, vectors and thumbnails of one subject's samples."""
    names = [f"{subject}/{modality}-{number}.png" for number in range(count)]
    table = pd.DataFrame({"sample_id": names, "subject_id": subject, "modality": modality, **columns})
    return table, np.stack([vector(name) for name in names]), np.stack([thumb(name) for name in names])


def make_gallery(path: Path, *subjects: str) -> Gallery:
    gallery = Gallery.create(path, ENCODER)
    for subject in subjects:
        gallery.append(*rows(subject))
    return gallery


def assert_whole(gallery: Gallery) -> None:
    """Check that table, vectors and thumbnails belong together, row by row."""
    shown = gallery.snapshot()
    names = shown.table["sample_id"].tolist()
    assert len(names) == len(set(names)) == len(shown) == len(shown.vectors) == len(shown.thumbnails)
    for place, name in enumerate(names):
        np.testing.assert_array_equal(shown.vectors[place], vector(name))
        np.testing.assert_array_equal(shown.thumbnails[place], thumb(name))


def subjects_of(gallery: Gallery) -> set[str]:
    return set(gallery.table["subject_id"])


def files_in(path: Path) -> set[str]:
    return {file.name for file in path.iterdir() if file.name != "gallery.lock"}


def named_files(path: Path) -> set[str]:
    """Give the names that the ledger gives, and the ledger's."""
    from reid_engine.matcher.ledger import parse_ledger, read_ledger_bytes

    ledger = parse_ledger(read_ledger_bytes(path), path)
    return {file.name for file in ledger.files()} | {"manifest.json"}
