"""The cohort's pictures as the network is shown them, read once."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from reid_engine.cohort import Sample
from reid_engine.encoder.preprocessing import Preprocessing
from reid_engine.encoder.spec import Recipe
from reid_engine.encoder.stream import Refused
from reid_engine.errors import ReidError
from reid_engine.matcher.thumbnail import thumbnail
from reid_engine.progress import Progress, silent
from reid_engine.scan import UNKNOWN, read_scan

DATASET = "dataset"
"""Column of a manifest that says which data set an image is of."""

READERS = 2
"""Threads that read."""

Squares = NDArray[np.uint8]


@dataclass(frozen=True)
class Pictures:
    """N images that could be read, as M squares of 8 bits, cropped to the field, in memory.

    Attributes
    ----------
    samples
        N of them, in the cohort's order.
    modalities
        N, as the cohort says it or the scan shows it.
    squares
        (M, C, size, size) with C = 1 where all are grey, else 3: tiles and slices of each image in turn.
    looked
        (M,) whether the finished encoder is shown a square.
    learnt
        Sets of squares to learn from, each (M,), which an encoder's networks take in turn. The first has parts that lie
        side by side over the whole field. Where those that are looked at lie otherwise, they are a second one. The
        whole is in neither.
    starts
        (N + 1,): the squares of image i are ``squares[starts[i]:starts[i + 1]]``.
    thumbnails
        (N, T), for near-duplicates.
    digests
        N, of their pixels.
    refused
        Images that could not be read; the position is that in the cohort.
    """

    samples: tuple[Sample, ...]
    modalities: tuple[str, ...]
    squares: Squares
    looked: NDArray[np.bool_]
    learnt: tuple[NDArray[np.bool_], ...]
    starts: NDArray[np.int64]
    thumbnails: NDArray[np.int8]
    digests: tuple[str, ...]
    refused: tuple[Refused, ...]

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def groups(self) -> tuple[str, ...]:
        """Modality and data set of each image; what images of two sets differ in first is their origin."""
        return sample_groups(self.samples, self.modalities)


@dataclass(frozen=True)
class _One:
    modality: str
    squares: list[Squares]
    looked: list[bool]
    learnt: list[tuple[bool, ...]]
    thumbnail: NDArray[np.int8]
    digest: str


def sample_groups(samples: Sequence[Sample], modalities: Sequence[str] | None = None) -> tuple[str, ...]:
    """Give the modality and data set of each sample in words; without `modalities`, those the cohort tells."""
    known = modalities or [sample.modality or "" for sample in samples]
    sets = [sample.attributes.get(DATASET, "") for sample in samples]
    return tuple(" of ".join(filter(None, pair)) for pair in zip(known, sets, strict=True))


def read_pictures(samples: Sequence[Sample], recipe: Recipe, progress: Progress = silent) -> Pictures:
    """Read every image of a cohort once; one that cannot be read is refused and the rest go on.

    Parameters
    ----------
    samples
        The cohort's.
    recipe
        How squares are cut that the finished encoder is shown; standardising comes after the augmentation.
    progress
        Called after each image with (done, all, "reading").
    """
    looking = Preprocessing(recipe)
    learning = None if recipe.tile_step == 1 else Preprocessing(replace(recipe, whole=False, tile_step=1.0))
    kept: list[tuple[Sample, _One]] = []
    refused: list[Refused] = []
    pool = ThreadPoolExecutor(READERS, thread_name_prefix="picture-reader")
    try:
        found = pool.map(lambda sample: _read(sample, looking, learning), samples)
        for position, (sample, one) in enumerate(zip(samples, found, strict=True)):
            progress(position + 1, len(samples), "reading")
            if isinstance(one, str):
                refused.append(Refused(position, sample.path, one))
            else:
                kept.append((sample, one))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    colour = any(square.ndim == 3 for _, one in kept for square in one.squares)
    squares = [_channels(square, colour) for _, one in kept for square in one.squares]
    flags = [flag for _, one in kept for flag in one.learnt]
    empty = np.empty((0, 1, recipe.size, recipe.size), dtype=np.uint8)
    return Pictures(
        samples=tuple(sample for sample, _ in kept),
        modalities=tuple(one.modality for _, one in kept),
        squares=np.stack(squares) if squares else empty,
        looked=np.array([flag for _, one in kept for flag in one.looked], dtype=np.bool_),
        learnt=tuple(np.array(flags).reshape(-1, 2 if learning else 1).T) if kept else (np.empty(0, dtype=np.bool_),),
        starts=np.cumsum([0, *(len(one.squares) for _, one in kept)]).astype(np.int64),
        thumbnails=np.stack([one.thumbnail for _, one in kept]) if kept else np.empty((0, 0), dtype=np.int8),
        digests=tuple(one.digest for _, one in kept),
        refused=tuple(refused),
    )


def _read(sample: Sample, looking: Preprocessing, learning: Preprocessing | None) -> _One | str:
    """Give an image's squares, or the reason why there are none."""
    try:
        scan = read_scan(sample.path, modality=sample.modality)
    except ReidError as error:
        return str(error)
    if scan.modality == UNKNOWN:
        return f"{sample.sample_id}: the modality cannot be told; give it in the manifest's column `modality`"
    shown, whole = looking.cut(scan)
    further = learning.cut(scan)[0] if learning else []
    looked = [True] * len(shown) + [False] * len(further)
    parts = [not flag for flag in whole]
    first, second = [False] * len(shown) + [True] * len(further), parts + [False] * len(further)
    learnt: list[tuple[bool, ...]] = [(flag,) for flag in parts]
    if learning:
        learnt = list(zip(first, second, strict=True))
    squares = [np.asarray(one, dtype=np.uint8) for one in (*shown, *further)]
    return _One(scan.modality, squares, looked, learnt, thumbnail(scan), scan.pixel_digest)


def _channels(square: Squares, colour: bool) -> Squares:
    """Give a square (C, size, size); grey fills all channels."""
    if square.ndim == 3:
        return np.ascontiguousarray(square.transpose(2, 0, 1))
    return np.repeat(square[None], 3 if colour else 1, axis=0)
