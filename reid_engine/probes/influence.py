"""How well models do on subjects they had not seen, and how much of it hangs on each subject."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reid_engine.counting import sum_by
from reid_engine.evaluation.confidence import (
    FEWEST_SUBJECTS,
    UNKNOWN,
    Estimate,
    auc_interval,
    crossfit_variance,
    difference_estimate,
    scale_interval,
)
from reid_engine.folds import FOLDS
from reid_engine.probes.attributes import Kind
from reid_engine.probes.crossfit import Data, Models
from reid_engine.probes.solvers import with_offset

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_CHUNK = 512


@dataclass(frozen=True)
class Influence:
    """A quality, and the influence of each subject on it.

    Attributes
    ----------
    kind
        ``"class"``: area under the ROC curve, macro mean over targets; ``"number"``: mean absolute error.
    value
        NaN where nothing can be compared.
    judged, fitted
        ``(S,)`` what a subject's presence adds to the value by being judged, and by being fitted on.
    subjects
        Number of subjects judged.
    fewest
        Subjects judged of the rarest class; all of them for a number.
    """

    kind: Kind
    value: float
    judged: Floats
    fitted: Floats
    subjects: int
    fewest: int

    @property
    def variance(self) -> float:
        """Of the value."""
        return crossfit_variance(self.judged, self.fitted, self.subjects)

    def estimate(self) -> Estimate:
        """Give the value with its interval."""
        if not np.isfinite(self.value):
            return UNKNOWN
        if self.subjects < FEWEST_SUBJECTS:
            return Estimate(self.value, np.nan, np.nan)
        if self.kind == "class":
            return Estimate(self.value, *auc_interval(self.value, self.variance, self.subjects, self.fewest))
        return Estimate(self.value, *scale_interval(self.value, self.variance, self.subjects))

    def minus(self, other: "Influence") -> tuple[Estimate, float]:
        """Difference to the same models' quality on other images, and its p-value.

        A subject may have images on both sides: what it does to both is subtracted before it is squared.
        """
        subjects = min(self.subjects, other.subjects)
        if subjects < FEWEST_SUBJECTS or not np.isfinite(self.value - other.value):
            return UNKNOWN, float("nan")
        variance = crossfit_variance(self.judged - other.judged, self.fitted - other.fitted, subjects)
        return difference_estimate(self.value - other.value, variance, subjects)


def measure(data: Data, models: Models, images: NDArray[np.bool_]) -> Influence:
    """Judge models on some of the images, each by the model that had not seen its subject.

    Only images of one fold are compared with each other: scores of two models have no common origin, and a model that
    saw fewer of a class expects fewer of it, just where there are more (Parker, Guenter & Bedo, BMC Bioinformatics 8,
    2007).

    Parameters
    ----------
    data, models
        n images, and what was fitted on them.
    images
        ``(n,)`` those to judge; every subject among them has one vote.
    """
    parts = [_Target(data, models, images, m) for m in range(len(models.targets))]
    for fold in range(FOLDS):
        held = (data.folds == fold) & images
        if held.any():
            x = data.scores(fold)
            for part in parts:
                part.add(fold, x, held)
    several = [part.close() for part in parts]
    subjects = np.unique(data.codes[images])
    return Influence(
        kind=models.kind,
        value=float(np.mean([value for value, _, _ in several])),
        judged=np.mean([judged for _, judged, _ in several], axis=0),
        fitted=np.mean([fitted for _, _, fitted in several], axis=0),
        subjects=len(subjects),
        fewest=_rarest(data, models, images),
    )


def _rarest(data: Data, models: Models, images: NDArray[np.bool_]) -> int:
    """Subjects judged of the rarest class; all of them for a number."""
    if models.kind == "number":
        return len(np.unique(data.codes[images]))
    sides = [side for target in models.targets for side in (target, ~target)]
    return min(len(np.unique(data.codes[images & side])) for side in sides)


class _Target:
    """One target's sums over folds: the value is a ratio of two of them."""

    def __init__(self, data: Data, models: Models, images: NDArray[np.bool_], target: int) -> None:
        self.data, self.models, self.target = data, models, target
        self.weights = 1.0 / np.maximum(np.bincount(data.codes[images], minlength=data.subjects), 1)[data.codes]
        self.up, self.down, self.fitted = (np.zeros(data.subjects) for _ in range(3))

    def add(self, fold: int, x: Floats, held: NDArray[np.bool_]) -> None:
        """Take in one fold's images."""
        data, models = self.data, self.models
        scores, truth = models.held_out[held, self.target], models.targets[self.target][held]
        judge = _judge_order if models.kind == "class" else _judge_error
        up, down, slopes = judge(scores, truth, self.weights[held])
        self.up += sum_by(data.codes[held], up, data.subjects)
        self.down += sum_by(data.codes[held], down, data.subjects)
        seen = data.folds != fold
        curvature, pulls = models.pulls(fold, self.target, x, seen, data.weights)
        moved = np.linalg.solve(curvature, with_offset(x[held]).T @ slopes)
        self.fitted += sum_by(data.codes[seen], pulls * (with_offset(x[seen]) @ moved), data.subjects)

    def close(self) -> tuple[float, Floats, Floats]:
        """Value, and influence by being judged and by being fitted on."""
        total = float(self.down.sum())
        if not total > 0:
            return float("nan"), self.up, self.fitted
        value = float(self.up.sum()) / total
        votes = 2.0 if self.models.kind == "class" else 1.0  # a pair was counted for either of its images
        return value, (self.up - value * self.down) * votes / total, self.fitted * votes / total


