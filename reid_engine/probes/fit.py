"""Fit a probe, and measure it on subjects that it had not seen."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reid_engine.basis import Basis, fit_basis
from reid_engine.errors import ProbeError, SmallClassesError
from reid_engine.folds import FOLDS, subject_folds, subject_weights
from reid_engine.probes.attributes import MOST_CLASSES, Kind
from reid_engine.probes.chance import chance_of
from reid_engine.probes.crossfit import Data, Models, cross_fit
from reid_engine.probes.influence import Influence, measure
from reid_engine.probes.probe import Probe, Quality
from reid_engine.probes.solvers import absolute_error, fit_logistic

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
    """Fit a probe, cross-validated so that no subject is on both sides; as `cross_fit_probe`, without the rest."""
    return cross_fit_probe(vectors, values, subject_ids, kind, attribute=attribute, bases=bases).probe


@dataclass(frozen=True)
class FittedProbe:
    """A probe with what it was fitted on, to judge it on some of the images.

    Attributes
    ----------
    probe
        What a gallery keeps.
    data, models
        Images whose value is known, and the models of them.
    """

    probe: Probe
    data: Data
    models: Models

    def on(self, images: NDArray[np.bool_]) -> Influence:
        """Judge it on some of the images ``(N,)`` that it was fitted on, each by a model that had not seen it."""
        return measure(self.data, self.models, images[self.data.rows])


def cross_fit_probe(
    vectors: NDArray[np.float32],
    values: NDArray[Any],
    subject_ids: Sequence[str],
    kind: Kind,
    *,
    attribute: str = "attribute",
    bases: Sequence[Basis] | None = None,
) -> FittedProbe:
    """Fit a probe, cross-validated so that no subject is on both sides.

    A class is fitted by logistic regression (one against the rest where there are more than two), a number by ridge
    regression, on at most `reid_engine.basis.MAX_AXES` principal axes of the standardised features. The penalty is
    chosen on subjects inside each training set.

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
    kept, classes = usable_images(values, subject_ids, kind, attribute)
    numbers = {name: number for number, name in enumerate(dict.fromkeys(subject_ids))}
    codes = np.array([numbers[subject_ids[row]] for row in kept], dtype=np.int64)
    codes = np.unique(codes, return_inverse=True)[1].astype(np.int64)
    data = Data(vectors, kept, folds[kept], codes, subject_weights(codes), tuple(bases))
    if len(np.unique(data.folds)) < FOLDS:
        raise ProbeError(f"{attribute}: its subjects do not fill {FOLDS} folds; enrol more subjects")
    if kind == "number":
        return _number_probe(data, values[kept].astype(np.float64), attribute)
    labels = np.searchsorted(np.array(classes), values[kept].astype(str))
    return _class_probe(data, labels.astype(np.int64), classes, attribute)


def usable_images(
    values: NDArray[Any], subject_ids: Sequence[str], kind: Kind, attribute: str = "attribute"
) -> tuple[Ints, tuple[str, ...]]:
    """Give the images that a probe is fitted on, ``(n,)``, and its classes in order (none for a number).

    A class with fewer than `FEWEST_SUBJECTS_PER_CLASS` subjects is left out while two others have enough.

    Parameters
    ----------
    values, subject_ids, kind, attribute
        As `cross_fit_probe` takes them.

    Raises
    ------
    SmallClassesError
        Fewer than two classes have enough subjects.
    ProbeError
        Too few subjects have a value, all have the same, or there are too many classes.
    """
    subjects = np.asarray(subject_ids, dtype=object)
    if kind == "number":
        rows = np.flatnonzero(np.isfinite(values.astype(np.float64)))
        found = len(set(subjects[rows]))
        if found < FEWEST_SUBJECTS:
            raise ProbeError(f"{attribute}: {found} subjects have a value, and a probe needs {FEWEST_SUBJECTS}")
        if np.ptp(values[rows].astype(np.float64)) == 0:
            raise ProbeError(f"{attribute}: all subjects have the same value")
        return rows, ()
    counts = class_counts(values, subject_ids)
    classes = tuple(sorted(name for name, count in counts.items() if count >= FEWEST_SUBJECTS_PER_CLASS))
    if not 2 <= len(classes) <= MOST_CLASSES:
        text = (
            f"{attribute}: {len(classes)} of {len(counts)} classes have {FEWEST_SUBJECTS_PER_CLASS} subjects or more, "
            f"and a probe needs 2 to {MOST_CLASSES} such classes"
        )
        raise SmallClassesError(text, counts) if len(classes) < 2 else ProbeError(text)
    held = [value is not None and str(value) in classes for value in values]
    return np.flatnonzero(held).astype(np.int64), classes


