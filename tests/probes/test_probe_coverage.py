"""Probes say what they know: intervals hold the truth, chance is found at its rate, readings are calibrated."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from reid_engine.evaluation.metrics import expected_calibration_error
from reid_engine.folds import subject_folds, subject_weights
from reid_engine.probes.chance import chance_of
from reid_engine.probes.crossfit import Data, cross_fit
from reid_engine.probes.fit import fit_bases, fit_probe
from reid_engine.probes.influence import measure
from tests.synthetic import World

RUNS = 400

pytestmark = pytest.mark.slow


def data_of(world, subjects=80, sessions=2):
    """Draw people; give what a probe is fitted on, and their sex and age."""
    table, vectors, _, _ = world.cohort(subjects, sessions)
    ids = table["subject_id"].tolist()
    codes = np.unique(ids, return_inverse=True)[1].astype(np.int64)
    folds = subject_folds(ids)
    rows = np.arange(len(ids))
    data = Data(vectors, rows, folds, codes, subject_weights(codes), tuple(fit_bases(vectors, folds)))
    return data, (table["sex"] == "F").to_numpy(), table["age"].to_numpy(dtype=float)


def runs(kind, subjects, **planted):
    """Measure many cohorts of one world."""
    found = []
    for seed in range(RUNS):
        data, sex, age = data_of(World(dim=10, seed=seed, **planted), subjects)
        models = cross_fit(data, kind, [sex if kind == "class" else age])
        found.append(measure(data, models, np.ones(len(data.rows), dtype=bool)).estimate())
    return found


@pytest.mark.parametrize(
    ("kind", "subjects", "planted"),
    [("class", 80, {"sex_shift": 1.5}), ("class", 80, {"sex_shift": 0.0}), ("number", 160, {"age_slope": 0.05})],
)
def test_intervals_of_a_quality_hold_its_mean_over_cohorts(kind, subjects, planted):
    found = runs(kind, subjects, **planted)
    truth = np.mean([estimate.value for estimate in found])
    covered = np.mean([estimate.low <= truth <= estimate.high for estimate in found])
    assert 0.93 <= covered <= 0.97


def three_classes(seed, shift):
    """Draw 90 people of three classes `shift` apart, each along an axis of its own; give data and targets."""
    world = World(dim=10, seed=seed)
    data, _, _ = data_of(world, 90)
    classes = np.random.default_rng(10_000 + seed).permutation(np.arange(90) % 3)[data.codes]
    vectors = data.vectors + (shift * world.axes[2 + classes]).astype(np.float32)
    data = replace(data, vectors=vectors, bases=tuple(fit_bases(vectors, data.folds)))
    return data, [classes == number for number in range(3)]


@pytest.mark.parametrize("shift", [1.5, 0.0])
def test_intervals_of_three_classes_hold_their_mean_and_chance_is_found_at_its_rate(shift):
    found, p = [], []
    for seed in range(200):
        data, targets = three_classes(seed, shift)
        models = cross_fit(data, "class", targets)
        found.append(measure(data, models, np.ones(len(data.rows), dtype=bool)).estimate())
        if shift == 0.0:
            p.append(chance_of(data, "class", targets, permutations=99))
    truth = np.mean([estimate.value for estimate in found])
    assert 0.92 <= np.mean([estimate.low <= truth <= estimate.high for estimate in found]) <= 0.99
    if p:
        low, high = binom(200, 0.05).ppf([0.005, 0.995])
        assert low <= np.count_nonzero(np.array(p) <= 0.05) <= high
        assert truth == pytest.approx(0.5, abs=0.02)


def test_chance_is_found_at_its_rate_and_a_trait_is_found():
    p = []
    for seed in range(200):
        data, sex, _ = data_of(World(dim=10, seed=1000 + seed), subjects=60)
        p.append(chance_of(data, "class", [sex], permutations=99))
    low, high = binom(200, 0.05).ppf([0.005, 0.995])
    assert low <= np.count_nonzero(np.array(p) <= 0.05) <= high
    assert 0.43 <= np.mean(p) <= 0.57
    data, sex, _ = data_of(World(dim=10, seed=1, sex_shift=3.0))
    assert chance_of(data, "class", [sex], permutations=99) == pytest.approx(0.01)


def test_the_difference_between_images_found_and_not_is_tested_at_its_rate():
    """Who is re-identified says nothing of sex here; where it does, the difference is found."""
    rejected = 0
    for seed in range(200):
        data, sex, _ = data_of(World(dim=10, seed=2000 + seed, sex_shift=1.5))
        models = cross_fit(data, "class", [sex])
        found = np.random.default_rng(seed).random(len(sex)) < 0.5
        _, p_value = measure(data, models, found).minus(measure(data, models, ~found))
        rejected += p_value <= 0.05
    assert rejected <= binom(200, 0.05).ppf(0.995)
    hits = 0
    for seed in range(40):
        data, sex, _ = data_of(World(dim=10, seed=3000 + seed, sex_shift=4.0))
        found = data.codes < 40
        data.vectors[~found] = np.random.default_rng(seed).normal(size=data.vectors[~found].shape)  # these show nothing
        models = cross_fit(data, "class", [sex])
        estimate, p_value = measure(data, models, found).minus(measure(data, models, ~found))
        hits += p_value <= 0.05 and estimate.low > 0
    assert hits >= 36


@pytest.fixture(scope="module")
def fitted():
    """Give probes of a world with planted sex and age, and new people of it."""
    world = World(dim=16, seed=5, sex_shift=2.0, age_slope=0.05)
    table, vectors, _, _ = world.cohort(300, sessions=2)
    ids = table["subject_id"].tolist()
    probes = {
        name: fit_probe(vectors, table[name].to_numpy(dtype=dtype), ids, kind, attribute=name)
        for name, kind, dtype in (("sex", "class", object), ("age", "number", float))
    }
    centres, sex, age = world.people(2000)
    return probes, world.images(centres, sessions=1)[0], sex, age


def test_probabilities_of_a_class_come_true_on_new_people(fitted):
    probes, vectors, sex, _ = fitted
    readings = [probes["sex"].read(vector, person % 5) for person, vector in enumerate(vectors)]
    p = np.array([reading.classes["F"] for reading in readings])
    assert expected_calibration_error(p, (sex == "F").astype(float)) <= 0.05
    assert np.mean([reading.bits for reading in readings]) > 0.1


def test_the_interval_of_an_age_covers_95_of_100_new_people(fitted):
    probes, vectors, _, age = fitted
    inside = []
    for person, vector in enumerate(vectors):
        low, high = probes["age"].read(vector, person % 5).interval95
        inside.append(low <= age[person] <= high)
    assert 0.93 <= np.mean(inside) <= 0.97


def test_where_nothing_is_planted_next_to_nothing_is_learnt():
    world = World(dim=16, seed=6)
    table, vectors, _, _ = world.cohort(300, sessions=2)
    probe = fit_probe(vectors, table["sex"].to_numpy(dtype=object), table["subject_id"].tolist(), "class")
    fresh = world.images(world.people(500)[0], sessions=1)[0]
    assert np.mean([probe.read(vector, 0).bits for vector in fresh]) < 0.01