def _judge_order(scores: Floats, truth: NDArray[np.bool_], weights: Floats) -> tuple[Floats, Floats, Floats]:
    """Weight of the pairs of either class that each image has in order, and of all its pairs, ``(k,)`` each.

    The third gives the slopes of all that are in order, in the scores: the density of pairs at a tie, by a normal
    kernel of Silverman's width.
    """
    up, down, slopes = np.zeros(len(scores)), np.zeros(len(scores)), np.zeros(len(scores))
    high, low = np.flatnonzero(truth), np.flatnonzero(~truth)
    if len(high) == 0 or len(low) == 0:
        return up, down, slopes
    down[high], down[low] = weights[low].sum(), weights[high].sum()
    up[high] = _below(scores[high], scores[low], weights[low])
    up[low] = _below(-scores[low], -scores[high], weights[high])
    spread = np.sqrt(np.var(scores[high]) + np.var(scores[low]))
    width = 1.06 * float(spread) * min(len(high), len(low)) ** -0.2
    if width > 0:
        for first in range(0, len(high), _CHUNK):
            some = high[first : first + _CHUNK]
            gap = (scores[some][:, None] - scores[low]) / width
            density = np.exp(-0.5 * gap**2) / (np.sqrt(2 * np.pi) * width)
            density *= weights[some][:, None] * weights[low]
            slopes[some] += density.sum(axis=1)
            slopes[low] -= density.sum(axis=0)
    return up * weights, down * weights, slopes


def _below(scores: Floats, others: Floats, weights: Floats) -> Floats:
    """Weight of the others below each score, and half of those level with it."""
    order = np.argsort(others)
    rising = np.concatenate([[0.0], np.cumsum(weights[order])])
    places = [np.searchsorted(others[order], scores, side=side) for side in ("left", "right")]
    return np.asarray((rising[places[0]] + rising[places[1]]) / 2)


def _judge_error(scores: Floats, truth: Floats, weights: Floats) -> tuple[Floats, Floats, Floats]:
    """Weighted error and weight of each image, ``(k,)``, and the slope of the error in its score."""
    gap = scores - truth
    return weights * np.abs(gap), weights.copy(), weights * np.sign(gap)
