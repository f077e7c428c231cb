"""Ratios under resamples, against the plain ways."""

import numpy as np
import pytest

from reid_engine.evaluation.confidence import share_interval
from reid_engine.evaluation.resampling import by_subject, draws_of, ratio_estimates, resampled_ratios


def test_every_draw_has_as_many_subjects_as_there_are():
    chunks = list(draws_of(50_000, 200))
    assert sum(map(len, chunks)) == 200
    assert len(chunks) > 1
    assert all((chunk.sum(axis=1) == 50_000).all() for chunk in chunks)
    np.testing.assert_array_equal(next(draws_of(7, 5)), next(draws_of(7, 5)))


def test_ratios_are_those_of_repeated_subjects():
    rng = np.random.default_rng(0)
    up, down = rng.random((9, 3)), rng.integers(1, 5, (9, 3)).astype(float)
    counts = np.concatenate(list(draws_of(9, 20)))
    for drawn, ratios in zip(counts, resampled_ratios(up, down, 20), strict=True):
        people = np.repeat(np.arange(9), drawn.astype(int))
        np.testing.assert_allclose(ratios, up[people].sum(axis=0) / down[people].sum(axis=0))


def test_a_subject_without_a_denominator_is_not_drawn():
    up = np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 5.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    down = np.array([[1.0, 2.0], [1.0, 1.0], [0.0, 7.0], [1.0, 2.0], [1.0, 2.0], [1.0, 1.0]])
    first, second = ratio_estimates(up, down)
    alone = ratio_estimates(up[[0, 1, 3, 4, 5], :1], down[[0, 1, 3, 4, 5], :1])[0]
    assert first == alone
    assert first.value == pytest.approx(4 / 5)
    assert second.value == pytest.approx(8 / 15)


def test_all_alike_gives_the_exact_interval_and_few_give_none():
    ones = np.ones((30, 1))
    (estimate,) = ratio_estimates(ones, ones, share=True)
    assert (estimate.low, estimate.high) == share_interval(30, 30)
    (few,) = ratio_estimates(ones[:4], ones[:4], share=True)
    assert few.value == 1.0
    assert np.isnan([few.low, few.high]).all()
    (none,) = ratio_estimates(ones, np.zeros_like(ones))
    assert np.isnan(none.value)


def test_sums_by_subject():
    values = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    np.testing.assert_array_equal(by_subject(values, np.array([2, 0, 2]), 3), [[3, 4], [0, 0], [6, 8]])
