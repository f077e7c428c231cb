"""Demographic probes of a cohort, overall and split by whether an image was re-identified."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reid_engine.errors import ProbeError
from reid_engine.evaluation.confidence import Estimate, auc_estimate, mean_estimate
from reid_engine.evaluation.identification import Outcomes
from reid_engine.folds import subject_weights
from reid_engine.matcher.population import Ints, Population
from reid_engine.probes.attributes import Attribute, attributes_of
from reid_engine.probes.fit import FEWEST_SUBJECTS_PER_CLASS, fit_bases, fit_probe
from reid_engine.probes.probe import Probe, finite

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]


@dataclass(frozen=True)
class _Cohort:
    modality: str
    encoder: str
    vectors: NDArray[np.float32]
    population: Population
    outcomes: Outcomes


def probe_rows(
    modality: str,
    encoder: str,
    table: "pd.DataFrame",
    vectors: NDArray[np.float32],
    population: Population,
    outcomes: Outcomes,
) -> list[Row]:
    """Fit a probe to every attribute, and measure it on each stratum.

    Parameters
    ----------
    modality, encoder
        For the rows.
    table, vectors
        N rows, and ``(N, D)`` raw features, in the population's order.
    population
        The images.
    outcomes
        Of the strongest attacker, all pairs: who was re-identified.
    """
    cohort = _Cohort(modality, encoder, vectors, population, outcomes)
    if len(np.unique(population.folds)) < 2:
        return []
    ids = [population.subjects[code] for code in population.codes]
    bases = fit_bases(vectors, population.image_folds)
    rows: list[Row] = []
    for attribute in attributes_of(table):
        try:
            probe = fit_probe(vectors, attribute.values, ids, attribute.kind, attribute=attribute.name, bases=bases)
        except ProbeError as error:
            rows.append(_refused(cohort, attribute, str(error)))
            continue
        rows += _measured(cohort, attribute, probe)
    return rows


def _refused(cohort: _Cohort, attribute: Attribute, why: str) -> Row:
    metric = "auc" if attribute.kind == "class" else "mae"
    unknown = Estimate(float("nan"), float("nan"), float("nan"))
    return _row(cohort, attribute.name, "all", metric, unknown, None, 0, 0, f"cannot be estimated: {why}")


def _measured(cohort: _Cohort, attribute: Attribute, probe: Probe) -> list[Row]:
    quality = probe.quality
    whole = Estimate(quality.value, quality.low, quality.high)
    rows = [
        _row(cohort, attribute.name, "all", quality.metric, whole, quality.chance, quality.subjects, quality.images)
    ]
    rows[0]["p_chance"] = finite(quality.p_chance)
    hit = cohort.outcomes.hits[1] >= 0.5
    for stratum, images in (
        ("re-identified", cohort.outcomes.images[hit]),
        ("not re-identified", cohort.outcomes.images[~hit]),
    ):
        rows.append(_on(cohort, attribute, probe, stratum, images))
    return rows


def _on(cohort: _Cohort, attribute: Attribute, probe: Probe, stratum: str, images: Ints) -> Row:
    """Measure on some of the images, each by the model that had not seen its subject."""
    values = attribute.values[images]
    kept = np.isfinite(values.astype(np.float64)) if probe.kind == "number" else np.isin(values, probe.classes)
    images, values = images[kept], values[kept]
    codes = cohort.population.codes[images]
    subjects, metric = len(np.unique(codes)), probe.quality.metric
    why = _too_few(probe, values, codes)
    if why is not None:
        unknown = Estimate(float("nan"), float("nan"), float("nan"))
        return _row(cohort, attribute.name, stratum, metric, unknown, None, subjects, len(images), why)
    scores = probe.held_out(cohort.vectors[images], cohort.population.image_folds[images])
    weights = subject_weights(np.unique(codes, return_inverse=True)[1])
    if probe.kind == "number":
        error = np.abs(scores[:, 0] - values.astype(np.float64))
        estimate = mean_estimate(error, codes, weights)
    else:
        names = probe.classes[1:] if len(probe.classes) == 2 else probe.classes
        truth = np.stack([values == name for name in names], axis=1)
        estimate = auc_estimate(scores, truth, codes, weights)
    chance = probe.quality.chance
    return _row(cohort, attribute.name, stratum, metric, estimate, chance, subjects, len(images))


def _too_few(probe: Probe, values: NDArray[Any], codes: Ints) -> str | None:
    groups: Sequence[NDArray[np.bool_]] = (
        [values == name for name in probe.classes] if probe.classes else [np.ones(len(values), dtype=bool)]
    )
    least = min(len(np.unique(codes[group])) for group in groups)
    if least >= FEWEST_SUBJECTS_PER_CLASS:
        return None
    return (
        f"cannot be estimated: a class has {least} subjects in this stratum, and it takes {FEWEST_SUBJECTS_PER_CLASS}"
    )


def _row(
    cohort: _Cohort,
    attribute: str,
    stratum: str,
    metric: str,
    estimate: Estimate,
    chance: float | None,
    subjects: int,
    images: int,
    note: str | None = None,
) -> Row:
    low, high = finite(estimate.low), finite(estimate.high)
    return {
        "modality": cohort.modality,
        "attribute": attribute,
        "encoder": cohort.encoder,
        "stratum": stratum,
        "metric": metric,
        "value": finite(estimate.value),
        "ci95": None if low is None or high is None else [low, high],
        "chance": chance,
        "subjects": subjects,
        "images": images,
        "note": note,
    }
