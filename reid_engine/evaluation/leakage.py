"""Demographic probes of a cohort, overall and split by whether an image was re-identified."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reid_engine.errors import ProbeError
from reid_engine.evaluation.confidence import UNKNOWN, Estimate
from reid_engine.evaluation.identification import Outcomes
from reid_engine.matcher.population import Population
from reid_engine.probes.attributes import Attribute, attributes_of
from reid_engine.probes.fit import FEWEST_SUBJECTS_PER_CLASS, FittedProbe, cross_fit_probe, fit_bases
from reid_engine.probes.probe import finite

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
            fitted = cross_fit_probe(
                vectors, attribute.values, ids, attribute.kind, attribute=attribute.name, bases=bases
            )
        except ProbeError as error:
            rows.append(_refused(cohort, attribute, str(error)))
            continue
        rows += _measured(cohort, attribute, fitted)
    return rows


def _refused(cohort: _Cohort, attribute: Attribute, why: str) -> Row:
    metric = "auc" if attribute.kind == "class" else "mae"
    return _row(cohort, attribute.name, "all", metric, UNKNOWN, None, 0, 0, f"cannot be estimated: {why}")


def _measured(cohort: _Cohort, attribute: Attribute, fitted: FittedProbe) -> list[Row]:
    quality = fitted.probe.quality
    whole = Estimate(quality.value, quality.low, quality.high)
    row = _row(
        cohort, attribute.name, "all", quality.metric, whole, quality.chance, quality.subjects, quality.images,
        p_value=quality.p_chance,
    )  # fmt: skip
    found, missed = (_Side(cohort, fitted, hit) for hit in (True, False))
    return [
        row,
        found.row(attribute.name, "re-identified"),
        missed.row(attribute.name, "not re-identified"),
        _difference(attribute.name, found, missed),
    ]


class _Side:
    """A probe on the images that were re-identified, or on those that were not."""

    def __init__(self, cohort: _Cohort, fitted: FittedProbe, hit: bool) -> None:
        self.cohort, self.probe = cohort, fitted.probe
        images = np.zeros(len(cohort.population), dtype=bool)
        images[cohort.outcomes.images[(cohort.outcomes.hits[1] >= 0.5) == hit]] = True
        known = images[fitted.data.rows]
        self.images, self.codes = int(known.sum()), np.unique(fitted.data.codes[known])
        self.why = _too_few(fitted, known)
        self.influence = None if self.why else fitted.on(images)

    def row(self, attribute: str, stratum: str) -> Row:
        """Give the row of this side."""
        metric, subjects = self.probe.quality.metric, len(self.codes)
        if self.influence is None:
            return _row(self.cohort, attribute, stratum, metric, UNKNOWN, None, subjects, self.images, self.why)
        chance = self.probe.quality.chance
        estimate = self.influence.estimate()
        return _row(self.cohort, attribute, stratum, metric, estimate, chance, subjects, self.images)


def _difference(attribute: str, found: _Side, missed: _Side) -> Row:
    """Give re-identified minus not, with its test."""
    estimate, p_value = UNKNOWN, math.nan
    if found.influence is not None and missed.influence is not None:
        estimate, p_value = found.influence.minus(missed.influence)
    subjects = len(np.union1d(found.codes, missed.codes))
    metric, images, why = found.probe.quality.metric, found.images + missed.images, found.why or missed.why
    return _row(found.cohort, attribute, "difference", metric, estimate, 0.0, subjects, images, why, p_value)


def _too_few(fitted: FittedProbe, known: NDArray[np.bool_]) -> str | None:
    """Why a probe cannot be judged on some of its images ``(n,)``."""
    data, models = fitted.data, fitted.models
    if fitted.probe.kind == "number":
        sides = [known]
    elif len(models.targets) == 1:
        sides = [known & models.targets[0], known & ~models.targets[0]]
    else:
        sides = [known & target for target in models.targets]
    least = min(len(np.unique(data.codes[side])) for side in sides)
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
    p_value: float = math.nan,
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
        "p_value": finite(p_value),
        "subjects": subjects,
        "images": images,
        "note": note,
    }
