"""Verification against scikit-learn on the very scores."""

import numpy as np
import pytest
from cohorts import measured
from sklearn.metrics import log_loss, roc_auc_score, roc_curve

from reid_engine.evaluation.verification import det, verify
from reid_engine.matcher.comparisons import bin_centres
from reid_engine.matcher.crossfit import CrossFitted


@pytest.fixture(scope="module")
def case():
    return measured(60, seed=4, session=0.9)


def scores_of(found, population):
    """Scores, truth and weights of every comparison, from the comparisons' own histogram."""
    comparisons = found.swept.comparisons
    other = comparisons.other_histogram.sum(axis=(0, 1))
    mated = comparisons.mated_scores.astype(np.float64)
    votes = 1.0 / np.bincount(population.codes[comparisons.mated_images])[population.codes[comparisons.mated_images]]
    centres = bin_centres()
    binned = centres[np.clip(((mated + 1) * 1024).astype(int), 0, 2047)]
    held = other > 0
    score = np.concatenate([binned, centres[held]])
    truth = np.concatenate([np.ones(len(binned)), np.zeros(held.sum())])
    return score, truth, np.concatenate([votes, other[held]])


def test_auc_is_that_of_scikit_learn(case):
    found, population, *_ = case
    score, truth, weight = scores_of(found, population)
    estimate = found.verification.estimates["auc"]
    assert estimate.value == pytest.approx(roc_auc_score(truth, score, sample_weight=weight), abs=1e-6)
    assert estimate.low < estimate.value < estimate.high


def test_the_det_curve_is_the_roc_curve(case):
    found, population, *_ = case
    score, truth, weight = scores_of(found, population)
    false_match, hit, _ = roc_curve(truth, score, sample_weight=weight, drop_intermediate=False)
    for rate, miss in zip(found.verification.false_match, found.verification.miss, strict=True):
        allowed = false_match <= rate + 1e-9
        assert miss == pytest.approx(1 - hit[allowed].max(), abs=1e-9)


def test_det_of_a_table_worked_out_by_hand():
    rates, misses = det(np.array([0.0, 1.0, 3.0]), np.array([8.0, 2.0, 0.0]))
    assert misses[0] == pytest.approx(0.25)  # above the middle bin: no alarm, one of four is missed
    assert misses[rates >= 0.2][0] == 0.0
    assert misses[-1] == 0.0


def test_cllr_is_the_log_loss_of_the_stated_ratios(case):
    found, population, *_ = case
    comparisons, tables = found.swept.comparisons, found.tables
    folds = population.folds[population.codes[comparisons.mated_images]]
    mated = tables.llr(folds, comparisons.mated_scores, folds)
    query, enrolled, place = np.nonzero(comparisons.other_histogram > 0)
    other = tables.llr(query, bin_centres()[place], enrolled)
    votes = 1.0 / np.bincount(population.codes[comparisons.mated_images])[population.codes[comparisons.mated_images]]
    weight = comparisons.other_histogram[query, enrolled, place]
    odds = np.concatenate([mated, other]) * np.log(10)
    truth = np.concatenate([np.ones(len(mated)), np.zeros(len(other))])
    balanced = np.concatenate([votes / votes.sum(), weight / weight.sum()])
    expected = log_loss(truth, 1 / (1 + np.exp(-odds)), sample_weight=balanced) / np.log(2)
    estimate = found.verification.estimates["cllr"]
    assert estimate.value == pytest.approx(expected, abs=1e-9)
    assert estimate.value >= found.verification.estimates["min_cllr"].value


def test_distributions_sum_to_one_and_noise_tells_nobody_apart():
    found, population, *_ = measured(60, seed=6, between=0.0, session=0.0, within=1.0)
    verification = found.verification
    assert verification.mated.sum() == pytest.approx(1)
    assert verification.other.sum() == pytest.approx(1)
    low, high = verification.estimates["auc"].low, verification.estimates["auc"].high
    assert low < 0.5 < high
    assert verification.estimates["min_cllr"].value > 0.85


def test_without_a_calibration_there_is_no_cllr(case):
    found, population, *_ = case
    assert "cllr" not in verify(found.swept.comparisons, population).estimates


def test_an_attack_can_be_iterated_for_some_queries_alone(case):
    _, population, blocks, _ = case
    assert isinstance(blocks, CrossFitted)
    whole = np.concatenate([similarities for _, similarities in blocks])
    wanted = np.array([5, 3, 40])
    for queries, similarities in blocks.of(wanted):
        np.testing.assert_array_equal(queries, wanted)
        np.testing.assert_allclose(similarities, whole[wanted], atol=1e-6)
