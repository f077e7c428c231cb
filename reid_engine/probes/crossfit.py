"""Linear models of an attribute, each fitted without one fold of subjects."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reid_engine.basis import Basis
from reid_engine.folds import FOLDS
from reid_engine.probes.attributes import Kind
from reid_engine.probes.solvers import (
    CLASS_STRENGTHS,
    NUMBER_STRENGTHS,
    Line,
    Pulls,
    absolute_error,
    choose_strength,
    fit_logistic,
    fit_ridge,
    log_loss,
    logistic_pulls,
    ridge_pulls,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Masks = Sequence[NDArray[np.bool_]]


@dataclass(frozen=True)
class Data:
    """Images whose value is known.

    Attributes
    ----------
    vectors
        ``(N, D)`` raw features of all images.
    rows
        ``(n,)`` the images whose value is known.
    folds, codes
        ``(n,)`` fold and subject number, 0..S-1, of those.
    weights
        ``(n,)``; every subject has one vote.
    bases
        For each fold the axes of the other folds' images.
    """

    vectors: NDArray[np.float32]
    rows: Ints
    folds: Ints
    codes: Ints
    weights: Floats
    bases: tuple[Basis, ...]

    @cached_property
    def subjects(self) -> int:
        """S."""
        return int(self.codes.max()) + 1

    def scores(self, fold: int) -> Floats:
        """``(n, q)`` in the axes that the subjects of `fold` had no part in."""
        return self.bases[fold].scores(self.vectors[self.rows]).astype(np.float64)


@dataclass(frozen=True)
class Models:
    """Models of M targets, each for every fold that is left out.

    Attributes
    ----------
    kind
        ``"class"``: log odds by logistic regression; ``"number"``: ridge regression.
    targets
        M arrays ``(n,)`` of truth.
    lines, strengths
        ``[fold][target]``: weights on the fold's axes and offset, and how strongly they were held back.
    held_out
        ``(n, M)`` scores by the models that had not seen the image's subject.
    """

    kind: Kind
    targets: Sequence[NDArray[Any]]
    lines: Sequence[Sequence[Line]]
    strengths: Sequence[Sequence[float]]
    held_out: Floats

    def pulls(self, fold: int, target: int, x: Floats, rows: NDArray[np.bool_], weights: Floats) -> Pulls:
        """How the images at `rows` of ``(n, q)`` hold the model that they were fitted to."""
        pulls = logistic_pulls if self.kind == "class" else ridge_pulls
        truth, strength, line = self.targets[target][rows], self.strengths[fold][target], self.lines[fold][target]
        return pulls(x[rows], truth, weights[rows], strength, line)


def cross_fit(data: Data, kind: Kind, targets: Sequence[NDArray[Any]]) -> Models:
    """Fit every target without each fold in turn.

    The penalty of a model is chosen on subjects inside its training set: of a number on each fold of it in turn, of a
    class, which takes longer and depends less on it, on one.
    """
    held_out = np.zeros((len(data.rows), len(targets)))
    lines: list[list[Line]] = []
    strengths: list[list[float]] = []
    for fold in range(FOLDS):
        x, out = data.scores(fold), data.folds == fold
        lines.append([])
        strengths.append([])
        for m, truth in enumerate(targets):
            strength, line = _fit(kind, x[~out], truth[~out], data.weights[~out], data.folds[~out], fold)
            held_out[out, m] = x[out] @ line[0] + line[1]
            lines[-1].append(line)
            strengths[-1].append(strength)
    return Models(kind, targets, lines, strengths, held_out)


def _fit(kind: Kind, x: Floats, truth: NDArray[Any], weights: Floats, folds: Ints, left_out: int) -> tuple[float, Line]:
    others = [(left_out + step) % FOLDS for step in range(1, FOLDS)]
    if kind == "class":
        inner = [folds == others[0]]
        strength = choose_strength(fit_logistic, log_loss, CLASS_STRENGTHS, x, truth, weights, inner)
        return strength, fit_logistic(x, truth, weights, strength)
    inner = [folds == fold for fold in others]
    strength = choose_strength(fit_ridge, absolute_error, NUMBER_STRENGTHS, x, truth, weights, inner)
    return strength, fit_ridge(x, truth, weights, strength)
