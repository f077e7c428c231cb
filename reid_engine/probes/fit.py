"""Fit a probe, and measure it on subjects that it had not seen."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reid_engine.basis import Basis, fit_basis
from reid_engine.errors import ProbeError
from reid_engine.evaluation.confidence import auc_estimate, auc_null, mean_estimate, permuted_donors
from reid_engine.folds import FOLDS, subject_folds, subject_weights
from reid_engine.probes.attributes import MOST_CLASSES, Kind
from reid_engine.probes.probe import Probe, Quality
from reid_engine.probes.solvers import (
    CLASS_STRENGTHS,
    NUMBER_STRENGTHS,
    Line,
    absolute_error,
    choose_strength,
    fit_logistic,
    fit_ridge,
    log_loss,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FEWEST_SUBJECTS_PER_CLASS = 20
"""Subjects that a class needs; smaller classes are left out, and with fewer than two classes there is no probe."""

FEWEST_SUBJECTS = 40
"""Subjects that a probe of a number needs."""

COVERAGE = 0.95
"""Share of subjects whose number the prediction interval should hold."""


def fit_bases(vectors: NDArray[np.float32], folds: Ints) -> tuple[Basis, ...]:
    """For each fold, the principal axes of the images of the other folds' subjects."""
    return tuple(fit_basis(vectors[folds != fold]) for fold in range(FOLDS))


def fit_probe(
    vectors: NDArray[np.float32],
    values: NDArray[Any],
    subject_ids: Sequence[str],
    kind: Kind,
    *,
    attribute: str = "attribute",
    bases: Sequence[Basis] | None = None,
) -> Probe:
    """Fit a probe, cross-validated so that no subject is on both sides.

    A class is fitted by logistic regression (one against the rest where there are more than two), a number by ridge
    regression, on at most `reid_engine.basis.MAX_AXES` principal axes of the standardised features. The penalty is
    chosen on a further fold of subjects inside each training set.

    Parameters
    ----------
    vectors
        ``(N, D)`` raw features.
    values
        ``(N,)`` the attribute: text with None, or numbers with NaN, where unknown.
    subject_ids
        N ids.
    kind
        ``"class"`` or ``"number"``.
    attribute
        Its name.
    bases
        What `fit_bases` gives for these vectors and the folds of `subject_folds`; saves time over many attributes.

    Raises
    ------
    ProbeError
        There are too few subjects, or too many or too few classes.
    """
    folds = subject_folds(subject_ids)
    bases = fit_bases(vectors, folds) if bases is None else bases
    kept, classes = _usable(values, subject_ids, kind, attribute)
    numbers = {name: number for number, name in enumerate(dict.fromkeys(subject_ids))}
    codes = np.array([numbers[subject_ids[row]] for row in kept], dtype=np.int64)
    codes = np.unique(codes, return_inverse=True)[1].astype(np.int64)
    data = _Data(vectors, kept, folds[kept], codes, subject_weights(codes), tuple(bases))
    if len(np.unique(data.folds)) < FOLDS:
        raise ProbeError(f"{attribute}: its subjects do not fill {FOLDS} folds; enrol more subjects")
    if kind == "number":
        return _number_probe(data, values[kept].astype(np.float64), attribute)
    labels = np.searchsorted(np.array(classes), values[kept].astype(str))
    return _class_probe(data, labels.astype(np.int64), classes, attribute)


@dataclass(frozen=True)
class _Data:
    """Images whose value is known: rows, folds, subject numbers and weights, and the axes for each fold left out."""

    vectors: NDArray[np.float32]
    rows: Ints
    folds: Ints
    codes: Ints
    weights: Floats
    bases: tuple[Basis, ...]

    def scores(self, fold: int) -> Floats:
        """``(n, q)`` in the axes that the subjects of `fold` had no part in."""
        return self.bases[fold].scores(self.vectors[self.rows]).astype(np.float64)


def _usable(
    values: NDArray[Any], subject_ids: Sequence[str], kind: Kind, attribute: str
) -> tuple[Ints, tuple[str, ...]]:
    subjects = np.asarray(subject_ids, dtype=object)
    if kind == "number":
        rows = np.flatnonzero(np.isfinite(values.astype(np.float64)))
        found = len(set(subjects[rows]))
        if found < FEWEST_SUBJECTS:
            raise ProbeError(f"{attribute}: {found} subjects have a value, and a probe needs {FEWEST_SUBJECTS}")
        if np.ptp(values[rows].astype(np.float64)) == 0:
            raise ProbeError(f"{attribute}: all subjects have the same value")
        return rows, ()
    known = np.flatnonzero(np.array([value is not None for value in values]))
    owners: dict[str, set[str]] = {}
    for row in known:
        owners.setdefault(str(values[row]), set()).add(subjects[row])
    classes = tuple(sorted(name for name, who in owners.items() if len(who) >= FEWEST_SUBJECTS_PER_CLASS))
    if not 2 <= len(classes) <= MOST_CLASSES:
        raise ProbeError(
            f"{attribute}: {len(classes)} of {len(owners)} classes have {FEWEST_SUBJECTS_PER_CLASS} subjects or more, "
            f"and a probe needs 2 to {MOST_CLASSES} such classes"
        )
    return np.array([row for row in known if str(values[row]) in classes], dtype=np.int64), classes


