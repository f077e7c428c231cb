"""Intervals: do they hold the truth as often as they say."""

import math

import numpy as np
import pytest

from reid_engine.evaluation.confidence import (
    mean_estimate,
    percentile_interval,
    permuted_donors,
    resample_counts,
    share_interval,
)


def test_the_interval_of_a_clustered_mean_holds_the_truth_in_95_of_100_runs():
    """Images of a subject hang together; resampling images instead would cover far less."""
    rng = np.random.default_rng(4)
    covered = naive = 0
    for run in range(400):
        skill = rng.beta(1.5, 1.5, 80)
        codes = np.repeat(np.arange(80), 5)
        hits = (rng.random(400) < skill[codes]).astype(float)
        found = mean_estimate(hits, codes, draws=600, seed=run)
        covered += found.low <= 0.5 <= found.high
        if run % 4 == 0:
            alone = mean_estimate(hits, np.arange(400), draws=300, seed=run)
            naive += alone.low <= 0.5 <= alone.high
    assert 0.93 <= covered / 400 <= 0.975
    assert naive / 100 < 0.88


def test_few_subjects_are_covered_too():
    rng = np.random.default_rng(5)
    runs = [mean_estimate(rng.normal(size=12), np.arange(12), draws=600, seed=run) for run in range(400)]
    assert 0.92 <= np.mean([one.low <= 0 <= one.high for one in runs]) <= 0.98


def test_resampling_everybody_equal_gives_the_exact_interval_of_so_many_subjects():
    sure = mean_estimate(np.ones(60), np.repeat(np.arange(20), 3), share=True)
    assert sure.value == 1.0
    assert sure.high == 1.0
    assert sure.low == pytest.approx(0.025 ** (1 / 20))
    none = mean_estimate(np.zeros(20), np.arange(20), share=True)
    assert (none.low, none.high) == (0.0, pytest.approx(1 - 0.025 ** (1 / 20)))


def test_exact_intervals_equal_scipys():
    from scipy.stats import binomtest

    for hits, trials in ((3, 10), (0, 7), (7, 7), (40, 400)):
        expected = binomtest(hits, trials).proportion_ci(0.95, method="exact")
        assert share_interval(hits, trials) == pytest.approx((expected.low, expected.high))


def test_no_interval_for_four_subjects_and_nothing_for_none():
    assert math.isnan(mean_estimate(np.array([1.0, 0, 1, 1]), np.arange(4)).low)
    assert math.isnan(mean_estimate(np.empty(0), np.empty(0, dtype=np.int64)).value)


def test_weights_give_every_subject_one_vote():
    codes = np.array([0] * 9 + [1])
    found = mean_estimate(np.array([1.0] * 9 + [0.0]), codes, np.array([1 / 9] * 9 + [1.0]))
    assert found.value == pytest.approx(0.5)


def test_every_resample_draws_as_many_subjects_as_there_are():
    counts = resample_counts(30, 50)
    assert (counts.sum(axis=1) == 30).all()
    assert np.array_equal(counts, resample_counts(30, 50))


def test_percentiles_pass_over_what_could_not_be_estimated():
    low, high = percentile_interval(np.r_[np.linspace(0, 1, 1001), np.nan], 10_000)
    assert (low, high) == (pytest.approx(0.025, abs=1e-3), pytest.approx(0.975, abs=1e-3))
    assert math.isnan(percentile_interval(np.array([np.nan]), 10)[0])


def test_permutations_deal_whole_subjects():
    codes = np.array([0, 0, 1, 2, 2, 2])
    for donor in permuted_donors(codes, draws=20):
        assert len(set(donor[:2])) == 1
        assert sorted({int(codes[image]) for image in donor}) == [0, 1, 2]


def test_a_share_keeps_its_interval_beside_zero():
    """Percentiles of a resampled share are too short where few are found; the truth is 0.03."""
    rng = np.random.default_rng(9)
    covered = missed_above = 0
    for run in range(400):
        codes = np.repeat(np.arange(60), 3)
        chance = np.repeat(np.where(rng.random(60) < 0.06, 0.5, 0.0), 3)
        found = mean_estimate((rng.random(180) < chance).astype(float), codes, share=True, draws=400, seed=run)
        covered += found.low <= 0.03 <= found.high
        missed_above += found.high < 0.03
    assert covered / 400 >= 0.93
    assert missed_above / 400 <= 0.05


def test_the_interval_of_a_share_is_wilsons_where_images_are_independent():
    from scipy.stats import norm

    hits = np.array([1.0] * 300 + [0.0] * 700)
    found = mean_estimate(hits, np.arange(1000), share=True)
    z2 = norm.ppf(0.975) ** 2 / 1000
    middle, reach = 0.3 + z2 / 2, math.sqrt(z2 * 0.21 + z2**2 / 4)
    assert found.low == pytest.approx((middle - reach) / (1 + z2), abs=3e-3)
    assert found.high == pytest.approx((middle + reach) / (1 + z2), abs=3e-3)
