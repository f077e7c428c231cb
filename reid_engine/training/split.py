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

FOLDS = 5
"""Parts of like size that the subjects are dealt to: one is judged, and one may decide when to stop."""


@dataclass(frozen=True)
class Split:
    """Rows of images in three parts that share no subject, ascending.

    Attributes
    ----------
    training
        Trained on.
    choosing
        Their rank-1 decides which epoch is kept; no gradient comes from them. Empty where no epoch is chosen.
    judging
        Looked at before training and after it, and for nothing else.
    """

    training: NDArray[np.int64]
    choosing: NDArray[np.int64]
    judging: NDArray[np.int64]


def split_subjects(
    subjects: Sequence[str], groups: Sequence[str], seed: int = 0, *, fold: int = 0, choosing: bool = True
) -> Split:
    """Deal subjects that have two images of one group to three parts, by a seeded hash of their ids.

    The same ids and seed give the same parts in any order. Images that have no second one of their subject and
    group are in no part.

    Parameters
    ----------
    subjects, groups
        Of each image, (N,); a group is a modality, or one data set's images of it.
    seed
        Another seed, another split.
    fold
        Which of the :data:`FOLDS` parts is judged; with all of them in turn, everybody is judged once.
    choosing
        Whether the part after it decides when to stop; otherwise it is trained on as well.

    Raises
    ------
    TrainingError
        No subject has two images, or too few have.
    """
    counts = Counter(zip(subjects, groups, strict=True))
    usable = [counts[key] > 1 for key in zip(subjects, groups, strict=True)]
    names = {subject for subject, good in zip(subjects, usable, strict=True) if good}
    if not names:
        raise TrainingError("no subject has two images of one modality; an encoder learns from pairs of one subject")
    if len(names) < FEWEST_SUBJECTS:
        raise TrainingError(
            f"only {len(names)} subjects have two images of one modality; "
            f"training and judging take {FEWEST_SUBJECTS} at least, and some hundreds to be worth it"
        )
    dealt = sorted(names, key=lambda name: hashlib.sha256(f"{seed}\0{name}".encode()).digest())
    part = dict.fromkeys(dealt, 0)
    part |= dict.fromkeys(_fold(dealt, fold + 1), 1 if choosing else 0)
    part |= dict.fromkeys(_fold(dealt, fold), 2)
    parts = np.array([part[name] if good else -1 for name, good in zip(subjects, usable, strict=True)])
    return Split(*(np.flatnonzero(parts == number) for number in range(3)))


def _fold(dealt: Sequence[str], fold: int) -> Sequence[str]:
    first, last = (round(len(dealt) * (fold % FOLDS + step) / FOLDS) for step in (0, 1))
    return dealt[first:last]
