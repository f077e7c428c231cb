"""Curves of the report: what its figures are drawn from."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reid_engine.evaluation.calibrated import reliability
from reid_engine.evaluation.confidence import Estimate
from reid_engine.evaluation.gallery_size import rank1_by_size
from reid_engine.evaluation.identification import CMC_RANKS, cmc_estimates, measure_rates
from reid_engine.evaluation.measure import Measurement
from reid_engine.evaluation.strata import ALL, NO_NEAR, SWEEP, SWEPT
from reid_engine.evaluation.tables import Heading
from reid_engine.matcher.population import Population
from reid_engine.matcher.trials import FEWEST_SUBJECTS

Curve = dict[str, Any]


def measurement_curves(
    heading: Heading, measured: Measurement, population: Population, removed: Sequence[int]
) -> list[Curve]:
    """Give the curves of one attacker: those of its identification, and of its scores where there are any.

    Parameters
    ----------
    heading
        Whose.
    measured
        What was measured.
    population
        The images.
    removed
        Pairs of near-duplicates at each limit of the sweep.
    """
    curves = [*_identification(heading, measured, population), *_sweep(heading, measured, population, removed)]
    found = measured.verification
    if found is not None:
        curves.append(_curve(heading, "det", NO_NEAR.name, found.false_match, {"miss": found.miss}))
        series = {"mated": found.mated, "other": found.other}
        curves.append(_curve(heading, "scores", NO_NEAR.name, found.centres, series))
    if measured.checks is not None:
        held = reliability(measured.checks)
        came = {"observed": held.observed, "low": held.low, "high": held.high, "n": held.subjects}
        few = None if len(held.stated) else f"no bin of probabilities holds {FEWEST_SUBJECTS} subjects"
        curves.append({**_curve(heading, "calibration", NO_NEAR.name, held.stated, came), "note": few})
    return curves


def _identification(heading: Heading, measured: Measurement, population: Population) -> list[Curve]:
    outcomes, subjects = measured.outcomes[ALL.name], len(population.subjects)
    if len(outcomes.images) == 0:
        return []
    estimates, chances = cmc_estimates(outcomes, subjects)
    cmc = _curve(heading, "cmc", ALL.name, CMC_RANKS, {**_series(estimates), "chance": chances})
    sizes, by_size, expected = rank1_by_size(outcomes, subjects)
    return [cmc, _curve(heading, "gallery-size", ALL.name, sizes, {**_series(by_size), "chance": expected})]


def _sweep(heading: Heading, measured: Measurement, population: Population, removed: Sequence[int]) -> list[Curve]:
    if SWEEP[0].name not in measured.outcomes:
        return []
    estimates: list[Estimate] = []
    people: list[int] = []
    for stratum in SWEEP:
        outcomes = measured.outcomes[stratum.name]
        if len(outcomes.images) == 0:
            return []
        estimates.append(measure_rates(outcomes, len(population.subjects)).estimates["image", "rank-1"])
        people.append(len(np.unique(outcomes.codes)))
    series = {**_series(estimates), "removed": list(removed), "subjects": people}
    return [_curve(heading, "near-threshold", "near-duplicates removed", SWEPT, series)]


def _series(estimates: Sequence[Estimate]) -> dict[str, list[float]]:
    return {
        "rate": [estimate.value for estimate in estimates],
        "low": [estimate.low for estimate in estimates],
        "high": [estimate.high for estimate in estimates],
    }


def _curve(
    heading: Heading, kind: str, stratum: str, x: Sequence[float] | NDArray[Any], series: dict[str, Any]
) -> Curve:
    return {
        **heading.keys(),
        "kind": kind,
        "stratum": stratum,
        "x": _plain(x),
        "series": {name: _plain(values) for name, values in series.items()},
        "note": None,
    }


def _plain(values: Sequence[float] | NDArray[Any]) -> list[float | None]:
    numbers = np.asarray(values).tolist()
    return [None if isinstance(number, float) and not math.isfinite(number) else number for number in numbers]
