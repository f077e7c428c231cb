"""Could models do as well where there is nothing to find: permutations of subjects, fitted anew."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reid_engine.evaluation.confidence import PERMUTATIONS, permuted_donors
from reid_engine.folds import FOLDS
from reid_engine.probes.attributes import Kind
from reid_engine.probes.crossfit import Data
from reid_engine.probes.solvers import NUMBER_STRENGTHS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_CHUNK_BYTES = 64 << 20


def chance_of(data: Data, kind: Kind, targets: Sequence[NDArray[Any]], permutations: int = PERMUTATIONS) -> float:
    """Share of permutations of the subjects' values that least squares fits as well to subjects it had not seen.

    To permute the labels of held-out subjects only would take the models for given and find too much by chance: what
    a model was fitted on and what it is judged on hang together. So models are fitted anew to every permutation, by
    least squares on the same axes and folds (for two classes that is Fisher's discriminant), which costs two products
    of matrices. What is compared is the best quality over the penalties that a probe may choose: area under the ROC
    curve within folds, or mean absolute error. The permutations and the subjects' true values are exchangeable where
    there is nothing to find, whence a p-value at the stated rate (Phipson & Smyth, Statistical Applications in
    Genetics and Molecular Biology 9, 2010).

    Parameters
    ----------
    data
        n images.
    kind
        ``"class"`` or ``"number"``.
    targets
        M arrays ``(n,)``.
    permutations
        How many.
    """
    truth = np.stack([np.asarray(target, dtype=np.float32) for target in targets], axis=1)
    donors = np.concatenate([_unpermuted(data.codes)[None], np.stack(list(permuted_donors(data.codes, permutations)))])
    sums = np.zeros((2, len(NUMBER_STRENGTHS), len(donors), truth.shape[1]))
    step = max(1, _CHUNK_BYTES // (8 * truth.size))
    for fold in range(FOLDS):
        fits = _Fits(data, fold)
        for first in range(0, len(donors), step):
            for m in range(truth.shape[1]):
                values = truth[donors[first : first + step], m].T.astype(np.float64)
                sums[:, :, first : first + step, m] += fits.judge(kind, values)
    quality = np.asarray(sums[0] / sums[1]).mean(axis=2)
    best = quality.max(axis=0) if kind == "class" else -quality.min(axis=0)
    return float(np.count_nonzero(best >= best[0]) / len(best))


def _unpermuted(codes: Ints) -> Ints:
    """Deal every subject its own value: the first image's, as a permutation does."""
    _, first, place = np.unique(codes, return_index=True, return_inverse=True)
    return np.asarray(first[place], dtype=np.int64)


class _Fits:
    """Ridge regressions without one fold, for any number of targets at once."""

    def __init__(self, data: Data, fold: int) -> None:
        x, out = data.scores(fold), data.folds == fold
        weights = data.weights[~out] / data.weights[~out].sum()
        centred = x[~out] - weights @ x[~out]
        values, axes = np.linalg.eigh((centred * weights[:, None]).T @ centred)
        values = np.maximum(values, 0.0)
        mean = float(values.mean()) or 1.0
        self._gains = [1.0 / (values + strength * mean) for strength in NUMBER_STRENGTHS]
        self._pulled = (centred @ axes * weights[:, None]).T
        self._held = (x[out] - weights @ x[~out]) @ axes
        self._seen_weights, self._weights, self._out = weights, data.weights[out], out

    def judge(self, kind: Kind, values: Floats) -> Floats:
        """Numerators and denominators ``(2, penalties, B)`` of the quality for values ``(n, B)``."""
        seen, held = values[~self._out], values[self._out]
        mean = self._seen_weights @ seen
        pulled = self._pulled @ (seen - mean)
        measure = _in_order if kind == "class" else _error
        sums = [measure(self._held @ (pulled * gain[:, None]) + mean, held, self._weights) for gain in self._gains]
        return np.stack(sums, axis=1)


def _in_order(scores: Floats, truth: Floats, weights: Floats) -> Floats:
    """Weight of the pairs of either class in order, and of all, ``(2, B)``; ties in order of the images."""
    order = np.argsort(scores, axis=0)
    weight = weights[order]
    up = np.take_along_axis(truth, order, axis=0) * weight
    below = np.cumsum(weight - up, axis=0)
    return np.stack([(up * below).sum(axis=0), up.sum(axis=0) * below[-1]])


def _error(scores: Floats, truth: Floats, weights: Floats) -> Floats:
    return np.stack([weights @ np.abs(scores - truth), np.full(scores.shape[1], weights.sum())])
