"""Leave-one-out in closed form against fitting again without each image."""

import numpy as np
import pytest

from reid_engine.matcher import leave_one_out
from reid_engine.matcher.backend import RIDGE, fit_backend
from reid_engine.matcher.leave_one_out import LeaveOneOut


def draw(count, dim=24, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(count, dim)) * np.linspace(0.2, 3, dim) + rng.normal(size=dim) * 4).astype(np.float32)


def matrix(name, vectors, **options):
    blocks = list(LeaveOneOut(name, vectors, **options))
    np.testing.assert_array_equal(np.concatenate([block.rows for block in blocks]), np.arange(len(vectors)))
    return np.concatenate([block.similarities for block in blocks])


def refitted(name, vectors, left_out):
    """Compare one image with all others, the back-end fitted on those alone."""
    vectors = vectors.astype(np.float64)
    others = np.delete(vectors, left_out, axis=0)
    centred = others - others.mean(axis=0)
    metric = np.eye(vectors.shape[1])
    if name == "whitened":
        ridge = RIDGE * ((vectors - vectors.mean(axis=0)) ** 2).sum() / len(vectors)
        metric = np.linalg.inv(centred.T @ centred + ridge * metric)
    query = vectors[left_out] - others.mean(axis=0)
    lengths = np.einsum("ij,jk,ik->i", centred, metric, centred)
    return centred @ metric @ query / np.sqrt(lengths * (query @ metric @ query))


@pytest.mark.parametrize("name", ["cosine", "whitened"])
@pytest.mark.parametrize("count", [3, 10, 24, 100])
def test_it_is_the_fit_without_the_query(name, count):
    vectors = draw(count)
    similarities = matrix(name, vectors)
    for row in range(count):
        expected = refitted(name, vectors, row)
        np.testing.assert_allclose(np.delete(similarities[row], row), expected, atol=2e-5)


def test_a_row_is_not_compared_with_itself():
    assert (np.diag(matrix("whitened", draw(9))) == -np.inf).all()


def test_excluded_pairs_are_left_out():
    vectors = draw(30)

    def neighbours(rows):
        return np.arange(len(rows)), (rows + 1) % 30

    similarities = matrix("cosine", vectors, exclude=neighbours)
    out = np.isinf(similarities)
    assert out.sum() == 60
    assert out[np.arange(30), (np.arange(30) + 1) % 30].all()
    np.testing.assert_array_equal(similarities[~out], matrix("cosine", vectors)[~out])


@pytest.mark.parametrize("name", ["cosine", "whitened"])
def test_blocks_are_bounded_and_do_not_matter(name, monkeypatch):
    vectors = draw(100)
    whole = matrix(name, vectors)
    monkeypatch.setattr(leave_one_out, "BLOCK_BYTES", 1)
    blocks = LeaveOneOut(name, vectors)
    assert {len(block.rows) for block in blocks} == {leave_one_out.FEWEST_ROWS, 100 % leave_one_out.FEWEST_ROWS}
    np.testing.assert_allclose(matrix(name, vectors), whole, atol=1e-6)


@pytest.mark.parametrize("name", ["cosine", "whitened"])
def test_one_and_two_images_have_nothing_to_compare(name):
    assert matrix(name, draw(1)).tolist() == [[-np.inf]]
    two = matrix(name, draw(2))
    assert np.isfinite(two[[0, 1], [1, 0]]).all()


def test_images_left_out_of_the_fit_together_would_be_found_for_that():
    """Why only the query is left out: in noise without any identity, a held-out group stands out from the rest."""
    rng = np.random.default_rng(2)
    vectors = (rng.normal(size=(200, 600)) * np.geomspace(5, 1 / 5, 600)).astype(np.float32)
    held = np.arange(200) < 40
    rows = fit_backend("whitened", vectors[~held]).transform(vectors)
    assert spread_ratio(rows @ rows.T, held) > 1.2
    assert spread_ratio(matrix("whitened", vectors), held) == pytest.approx(1, abs=0.05)


def spread_ratio(similarities, held):
    """Give the spread of a group's similarities among themselves over that of those to all others."""
    among = similarities[held][:, held][~np.eye(held.sum(), dtype=bool)]
    return among.std() / similarities[held][:, ~held].std()


def test_a_block_that_is_held_is_not_written_again(monkeypatch):
    monkeypatch.setattr(leave_one_out, "BLOCK_BYTES", 0)
    vectors = draw(200)
    passing = []
    for block in LeaveOneOut("whitened", vectors):
        passing.append(block.similarities.copy())
    held = list(LeaveOneOut("whitened", vectors))
    rows = [block.similarities[3:5] for block in LeaveOneOut("whitened", vectors)]  # a view holds its block
    assert len(held) == len(passing) == 13
    for copy, block, view in zip(passing, held, rows, strict=True):
        np.testing.assert_array_equal(block.similarities, copy)
        np.testing.assert_array_equal(view, copy[3:5])


def test_memory_of_a_block_that_nobody_holds_is_used_again(monkeypatch):
    monkeypatch.setattr(leave_one_out, "BLOCK_BYTES", 0)
    places = [block.similarities.ctypes.data for block in LeaveOneOut("cosine", draw(200))]
    assert len(set(places)) == 2
