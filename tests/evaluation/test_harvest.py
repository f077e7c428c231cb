"""One pass over similarities, compared with looking at all of them."""

import numpy as np
import pytest

from reid_engine.evaluation.harvest import harvest
from reid_engine.matcher.duplicates import NearPairs
from reid_engine.matcher.population import arrange


@pytest.fixture
def cohort():
    rng = np.random.default_rng(0)
    subjects = np.array([f"P{number:02d}" for number in rng.integers(0, 15, 60)], dtype=object)
    near = NearPairs(np.array([0, 3, 7]), np.array([9, 20, 8]), np.array([0.9, 0.8, 0.75], dtype=np.float32))
    population = arrange(subjects, np.full(60, None, dtype=object), near, np.arange(60))
    return population, rng.uniform(-1, 1, (60, 60)).astype(np.float32)


def blocks(similarity, size):
    for start in range(0, len(similarity), size):
        rows = np.arange(start, min(start + size, len(similarity)))
        block = similarity[rows].copy()
        block[np.arange(len(rows)), rows] = -np.inf
        yield rows, block


def strangers(population, similarity):
    """Every pair of different subjects that are not near-duplicates, the closest first."""
    found = []
    for later in range(len(population)):
        for earlier in range(later):
            if population.codes[earlier] != population.codes[later] and earlier not in population.near(later):
                found.append((float(similarity[later, earlier]), earlier, later))
    return sorted(found, reverse=True)


@pytest.mark.parametrize("size", [1, 7, 60])
@pytest.mark.parametrize("keep", [5, 40, 5000])
def test_the_closest_strangers_are_kept(cohort, size, keep):
    population, similarity = cohort
    expected = strangers(population, similarity)
    found = harvest(population, blocks(similarity, size), keep)
    assert found.compared == len(expected)
    got = list(zip(found.strangers.similarity.tolist(), found.strangers.first, found.strangers.second, strict=True))
    assert got == expected[:keep]


def test_every_pair_of_one_subject_is_kept_both_ways(cohort):
    population, similarity = cohort
    own = harvest(population, blocks(similarity, 7), 5).own
    expected = {
        (a, b): float(similarity[a, b])
        for a in range(60)
        for b in range(60)
        if a != b and population.codes[a] == population.codes[b]
    }
    assert (
        dict(zip(zip(own.first.tolist(), own.second.tolist(), strict=True), own.similarity.tolist(), strict=True))
        == expected
    )


def test_ties_fill_the_places(cohort):
    population, similarity = cohort
    found = harvest(population, blocks(np.full_like(similarity, 0.5), 7), 20)
    assert found.strangers.similarity.tolist() == [0.5] * 20
    assert len(set(zip(found.strangers.first, found.strangers.second, strict=True))) == 20
