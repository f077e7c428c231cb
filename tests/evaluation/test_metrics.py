"""Metrics against independent implementations and tables worked out by hand."""

import itertools
import math

import numpy as np
import pytest
from cohorts import outcomes_from
from hypothesis import given, settings
from hypothesis import strategies as st

from reid_engine.evaluation.metrics import (
    auc,
    chance_hit,
    cllr,
    eer,
    expected_calibration_error,
    min_cllr,
)

TOLERANCE = 1e-6
"""Largest difference from another implementation."""


def scores_with_ties(seed, mated=60, other=140):
    rng = np.random.default_rng(seed)
    high = np.round(rng.normal(1, 1, mated), 1)
    low = np.round(rng.normal(0, 1, other), 1)
    return high, low, rng.uniform(0.2, 2, mated), rng.uniform(0.2, 2, other)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("weighted", [False, True])
def test_auc_equals_scikit_learns_with_ties(seed, weighted):
    from sklearn.metrics import roc_auc_score

    mated, other, up, down = scores_with_ties(seed)
    truth = np.r_[np.ones(len(mated)), np.zeros(len(other))]
    weights = np.r_[up, down] if weighted else None
    expected = roc_auc_score(truth, np.r_[mated, other], sample_weight=weights)
    got = auc(mated, other, up, down) if weighted else auc(mated, other)
    assert got == pytest.approx(expected, abs=TOLERANCE)


@pytest.mark.parametrize("seed", range(5))
def test_macro_auc_over_classes_equals_scikit_learns(seed):
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, 90)
    p = rng.dirichlet(np.ones(3), 90).round(2)
    p[:, 2] = 1 - p[:, :2].sum(axis=1)
    expected = roc_auc_score(truth, p, multi_class="ovr", average="macro")
    got = np.mean([auc(p[truth == c, c], p[truth != c, c]) for c in range(3)])
    assert got == pytest.approx(expected, abs=TOLERANCE)


def brute_force_eer(mated, other):
    """Cross the diagonal with the lower convex hull of all (false alarm, miss) points."""
    from scipy.spatial import ConvexHull

    cuts = np.unique(np.r_[mated, other, np.inf])
    points = np.array([[np.mean(other >= cut), np.mean(mated < cut)] for cut in cuts] + [[1, 0], [0, 1], [1, 1]])
    hull = points[ConvexHull(points).vertices]
    best = 1.0
    for (x0, y0), (x1, y1) in zip(hull, np.roll(hull, -1, axis=0), strict=True):
        gap0, gap1 = x0 - y0, x1 - y1
        if gap0 * gap1 <= 0 and gap0 != gap1:
            best = min(best, x0 + (x1 - x0) * gap0 / (gap0 - gap1))
    return best


@pytest.mark.parametrize("seed", range(8))
def test_eer_equals_the_crossing_of_the_convex_hull(seed):
    mated, other, _, _ = scores_with_ties(seed)
    assert eer(mated, other) == pytest.approx(brute_force_eer(mated, other), abs=TOLERANCE)


def test_eer_of_a_table_worked_out_by_hand():
    """Cut between 2 and 3: one of four mated is missed, one of four others raises an alarm."""
    assert eer(np.array([1.0, 3, 4, 5]), np.array([0.0, 0.5, 2, 3.5])) == pytest.approx(0.25)
    assert eer(np.array([2.0, 3]), np.array([0.0, 1])) == 0.0
    assert eer(np.array([1.0, 1]), np.array([1.0, 1])) == pytest.approx(0.5)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("weighted", [False, True])
def test_cllr_is_the_mean_log_loss_of_balanced_classes_in_bits(seed, weighted):
    from sklearn.metrics import log_loss

    mated, other, up, down = scores_with_ties(seed)
    if not weighted:
        up, down = np.ones(len(mated)), np.ones(len(other))
    p = 1 / (1 + np.exp(-np.r_[mated, other]))
    weights = np.r_[up / up.sum(), down / down.sum()]
    truth = np.r_[np.ones(len(mated)), np.zeros(len(other))]
    expected = log_loss(truth, p, sample_weight=weights) / math.log(2)
    assert cllr(mated, other, up, down) == pytest.approx(expected, abs=TOLERANCE)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("weighted", [False, True])
def test_min_cllr_is_the_loss_after_isotonic_regression(seed, weighted):
    from sklearn.isotonic import IsotonicRegression
    from sklearn.metrics import log_loss

    mated, other, up, down = scores_with_ties(seed)
    if not weighted:
        up, down = np.ones(len(mated)), np.ones(len(other))
    truth = np.r_[np.ones(len(mated)), np.zeros(len(other))]
    weights = np.r_[up / up.sum(), down / down.sum()]
    p = IsotonicRegression().fit_transform(np.r_[mated, other], truth, sample_weight=weights)
    expected = log_loss(truth, p, sample_weight=weights) / math.log(2)
    assert min_cllr(mated, other, up, down) == pytest.approx(expected, abs=TOLERANCE)


