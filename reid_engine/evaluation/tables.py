"""Rows of the long table."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reid_engine.evaluation.confidence import FEWEST_SUBJECTS, Estimate, mean_estimate
from reid_engine.evaluation.identification import RANKS, Outcomes
from reid_engine.matcher.population import Ints

Floats = NDArray[np.float64]
Row = dict[str, Any]


@dataclass(frozen=True)
class Heading:
    """What the rows of one table have in common."""

    modality: str
    encoder: str
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
            "modality": self.modality,
            "encoder": self.encoder,
            "attacker": self.attacker,
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


UNKNOWN = Estimate(math.nan, math.nan, math.nan)


def identification_rows(heading: Heading, outcomes: Outcomes, reason: str) -> list[Row]:
    """Rank-k by image and subject, and MAP@R; `reason` says why, where there is no query."""
    subjects, images = len(np.unique(outcomes.codes)), len(outcomes.images)
    if images == 0:
        return [heading.row("image", "rank-1", UNKNOWN, None, 0, 0, f"cannot be estimated: {reason}")]
    rows = []
    for k in RANKS:
        estimate = mean_estimate(outcomes.hits[k], outcomes.codes, share=True)
        chance = float(outcomes.chances[k].mean())
        rows.append(heading.row("image", f"rank-{k}", estimate, chance, subjects, images))
    for level in ("subject-any", "subject-all"):
        estimate, chance = _by_subject(level, outcomes)
        rows.append(heading.row(level, "rank-1", estimate, chance, subjects, images))
    precision = mean_estimate(outcomes.precision, outcomes.codes)
    rows.append(heading.row("image", "map@r", precision, None, subjects, images))
    return rows


def _by_subject(level: str, outcomes: Outcomes) -> tuple[Estimate, float]:
    place = np.unique(outcomes.codes, return_inverse=True)[1].astype(np.int64)
    join = _any if level == "subject-any" else _all
    values, chance = join(outcomes.hits[1], place), join(outcomes.chances[1], place)
    return mean_estimate(values, np.arange(len(values)), share=True), float(chance.mean())


def _all(p: Floats, place: Ints) -> Floats:
    """Probability that all of a subject's images hit, being independent."""
    joint = np.ones(int(place.max()) + 1)
    np.multiply.at(joint, place, p)
    return joint


def _any(p: Floats, place: Ints) -> Floats:
    return 1.0 - _all(1.0 - p, place)


def verification_rows(heading: Heading, measured: dict[str, Estimate], subjects: int, images: int) -> list[Row]:
    """AUC, EER and min-Cllr of the scores of queries against subjects."""
    chances = {"auc": 0.5, "eer": 0.5, "min_cllr": 1.0}
    return [
        heading.row("image", name, estimate, chances[name], subjects, images) for name, estimate in measured.items()
    ]
