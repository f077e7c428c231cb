"""Rank-1 of smaller galleries: the formula against drawing them."""

import numpy as np
import pytest
from cohorts import measured, square
from scipy.stats import hypergeom

from reid_engine.evaluation.gallery_size import log_none, rank1_by_size, sizes_of


def test_sizes_end_with_the_cohort_itself():
    assert sizes_of(50) == (2, 5, 10, 20, 50)
    assert sizes_of(51) == (2, 5, 10, 20, 50, 51)
    assert sizes_of(1) == (1,)


@pytest.mark.parametrize(("above", "strangers", "drawn"), [(0, 9, 4), (3, 9, 4), (5, 9, 4), (6, 9, 4), (9, 9, 9)])
def test_nobody_drawn_is_hypergeometric(above, strangers, drawn):
    expected = hypergeom(strangers, above, drawn).pmf(0)
    assert np.exp(log_none(np.array([above]), strangers, drawn))[0] == pytest.approx(expected, abs=1e-12)


def test_the_formula_is_the_mean_over_drawn_galleries():
    found, population, blocks, _ = measured(40, seed=3, session=1.2)
    outcomes = found.outcomes["all"]
    sizes, estimates, chances = rank1_by_size(outcomes, 40)
    whole = float(outcomes.hits[1].mean())
    assert 0.1 < whole < 0.95
    assert sizes[-1] == 40
    assert estimates[-1].value == pytest.approx(whole, abs=1e-12)
    assert chances[-1] == pytest.approx(1 / 79)
    similarities, codes = square(blocks, len(population)), population.codes
    rng = np.random.default_rng(0)
    place, draws = sizes.index(10), 300
    hits = []
    for query in range(len(population)):
        others = np.setdiff1d(np.arange(40), codes[query])
        for _ in range(draws // 10):
            kept = np.append(rng.choice(others, 9, replace=False), codes[query])
            row = np.where(np.isin(codes, kept), similarities[query], -np.inf)
            hits.append(codes[int(np.argmax(row))] == codes[query])
    assert estimates[place].value == pytest.approx(np.mean(hits), abs=0.02)
    assert estimates[place].low <= estimates[place].value <= estimates[place].high
    values = [estimate.value for estimate in estimates]
    assert values == sorted(values, reverse=True)
    assert chances == sorted(chances, reverse=True)
