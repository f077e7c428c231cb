"""One attacker against one modality: everything that is measured of it."""

from dataclasses import dataclass

from reid_engine.evaluation.attackers import Blocks
from reid_engine.evaluation.calibrated import Checks, check_images
from reid_engine.evaluation.confidence import Estimate
from reid_engine.evaluation.identification import Outcomes, outcomes_of
from reid_engine.evaluation.open_set import miss_rates
from reid_engine.evaluation.strata import NO_NEAR, Eligibility
from reid_engine.evaluation.sweep import Sweep, sweep
from reid_engine.evaluation.verification import Verification, verify
from reid_engine.matcher.calibration import PairTables, fit_calibration, shortage
from reid_engine.matcher.population import Population

SCORED = NO_NEAR
"""Stratum whose pairs are scored for verification, the open set and the calibration."""


@dataclass(frozen=True)
class Measurement:
    """What was measured.

    Attributes
    ----------
    swept
        The counts of every query.
    outcomes
        By stratum.
    verification, open_set, tables, checks
        None where `light`, or where the cohort is too small; `uncalibrated` says why there is no calibration.
    """

    swept: Sweep
    outcomes: dict[str, Outcomes]
    verification: Verification | None = None
    open_set: dict[float, Estimate] | None = None
    tables: PairTables | None = None
    checks: Checks | None = None
    uncalibrated: str | None = None


def measure(
    population: Population, blocks: Blocks, eligible: Eligibility, *, light: bool = False, checked: bool = True
) -> Measurement:
    """Measure one attacker.

    Parameters
    ----------
    population
        The images.
    blocks
        Their similarities.
    eligible
        The strata; `SCORED` among them.
    light
        Identification alone, as for a baseline.
    checked
        Also check the images one by one, which goes over the similarities again.
    """
    swept = sweep(population, blocks, eligible, SCORED.name)
    outcomes = {stratum.name: outcomes_of(swept, population, t) for t, stratum in enumerate(eligible.strata)}
    if light or len(population.subjects) < 2 or len(swept.comparisons.mated_images) == 0:
        return Measurement(swept, outcomes)
    why = shortage(population, swept.comparisons.sessions)
    tables = fit_calibration(swept.comparisons, population, draws=1)[1] if why is None else None
    checks = check_images(population, blocks.of, swept.comparisons, tables) if tables and checked else None
    return Measurement(
        swept=swept,
        outcomes=outcomes,
        verification=verify(swept.comparisons, population, tables),
        open_set=miss_rates(swept, population),
        tables=tables,
        checks=checks,
        uncalibrated=why,
    )