def _cross_fit(
    data: _Data,
    targets: Sequence[NDArray[Any]],
    fit: Callable[..., Line],
    loss: Callable[..., float],
    strengths: tuple[float, ...],
) -> tuple[NDArray[np.float32], Floats, Floats]:
    """Weights ``(F, M, D)``, offsets ``(F, M)`` and held-out scores ``(n, M)`` for M targets."""
    dim = data.vectors.shape[1]
    weights = np.zeros((FOLDS, len(targets), dim), dtype=np.float32)
    offsets = np.zeros((FOLDS, len(targets)))
    held_out = np.zeros((len(data.rows), len(targets)))
    for fold in range(FOLDS):
        x, out = data.scores(fold), data.folds == fold
        inner = data.folds[~out] == (fold + 1) % FOLDS
        for m, y in enumerate(targets):
            strength = choose_strength(fit, loss, strengths, x[~out], y[~out], data.weights[~out], inner)
            slope, offset = fit(x[~out], y[~out], data.weights[~out], strength)
            held_out[out, m] = x[out] @ slope + offset
            weights[fold, m], offsets[fold, m] = _on_raw_features(data.bases[fold], slope, offset)
    return weights, offsets, held_out


def _on_raw_features(basis: Basis, slope: Floats, offset: float) -> tuple[Floats, float]:
    raw = (basis.axes.astype(np.float64) @ slope) / basis.scale
    return raw, offset - float(raw @ basis.mean)


def _class_probe(data: _Data, labels: Ints, classes: tuple[str, ...], attribute: str) -> Probe:
    shown = [1] if len(classes) == 2 else list(range(len(classes)))
    targets = [labels == number for number in shown]
    for number, target in zip(shown, targets, strict=True):
        if any(target[data.folds != fold].all() or not target[data.folds != fold].any() for fold in range(FOLDS)):
            raise ProbeError(f"{attribute}: the class {classes[number]} is missing in a fold; enrol more subjects")
    weights, offsets, scores = _cross_fit(data, targets, fit_logistic, log_loss, CLASS_STRENGTHS)
    prior = np.bincount(labels, data.weights, len(classes)) / data.weights.sum()
    scaling = np.array([_scaling(scores[:, m], target, data.weights) for m, target in enumerate(targets)])
    estimate = auc_estimate(scores, np.stack(targets, axis=1), data.codes, data.weights)
    chance = auc_null(scores, np.stack(targets, axis=1), data.codes, data.weights, estimate.value)
    quality = Quality(
        "auc", estimate.value, estimate.low, estimate.high, 0.5, chance, int(data.codes.max()) + 1, len(labels)
    )
    return Probe(attribute, "class", classes, prior, weights, offsets, scaling, np.array([math.nan, math.nan]), quality)


def _scaling(scores: Floats, target: NDArray[np.bool_], weights: Floats) -> tuple[float, float]:
    """Slope and offset of Platt's scaling, fitted on held-out scores; slope 0 where they point the wrong way."""
    spread = float(scores.std()) or 1.0
    slope, offset = fit_logistic((scores / spread)[:, None], target, weights, 1e4)
    if slope[0] <= 0:
        share = float(np.average(target, weights=weights))
        return 0.0, math.log(share / (1 - share))
    return float(slope[0]) / spread, offset


def _number_probe(data: _Data, y: Floats, attribute: str) -> Probe:
    weights, offsets, scores = _cross_fit(data, [y], fit_ridge, absolute_error, NUMBER_STRENGTHS)
    error = np.abs(scores[:, 0] - y)
    mean = float(np.average(y, weights=data.weights))
    spread = float(np.sqrt(np.average((y - mean) ** 2, weights=data.weights)))
    subjects = int(data.codes.max()) + 1
    estimate = mean_estimate(error, data.codes, data.weights)
    donors = permuted_donors(data.codes)
    null = np.array([absolute_error(scores[:, 0], y[donor], data.weights) for donor in donors])
    quality = Quality(
        "mae",
        estimate.value,
        estimate.low,
        estimate.high,
        absolute_error(np.full(len(y), _weighted_quantile(y, data.weights, 0.5)), y, data.weights),
        (1 + np.count_nonzero(null <= estimate.value)) / (1 + len(null)),
        subjects,
        len(y),
    )
    reach = _weighted_quantile(error, data.weights, min(1.0, COVERAGE * (subjects + 1) / subjects))
    noise = float(np.sqrt(np.average(error**2, weights=data.weights)))
    return Probe(
        attribute, "number", (), np.array([mean, spread]), weights, offsets, np.zeros((1, 2)),
        np.array([reach, noise]), quality,
    )  # fmt: skip


def _weighted_quantile(values: Floats, weights: Floats, share: float) -> float:
    """Smallest value that at least `share` of the weight does not exceed."""
    order = np.argsort(values)
    rising = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][min(int(np.searchsorted(rising, share - 1e-12)), len(values) - 1)])