def class_counts(values: NDArray[Any], subject_ids: Sequence[str]) -> dict[str, int]:
    """Count the subjects of each class, the largest first; one whose images differ counts for each of their classes.

    Parameters
    ----------
    values
        ``(N,)`` text with None where unknown.
    subject_ids
        N ids.
    """
    owners: dict[str, set[str]] = {}
    for value, subject in zip(values, subject_ids, strict=True):
        if value is not None:
            owners.setdefault(str(value), set()).add(subject)
    return {name: len(owners[name]) for name in sorted(owners, key=lambda name: (-len(owners[name]), name))}


def _on_raw_features(data: Data, models: Models) -> tuple[NDArray[np.float32], Floats]:
    """Weights ``(F, M, D)`` and offsets ``(F, M)`` of the models on raw features."""
    weights = np.zeros((FOLDS, len(models.targets), data.vectors.shape[1]), dtype=np.float32)
    offsets = np.zeros((FOLDS, len(models.targets)))
    for fold, (basis, lines) in enumerate(zip(data.bases, models.lines, strict=True)):
        for m, (slope, offset) in enumerate(lines):
            raw = (basis.axes.astype(np.float64) @ slope) / basis.scale
            weights[fold, m], offsets[fold, m] = raw, offset - float(raw @ basis.mean)
    return weights, offsets


def _class_probe(data: Data, labels: Ints, classes: tuple[str, ...], attribute: str) -> FittedProbe:
    shown = [1] if len(classes) == 2 else list(range(len(classes)))
    targets = [labels == number for number in shown]
    for number, target in zip(shown, targets, strict=True):
        if any(target[data.folds != fold].all() or not target[data.folds != fold].any() for fold in range(FOLDS)):
            raise ProbeError(f"{attribute}: the class {classes[number]} is missing in a fold; enrol more subjects")
    models = cross_fit(data, "class", targets)
    prior = np.bincount(labels, data.weights, len(classes)) / data.weights.sum()
    scores = models.held_out
    scaling = np.array([_scaling(scores[:, m], target, data.weights) for m, target in enumerate(targets)])
    quality = _quality("auc", data, models, 0.5)
    blank = np.array([math.nan, math.nan])
    weights = _on_raw_features(data, models)
    return FittedProbe(Probe(attribute, "class", classes, prior, *weights, scaling, blank, quality), data, models)


def _quality(metric: str, data: Data, models: Models, chance: float) -> Quality:
    estimate = measure(data, models, np.ones(len(data.rows), dtype=bool)).estimate()
    by_chance = chance_of(data, models.kind, models.targets)
    return Quality(
        metric, estimate.value, estimate.low, estimate.high, chance, by_chance, data.subjects, len(data.rows)
    )


def _scaling(scores: Floats, target: NDArray[np.bool_], weights: Floats) -> tuple[float, float]:
    """Slope and offset of Platt's scaling, fitted on held-out scores; slope 0 where they point the wrong way."""
    spread = float(scores.std()) or 1.0
    slope, offset = fit_logistic((scores / spread)[:, None], target, weights, 1e4)
    if slope[0] <= 0:
        share = float(np.average(target, weights=weights))
        return 0.0, math.log(share / (1 - share))
    return float(slope[0]) / spread, offset


def _number_probe(data: Data, y: Floats, attribute: str) -> FittedProbe:
    models = cross_fit(data, "number", [y])
    error = np.abs(models.held_out[:, 0] - y)
    mean = float(np.average(y, weights=data.weights))
    spread = float(np.sqrt(np.average((y - mean) ** 2, weights=data.weights)))
    median = np.full(len(y), _weighted_quantile(y, data.weights, 0.5))
    quality = _quality("mae", data, models, absolute_error(median, y, data.weights))
    reach = _weighted_quantile(error, data.weights, min(1.0, COVERAGE * (data.subjects + 1) / data.subjects))
    noise = float(np.sqrt(np.average(error**2, weights=data.weights)))
    probe = Probe(
        attribute, "number", (), np.array([mean, spread]), *_on_raw_features(data, models), np.zeros((1, 2)),
        np.array([reach, noise]), quality,
    )  # fmt: skip
    return FittedProbe(probe, data, models)


def _weighted_quantile(values: Floats, weights: Floats, share: float) -> float:
    """Smallest value that at least `share` of the weight does not exceed."""
    order = np.argsort(values)
    rising = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][min(int(np.searchsorted(rising, share - 1e-12)), len(values) - 1)])
