"""Which subjects are held out together, the same for every model of a gallery."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FOLDS = 5
"""Groups of subjects that are held out in turn."""


def subject_folds(subjects: Sequence[str], folds: int = FOLDS) -> NDArray[np.int64]:
    """Deal subjects to folds of equal size, by a hash of their ids.

    The same ids give the same folds in any order, so that a probe and a calibration hold out the same people.

    Parameters
    ----------
    subjects
        Ids, repeats allowed: every image's subject, or one entry a subject.
    folds
        Number of folds.

    Returns
    -------
    NDArray
        ``(len(subjects),)`` in ``0..folds-1``; equal ids get equal folds, and fold sizes (in subjects) differ by at
        most one.
    """
    ordered = sorted(set(subjects), key=lambda name: hashlib.sha256(name.encode()).digest())
    fold = {name: place % folds for place, name in enumerate(ordered)}
    return np.fromiter((fold[name] for name in subjects), dtype=np.int64, count=len(subjects))


def subject_weights(codes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give every image the weight 1 / (images of its subject), so that each subject has one vote.

    Parameters
    ----------
    codes
        ``(N,)`` subject numbers of the images, 0 or more.
    """
    counts = np.bincount(codes)
    return np.asarray(1.0 / counts[codes], dtype=np.float64)
