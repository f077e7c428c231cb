"""Rows of the long table."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reid_engine.evaluation.calibrated import SHARES, calibration_error, share_above
from reid_engine.evaluation.confidence import FEWEST_SUBJECTS, UNKNOWN, Estimate
from reid_engine.evaluation.identification import Outcomes, measure_rates
from reid_engine.evaluation.measure import SCORED, Measurement
from reid_engine.evaluation.open_set import subjects_needed
from reid_engine.evaluation.strata import ALL, OTHER_SESSIONS, Stratum
from reid_engine.matcher.population import Population

Row = dict[str, Any]

CHANCES = {"auc": 0.5, "eer": 0.5, "min_cllr": 1.0, "cllr": 1.0}
"""What scores without information give."""

NO_QUERIES = {
    ALL.name: "no subject has two images",
    SCORED.name: "no subject has two images that are not near-duplicates",
    OTHER_SESSIONS.name: "no subject has images of two sessions that are known to differ",
}
"""Why a stratum has no query."""


@dataclass(frozen=True)
class Heading:
    """What the rows of one table have in common."""

    dataset: str | None
    modality: str
    encoder: str
    kind: str
    attacker: str
    stratum: str

    def row(
        self,
        level: str,
        metric: str,
        estimate: Estimate,
        chance: float | None,
        subjects: int,
        images: int,
        note: str | None = None,
    ) -> Row:
        """Give one row; an interval that cannot be given is None, with the reason in `note`."""
        known = math.isfinite(estimate.low) and math.isfinite(estimate.high)
        if not known and note is None:
            note = f"no interval: fewer than {FEWEST_SUBJECTS} subjects" if subjects else None
        return {
            **self.keys(),
            "stratum": self.stratum,
            "level": level,
            "metric": metric,
            "value": estimate.value if math.isfinite(estimate.value) else None,
            "ci95": [estimate.low, estimate.high] if known else None,
            "chance": chance,
            "subjects": subjects,
            "images": images,
            "note": note,
        }

    def keys(self) -> Row:
        """Give what tells this attack from others."""
        return {
            "dataset": self.dataset,
            "modality": self.modality,
            "encoder": self.encoder,
            "kind": self.kind,
            "attacker": self.attacker,
        }

    def within(self, stratum: str) -> "Heading":
        """Give the heading of another stratum."""
        return Heading(self.dataset, self.modality, self.encoder, self.kind, self.attacker, stratum)


def measurement_rows(
    heading: Heading,
    measured: Measurement,
    strata: Sequence[Stratum],
    population: Population,
    shares: tuple[float, ...] = SHARES,
) -> list[Row]:
    """Give every row of one attacker.

    Parameters
    ----------
    heading
        Its stratum is replaced.
    measured
        What was measured.
    strata
        Those that get rows.
    population
        The images.
    shares
        Probabilities for which the share of images at or above is given.
    """
    rows: list[Row] = []
    for stratum in strata:
        outcomes = measured.outcomes[stratum.name]
        rows += identification_rows(heading.within(stratum.name), outcomes, population)
    if measured.verification is None:
        return rows
    scored = heading.within(SCORED.name)
    return [*rows, *_verification_rows(scored, measured), *_open_rows(scored, measured, population),
            *_calibration_rows(scored, measured, population, shares)]  # fmt: skip


def identification_rows(heading: Heading, outcomes: Outcomes, population: Population) -> list[Row]:
    """Rank-k by image and subject, precision at 1 and MAP@R."""
    subjects, images = len(np.unique(outcomes.codes)), len(outcomes.images)
    if images == 0:
        why = NO_QUERIES.get(heading.stratum, "no subject has such a pair of images")
        return [heading.row("image", "rank-1", UNKNOWN, None, 0, 0, f"cannot be estimated: {why}")]
    rates = measure_rates(outcomes, len(population.subjects))
    rows = [
        heading.row(level, metric, estimate, rates.chances[level, metric], subjects, images)
        for (level, metric), estimate in rates.estimates.items()
    ]
    first = rates.estimates["image", "rank-1"]
    rows.append(heading.row("image", "precision@1", first, rates.chances["image", "rank-1"], subjects, images))
    return rows


def _verification_rows(heading: Heading, measured: Measurement) -> list[Row]:
    found = measured.verification
    if found is None:
        return []
    rows = [
        heading.row("image", name, estimate, CHANCES[name], found.subjects, found.images)
        for name, estimate in found.estimates.items()
    ]
    if measured.tables is None:
        why = f"cannot be estimated: {measured.uncalibrated}"
        rows.append(heading.row("image", "cllr", UNKNOWN, 1.0, found.subjects, found.images, why))
    return rows


def _open_rows(heading: Heading, measured: Measurement, population: Population) -> list[Row]:
    found, rates = measured.verification, measured.open_set or {}
    if found is None:
        return []
    subjects = len(population.subjects)
    rows = []
    for fpir, estimate in rates.items():
        needed = subjects_needed(fpir)
        why = (
            f"cannot be estimated: it takes {needed:,} subjects, half of them not enrolled, and there are {subjects:,}"
        )
        small = subjects < needed
        rows.append(
            heading.row(
                "image", f"fnir@fpir={fpir:g}", estimate, 1.0, found.subjects, found.images, why if small else None
            )
        )
    return rows


def _calibration_rows(
    heading: Heading, measured: Measurement, population: Population, shares: tuple[float, ...]
) -> list[Row]:
    found, checks = measured.verification, measured.checks
    names = [f"share-above-{share:g}" for share in shares]
    if checks is None:
        subjects, images = (found.subjects, found.images) if found else (0, 0)
        why = f"cannot be estimated: {measured.uncalibrated or 'no image was checked'}"
        return [heading.row("image", name, UNKNOWN, None, subjects, images, why) for name in ("ece", *names)]
    subjects, images = len(np.unique(population.codes[checks.images])), len(checks.images)
    estimates: Mapping[str, Estimate] = {
        "ece": calibration_error(checks),
        **dict(zip(names, share_above(checks, population, shares), strict=True)),
    }
    return [heading.row("image", name, estimate, None, subjects, images) for name, estimate in estimates.items()]
