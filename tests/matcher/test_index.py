"""Exact search against brute force, ties among it."""

import numpy as np
import pytest

from reid_engine.matcher.index import Index


def brute(vectors, queries, k):
    """Sort everything: highest first, then the lower row."""
    products = queries @ vectors.T
    order = np.stack([sorted(range(len(vectors)), key=lambda j: (-row[j], j))[:k] for row in products])
    return np.take_along_axis(products, order, 1), order


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("count", [1, 5, 300])
@pytest.mark.parametrize("k", [1, 3, 500])
@pytest.mark.parametrize("queries", [1, 50])
def test_search_finds_what_sorting_everything_finds(count, k, queries):
    rng = np.random.default_rng(count)
    vectors, wanted = unit(rng.normal(size=(count, 16))), unit(rng.normal(size=(queries, 16)))
    similarities, positions = Index(vectors).search(wanted, k)
    expected, order = brute(vectors, wanted, min(k, count))
    assert similarities.shape == positions.shape == (queries, min(k, count))
    np.testing.assert_allclose(similarities, expected, atol=1e-6)
    np.testing.assert_array_equal(positions, order)


@pytest.mark.parametrize("k", [1, 2, 4, 5, 7, 30, 40])
@pytest.mark.parametrize("queries", [3, 40])
def test_equal_similarities_come_in_row_order_and_are_cut_in_row_order(k, queries):
    """Small integers make every product exact, so that ties are ties."""
    rng = np.random.default_rng(1)
    vectors = rng.integers(-1, 2, (40, 3)).astype(np.float32)
    wanted = rng.integers(-1, 2, (queries, 3)).astype(np.float32)
    similarities, positions = Index(vectors).search(wanted, k)
    expected, order = brute(vectors, wanted, k)
    np.testing.assert_array_equal(similarities, expected)
    np.testing.assert_array_equal(positions, order)


def test_copies_of_one_image_all_tie():
    vectors = np.tile(unit(np.ones((1, 8))), (500, 1))
    _, positions = Index(vectors).search(vectors[:2], 3)
    np.testing.assert_array_equal(positions, [[0, 1, 2], [0, 1, 2]])


def test_a_query_at_the_mean_has_no_similarity_to_anyone():
    similarities, positions = Index(unit(np.eye(6))).search(np.zeros((1, 6), np.float32), 4)
    np.testing.assert_array_equal(similarities, np.zeros((1, 4)))
    np.testing.assert_array_equal(positions, [[0, 1, 2, 3]])


def test_nothing_to_search_or_to_search_for():
    index = Index(np.empty((0, 4), np.float32))
    assert len(index) == 0
    assert index.search(np.ones((3, 4), np.float32), 5)[1].shape == (3, 0)
    assert Index(unit(np.eye(4))).search(np.empty((0, 4), np.float32), 2)[1].shape == (0, 2)
