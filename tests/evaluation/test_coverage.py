"""Intervals of the report hold the truth, from the embeddings to the row."""

import numpy as np
import pytest
from cohorts import arranged, eligible_of
from joblib import Parallel, delayed

from reid_engine.evaluation.identification import measure_rates, outcomes_of
from reid_engine.evaluation.strata import MAIN
from reid_engine.evaluation.sweep import sweep
from reid_engine.evaluation.verification import verify
from reid_engine.matcher.crossfit import CrossFitted
from tests.synthetic import World

RUNS = 800

pytestmark = pytest.mark.slow

WORLDS = {
    "hard": (120, {"session": 1.0, "within": 0.7}),
    "middling": (100, {"session": 0.6, "within": 0.6}),
}


def swept(seed, subjects, **world):
    """Draw a cohort and let every image search."""
    table, vectors, _, _ = World(seed=seed, dim=16, **world).cohort(subjects)
    table, vectors, population = arranged(table, vectors)
    blocks = CrossFitted("cosine", vectors, population)
    return sweep(population, blocks, eligible_of(table, population, MAIN), MAIN[1].name), population


def covered(estimates):
    """Share of intervals that hold the mean over cohorts of this size, which is what an evaluation estimates."""
    truth = np.mean([estimate.value for estimate in estimates])
    return np.mean([estimate.low <= truth <= estimate.high for estimate in estimates])


@pytest.mark.parametrize("name", WORLDS)
def test_rates_of_identification(name):
    subjects, world = WORLDS[name]
    found = {}
    for seed in range(RUNS):
        counts, population = swept(10_000 + seed, subjects, **world)
        for key, estimate in measure_rates(outcomes_of(counts, population, 0), subjects).estimates.items():
            found.setdefault(key, []).append(estimate)
    for key in (("image", "rank-1"), ("image", "rank-5"), ("subject-any", "rank-1"), ("subject-all", "rank-1")):
        assert 0.93 <= covered(found[key]) <= 0.97, (key, covered(found[key]))


def errors_of(seed, name):
    """Draw a cohort and measure its verification."""
    subjects, world = WORLDS[name]
    counts, population = swept(seed, subjects, **world)
    return dict(verify(counts.comparisons, population).estimates)


@pytest.mark.parametrize("name", WORLDS)
def test_errors_of_verification(name):
    drawn = Parallel(n_jobs=-1)(delayed(errors_of)(50_000 + seed, name) for seed in range(RUNS // 2))
    found = {key: [estimates[key] for estimates in drawn] for key in ("auc", "eer", "min_cllr")}
    for key in ("auc", "eer", "min_cllr"):
        assert 0.93 <= covered(found[key]) <= 0.97, (key, covered(found[key]))