def test_cllr_of_silence_is_one_bit_and_calibration_cannot_go_below_the_minimum():
    assert cllr(np.zeros(3), np.zeros(5)) == pytest.approx(1.0)
    mated, other, _, _ = scores_with_ties(3)
    assert min_cllr(mated, other) <= cllr(mated, other)
    assert min_cllr(mated, other) == pytest.approx(min_cllr(3 * mated - 7, 3 * other - 7))


@pytest.mark.parametrize("metric", [auc, eer, cllr, min_cllr])
def test_a_missing_class_cannot_be_estimated(metric):
    assert math.isnan(metric(np.empty(0), np.ones(3)))
    assert math.isnan(metric(np.ones(3), np.empty(0)))


@pytest.mark.parametrize("seed", range(5))
def test_rank_1_and_map_at_r_equal_pytorch_metric_learnings(seed):
    import torch
    from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator

    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(12), rng.integers(2, 7, 12))
    centres = rng.normal(size=(12, 16))
    vectors = centres[labels] + rng.normal(0, 1.2, (len(labels), 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)

    def neighbours(query, k, reference, _same):
        order = torch.argsort(-(query @ reference.T), dim=1, stable=True)
        return torch.ones(len(query), k), order[:, 1 : k + 1]

    calculator = AccuracyCalculator(
        include=("precision_at_1", "mean_average_precision_at_r"),
        k="max_bin_count",
        knn_func=lambda q, k, r, s: neighbours(q, k, r, s),
    )
    tensor = torch.from_numpy(vectors)
    expected = calculator.get_accuracy(tensor, torch.from_numpy(labels), tensor, torch.from_numpy(labels), True)
    found = outcomes_from((vectors @ vectors.T).astype(np.float32), labels)
    assert found.hits[1].mean() == pytest.approx(expected["precision_at_1"], abs=TOLERANCE)
    assert found.precision.mean() == pytest.approx(expected["mean_average_precision_at_r"], abs=TOLERANCE)


def test_ranks_of_a_table_worked_out_by_hand():
    """Row of image 0: mate 0.9, stranger 0.8, mate 0.8, strangers 0.8 and 0.1."""
    similarities = np.zeros((6, 6))
    similarities[0] = [0.0, 0.9, 0.8, 0.8, 0.8, 0.1]
    found = outcomes_from(similarities, np.array([0, 0, 0, 1, 2, 3]))
    assert (found.above[0], found.level[0], found.mates_level[0]) == (0, 1, 1)
    assert found.precision[0] == pytest.approx((1 / 1 + 2 / 2) / 2)
    similarities[0] = [0.0, 0.5, 0.3, 0.8, 0.4, 0.4]
    found = outcomes_from(similarities, np.array([0, 0, 0, 1, 2, 3]))
    assert (found.above[0], found.subjects_above[0]) == (1, 1)
    assert found.precision[0] == pytest.approx((1 / 2) / 2)


@settings(max_examples=60, deadline=None)
@given(
    scores=st.lists(st.integers(0, 3), min_size=2, max_size=6),
    mates=st.integers(1, 3),
    k=st.integers(1, 6),
)
def test_a_hit_with_ties_is_the_mean_over_all_orders_of_the_tied(scores, mates, k):
    mates = min(mates, len(scores))
    row = np.array(scores, dtype=float)
    is_mate = np.arange(len(row)) < mates
    orders = [np.array(order) for order in itertools.permutations(range(len(row)))]
    sorted_ones = [order for order in orders if (np.diff(row[order]) <= 0).all()]
    expected = np.mean([is_mate[order[:k]].any() for order in sorted_ones])
    similarities = np.zeros((len(row) + 1, len(row) + 1))
    similarities[0, 1:] = row / 4
    codes = np.concatenate([np.zeros(mates + 1), np.arange(1, len(row) - mates + 1)]).astype(int)
    assert outcomes_from(similarities, codes).hits_at(k)[0] == pytest.approx(expected)


@settings(max_examples=60, deadline=None)
@given(eligible=st.integers(1, 7), mates=st.integers(1, 7), k=st.integers(1, 8))
def test_chance_is_the_mean_over_all_orders(eligible, mates, k):
    mates = min(mates, eligible)
    drawn = list(itertools.combinations(range(eligible), min(k, eligible)))
    expected = np.mean([min(first) < mates for first in drawn])
    assert chance_hit(k, np.array([mates]), np.array([eligible]))[0] == pytest.approx(expected)


def test_chance_of_a_thousand_strangers_is_one_in_a_thousand():
    assert chance_hit(1, np.array([1, 3]), np.array([1000, 1000])) == pytest.approx([1e-3, 3e-3])


def test_calibration_error_of_a_table_worked_out_by_hand():
    """Bin 0.1: says 0.1 twice, happened once in two. Bin 0.8: says 0.8 and 0.9, both happened."""
    p, truth = np.array([0.1, 0.1, 0.8, 0.9]), np.array([0.0, 1, 1, 1])
    expected = (abs(0.1 - 0.5) * 2 + 0.2 + 0.1) / 4
    assert expected_calibration_error(p, truth, bins=10) == pytest.approx(expected)
    assert expected_calibration_error(np.array([1.0]), np.array([1.0])) == 0.0
