"""Many ratios at once under the same resamples of the subjects."""

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from reid_engine.evaluation.confidence import (
    DRAWS,
    FEWEST_SUBJECTS,
    SEED,
    Estimate,
    percentile_interval,
    share_of_draws,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_CHUNK_BYTES = 16 << 20


def draws_of(subjects: int, draws: int = DRAWS, seed: int = SEED) -> Iterator[NDArray[np.float32]]:
    """Draw subjects with replacement, in chunks that together are `draws` rows.

    Yields
    ------
    NDArray
        ``(c, subjects)``: how often each subject was drawn; every row sums to `subjects`.
    """
    counts = _counts(subjects, draws, seed)
    step = max(1, _CHUNK_BYTES // (8 * max(subjects, 1)))
    for first in range(0, draws, step):
        yield counts[first : first + step].astype(np.float32)


@lru_cache(maxsize=2)
def _counts(subjects: int, draws: int, seed: int) -> NDArray[np.uint8]:
    """``(draws, subjects)``, one byte each: nobody is drawn 256 times among so many."""
    rng = np.random.default_rng(seed)
    counts = np.empty((draws, subjects), dtype=np.uint8)
    for row in counts:
        row[:] = np.bincount(rng.integers(0, subjects, subjects), minlength=subjects)
    return counts


def ratio_estimates(
    numerators: Floats, denominators: Floats, *, share: Sequence[bool] | bool = False, draws: int = DRAWS
) -> list[Estimate]:
    """Ratios of sums over subjects with their intervals.

    Parameters
    ----------
    numerators, denominators
        ``(S, M)`` what each subject adds to the two sums of ratio m; a subject whose denominator is 0 is not in the
        sample of that ratio and is not drawn for it.
    share
        Whether ratio m is a share, whose interval is that of `confidence.share_of_draws`; `denominators` then count
        what it is a share of.
    draws
        Resamples.

    Returns
    -------
    list
        M estimates; NaN without subjects, interval NaN below `FEWEST_SUBJECTS` of them.
    """
    columns = numerators.shape[1]
    shares = [share] * columns if isinstance(share, bool) else list(share)
    estimates = [Estimate(math.nan, math.nan, math.nan)] * columns
    masks: dict[bytes, list[int]] = {}
    for m in range(columns):
        masks.setdefault((denominators[:, m] > 0).tobytes(), []).append(m)
    for members in masks.values():
        present = np.flatnonzero(denominators[:, members[0]] > 0)
        if len(present) == 0:
            continue
        up, down = numerators[np.ix_(present, np.array(members))], denominators[np.ix_(present, np.array(members))]
        values = up.sum(axis=0) / down.sum(axis=0)
        drawn = resampled_ratios(up, down, draws) if len(present) >= FEWEST_SUBJECTS else None
        for place, m in enumerate(members):
            value = float(values[place])
            low, high = math.nan, math.nan
            if drawn is not None and shares[m]:
                low, high = share_of_draws(value, drawn[:, place], len(present), float(down[:, place].sum()))
            elif drawn is not None:
                low, high = percentile_interval(drawn[:, place], len(present))
            estimates[m] = Estimate(value, low, high)
    return estimates


def resampled_ratios(numerators: Floats, denominators: Floats, draws: int = DRAWS, seed: int = SEED) -> Floats:
    """Ratios of sums under every resample: ``(draws, M)`` of ``(S, M)``."""
    both = np.concatenate([numerators, denominators], axis=1)
    sums = np.concatenate([counts.astype(np.float64) @ both for counts in draws_of(len(both), draws, seed)])
    columns = numerators.shape[1]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[:, :columns] / sums[:, columns:])


def by_subject(values: Floats, codes: Ints, subjects: int) -> Floats:
    """Sum ``(Q, M)`` values of images to ``(subjects, M)`` by subject number ``(Q,)``."""
    sums = np.zeros((subjects, values.shape[1]))
    np.add.at(sums, codes, values)
    return sums
