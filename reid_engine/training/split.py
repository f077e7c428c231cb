"""Which subjects are trained on, which decide when to stop, and which the result is judged on."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reid_engine.errors import TrainingError

FEWEST_SUBJECTS = 10
"""Subjects with two images that it takes to train on some and judge on others."""

HELD_OUT = 0.2
"""Share of the subjects that decides when to stop, and share that the result is judged on."""


@dataclass(frozen=True)
class Split:
    """Rows of images in three parts that share no subject, ascending.

    Attributes
    ----------
    training
        Trained on.
    choosing
        Their rank-1 decides which epoch is kept; no gradient comes from them.
    judging
        Looked at before training and after it, and for nothing else.
    """

    training: NDArray[np.int64]
    choosing: NDArray[np.int64]
    judging: NDArray[np.int64]


def split_subjects(subjects: Sequence[str], modalities: Sequence[str], seed: int = 0) -> Split:
    """Deal subjects that have two images of one modality to three parts, by a seeded hash of their ids.

    The same ids and seed give the same parts in any order. Images that have no second one of their subject and
    modality are in no part.

    Parameters
    ----------
    subjects, modalities
        Of each image, (N,).
    seed
        Another seed, another split.

    Raises
    ------
    TrainingError
        No subject has two images, or too few have.
    """
    counts = Counter(zip(subjects, modalities, strict=True))
    usable = [counts[key] > 1 for key in zip(subjects, modalities, strict=True)]
    names = {subject for subject, good in zip(subjects, usable, strict=True) if good}
    if not names:
        raise TrainingError("no subject has two images of one modality; an encoder learns from pairs of one subject")
    if len(names) < FEWEST_SUBJECTS:
        raise TrainingError(
            f"only {len(names)} subjects have two images of one modality; "
            f"training and judging take {FEWEST_SUBJECTS} at least, and some hundreds to be worth it"
        )
    dealt = sorted(names, key=lambda name: hashlib.sha256(f"{seed}\0{name}".encode()).digest())
    held = max(2, round(HELD_OUT * len(dealt)))
    part = {name: 2 if place < held else 1 if place < 2 * held else 0 for place, name in enumerate(dealt)}
    parts = np.array([part[name] if good else -1 for name, good in zip(subjects, usable, strict=True)])
    training, choosing, judging = (np.flatnonzero(parts == number) for number in range(3))
    return Split(training, choosing, judging)
