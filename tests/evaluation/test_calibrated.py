"""Checks of a cohort's own images: which, what they state, how it came true."""

import numpy as np
import pytest
from cohorts import measured

from reid_engine.evaluation import calibrated
from reid_engine.evaluation.calibrated import calibration_error, check_images, reliability, share_above


@pytest.fixture(scope="module")
def case():
    return measured(150, seed=8, session=1.0, within=0.8)


def test_every_image_with_a_mate_is_checked_once(case):
    found, population, *_ = case
    np.testing.assert_array_equal(np.sort(found.checks.images), np.arange(len(population)))
    assert ((found.checks.p >= 0) & (found.checks.p <= 1)).all()


def test_what_is_stated_comes_true(case):
    found, *_ = case
    error = calibration_error(found.checks)
    assert error.value < 0.08
    assert error.low <= error.value <= error.high
    held = reliability(found.checks)
    assert len(held.stated) >= 2
    assert (np.diff(held.stated) > 0).all()
    assert ((held.low <= held.observed) & (held.observed <= held.high)).all()
    inside = (held.low <= held.stated) & (held.stated <= held.high)
    assert inside.mean() >= 0.5


def test_the_share_above_is_a_plain_count(case):
    found, population, *_ = case
    estimates = share_above(found.checks, population, (0.1, 0.5, 1.1))
    for estimate, limit in zip(estimates, (0.1, 0.5, 1.1), strict=True):
        assert estimate.value == pytest.approx((found.checks.p >= limit).mean())
    assert estimates[2].value == 0.0
    assert 0 < estimates[2].high < 0.05  # the exact interval of nobody among 150


def test_a_large_cohort_is_sampled_by_whole_subjects(case, monkeypatch):
    found, population, blocks, _ = case
    monkeypatch.setattr(calibrated, "MOST_IMAGES", 60)
    monkeypatch.setattr(calibrated, "FEWEST_IMAGES", 10)
    checks = check_images(population, blocks.of, found.swept.comparisons, found.tables)
    assert 40 <= len(checks.images) <= 60
    chosen = np.unique(population.codes[checks.images])
    assert np.isin(population.codes, chosen).sum() == len(checks.images)
    place = {int(image): p for image, p in zip(found.checks.images, found.checks.p, strict=True)}
    for image, p in zip(checks.images, checks.p, strict=True):
        assert p == pytest.approx(
            place[int(image)], abs=1e-6
        )  # sums of float32, whose order depends on the number of rows
