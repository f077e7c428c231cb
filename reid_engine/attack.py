"""What is fitted for one modality: the strongest attacker, what its similarities are worth, and where they apply."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reid_engine.domain import Domain
from reid_engine.evaluation.confidence import mean_estimate
from reid_engine.matcher.calibration import Calibration, fit_calibration, shortage
from reid_engine.matcher.carried_plda import CarriedPlda
from reid_engine.matcher.comparisons import Comparisons, compare
from reid_engine.matcher.ladder import LADDER, AnyBackend, blocks_of, fit_named, obstacle, restore, uses_carried
from reid_engine.matcher.population import Population, Sessions
from reid_engine.matcher.trials import Trials, measure_quality, run_trials

DEFAULT_PRIOR = 0.5
"""Probability beforehand that the person of a scan is enrolled, where the user gives none."""


@dataclass(frozen=True)
class Attack:
    """The strongest attacker of one modality, calibrated where the gallery allows it.

    Attributes
    ----------
    backend
        Fitted on all images; PLDA on their identities too, or on other people's where these are too few.
    calibration, trials
        None where there are too few subjects with two images.
    domain
        None where there are too few subjects.
    facts
        ``rank_1`` of each back-end (null where one cannot be had, and its ``note`` says why, or whose identities PLDA
        learnt from where not from the gallery's), ``uncalibrated`` (why, or None), and the quality of the calibration.
    """

    backend: AnyBackend
    calibration: Calibration | None
    trials: Trials | None
    domain: Domain | None
    facts: Mapping[str, Any]

    def to_model(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Give arrays and plain facts for `Gallery.save_model`."""
        arrays: dict[str, NDArray[Any]] = {}
        for part in ("backend", "calibration", "trials", "domain"):
            held = getattr(self, part)
            if held is not None:
                arrays |= {f"{part}.{name}": array for name, array in held.to_arrays().items()}
        calibration = dict(self.calibration.facts) if self.calibration else None
        return arrays, {**self.facts, "calibration": calibration}

    @classmethod
    def from_model(cls, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> "Attack":
        """Restore what `to_model` gave."""
        parts = {part: _part(arrays, part) for part in ("backend", "calibration", "trials", "domain")}
        calibrated = bool(parts["calibration"])
        return cls(
            backend=restore(parts["backend"]),
            calibration=Calibration.from_arrays(parts["calibration"], facts["calibration"]) if calibrated else None,
            trials=Trials.from_arrays(parts["trials"]) if calibrated else None,
            domain=Domain.from_arrays(parts["domain"]) if parts["domain"] else None,
            facts={name: held for name, held in facts.items() if name != "calibration"},
        )


def _part(arrays: Mapping[str, NDArray[Any]], part: str) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(f"{part}."): array for name, array in arrays.items() if name.startswith(f"{part}.")}


def fit_attack(
    vectors: NDArray[np.float32],
    population: Population,
    domain: Domain | None,
    carried: CarriedPlda | None = None,
) -> Attack:
    """Fit every back-end, keep the one that re-identifies most, and calibrate it.

    Parameters
    ----------
    vectors
        ``(N, D)`` raw features of one modality, in the population's order.
    population
        The images.
    domain
        What was fitted to tell strangers.
    carried
        PLDA that comes with the encoder and was not fitted on these subjects.
    """
    sessions, why = _sessions(population)
    obstacles = {name: obstacle(name, population, carried) for name in LADDER}
    blocks = {
        name: blocks_of(name, vectors, population, sessions, carried)
        for name, missing in obstacles.items()
        if missing is None
    }
    compared = {name: compare(population, held, sessions) for name, held in blocks.items()}
    rank_1 = {name: _rank_1(population, comparisons) for name, comparisons in compared.items()}
    name = max(rank_1, key=lambda each: (rank_1[each]["value"] or 0.0, LADDER.index(each)))
    rank_1 |= {
        one: {"value": None, "ci95": [None, None], "note": why_not} for one, why_not in obstacles.items() if why_not
    }
    for one in blocks:
        other = uses_carried(one, population, carried)
        if other is not None:
            rank_1[one] = {**rank_1[one], "note": other.note}
    facts: dict[str, Any] = {"rank_1": rank_1, "sessions": sessions, "uncalibrated": why}
    attack = Attack(fit_named(name, vectors, population, carried), None, None, domain, facts)
    if why is not None:
        return attack
    calibration, tables = fit_calibration(compared[name], population)
    trials = run_trials(population, blocks[name], compared[name], tables)
    quality = measure_quality(population, compared[name], tables, trials, DEFAULT_PRIOR)
    calibrated = replace(calibration, facts={**calibration.facts, **quality})
    return replace(attack, calibration=calibrated, trials=trials)


def _sessions(population: Population) -> tuple[Sessions, str | None]:
    """Compare across sessions where enough subjects allow it, else within them; and why neither allows it."""
    why: str | None = None
    choices: tuple[Sessions, ...] = ("not the same", "any")
    for sessions in choices:
        why = shortage(population, sessions)
        if why is None:
            return sessions, None
    return "any", why


def _rank_1(population: Population, comparisons: Comparisons) -> dict[str, Any]:
    estimate = mean_estimate(
        comparisons.hits.astype(np.float64), population.codes[comparisons.mated_images], share=True
    )
    plain = [None if np.isnan(v) else float(v) for v in (estimate.value, estimate.low, estimate.high)]
    return {"value": plain[0], "ci95": plain[1:]}
