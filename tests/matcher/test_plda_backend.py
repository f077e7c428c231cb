"""PLDA fitted on a gallery's own identities, and the gallery against itself by it."""

import numpy as np
import pytest
from scipy.linalg import subspace_angles

from reid_engine.matcher import plda, plda_left_out
from reid_engine.matcher.comparisons import compare
from reid_engine.matcher.ladder import LADDER, blocks_of, fit_named, obstacle, restore
from reid_engine.matcher.plda import fit_plda
from reid_engine.matcher.plda_backend import fit_plda_backend
from reid_engine.matcher.plda_left_out import LeftOutPlda, parts
from tests.matcher.test_plda_crossfit import features, matrix, noise, people


@pytest.fixture(scope="module")
def few():
    """Give fewer images than features, one of them nearly like another."""
    population = people(24, 3, near=[(0, 1)])
    return population, features(population, 150)


def test_in_a_basis_it_is_the_model_of_all_features(few):
    """New images leave the span of the enrolled ones, which must lower their similarity as it does there."""
    population, vectors = few
    counted = np.ones(len(vectors), dtype=bool)
    counted[1] = False
    model, backend = fit_plda(vectors, population.codes, counted), fit_plda_backend(vectors, population)
    assert backend.basis is not None
    new = features(population, 150, seed=5)[:20]
    expected = model.transform(new) @ model.transform(vectors).T
    found = backend.transform(new) @ backend.transform(vectors).T
    np.testing.assert_allclose(found, expected, atol=2e-4)
    inside = backend.model.transform(new @ backend.basis) @ backend.transform(vectors).T
    assert np.abs(inside - expected).max() > 0.02
    np.testing.assert_allclose(np.linalg.norm(backend.transform(vectors), axis=1), 1, atol=1e-3)


def test_its_axes_are_the_discriminants_of_linear_discriminant_analysis(monkeypatch):
    """Without ridge and shrinkage, by scikit-learn."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    monkeypatch.setattr(plda, "WITHIN_SHRINKAGE", 0.0)
    monkeypatch.setattr(plda, "RIDGE", 1e-9)
    population = people(60, 4)
    vectors = features(population, 12)
    backend = fit_plda_backend(vectors, population)
    analysis = LinearDiscriminantAnalysis(solver="eigen").fit(vectors.astype(np.float64), population.codes)
    for axis in range(4):
        ours, theirs = backend.model.projection[:, [axis]], analysis.scalings_[:, [axis]]
        assert np.degrees(subspace_angles(ours, theirs)).max() < 0.5


@pytest.mark.parametrize("name", LADDER)
@pytest.mark.parametrize("dim", [8, 150])
def test_arrays_make_any_back_end_again(name, dim):
    population = people(20, 3)
    vectors = features(population, dim)
    backend = fit_named(name, vectors, population)
    arrays = backend.to_arrays()
    assert not any(array.dtype.hasobject for array in arrays.values())
    again = restore(arrays)
    assert (again.name, again.fitted_on) == (name, 60)
    np.testing.assert_array_equal(again.transform(vectors), backend.transform(vectors))


def test_each_query_is_compared_by_a_model_that_has_not_seen_it(few):
    population, vectors = few
    similarities = matrix(LeftOutPlda(vectors, population, "any"))
    where = parts(population, "any")
    for part in range(plda_left_out.PARTS):
        out = where == part
        counted = ~out
        counted[1] = False
        rows = fit_plda(vectors[~out], population.codes[~out], counted[~out]).transform(vectors)
        expected = rows[out] @ rows.T
        expected[:, out] = -np.inf
        np.testing.assert_allclose(similarities[out], expected, atol=2e-4)


def test_what_is_left_out_with_a_query_changes_none_of_its_similarities(few):
    population, vectors = few
    before, where = matrix(LeftOutPlda(vectors, population, "any")), parts(population, "any")
    query = 10
    others = (where == where[query]) & (np.arange(len(vectors)) != query)
    assert others.any()
    moved = vectors.copy()
    moved[others] = moved[others] * 2 + 1
    after = matrix(LeftOutPlda(moved, population, "any"))
    np.testing.assert_allclose(after[query], before[query], atol=1e-4)
    moved[where != where[query]] *= np.linspace(0.5, 2, 150, dtype=np.float32)
    seen = where != where[query]
    changed = matrix(LeftOutPlda(moved, population, "any"))[query]
    assert np.abs(changed[seen] - before[query, seen]).max() > 1e-3


def test_visits_are_left_out_whole_and_apart_from_each_other():
    from reid_engine.matcher.duplicates import NearPairs
    from reid_engine.matcher.population import arrange

    ids = np.repeat(np.array([f"p{i:02d}" for i in range(30)], dtype=object), 6)
    sessions = np.tile(np.array(["a", "a", "b", "b", None, None], dtype=object), 30)
    near = NearPairs(np.array([2]), np.array([4]), np.ones(1, dtype=np.float32))
    population = arrange(ids, sessions, near, np.arange(180))
    by_visit = parts(population, "not the same").reshape(30, 6)
    assert (by_visit[:, 0] == by_visit[:, 1]).all()
    assert (by_visit[:, 2] == by_visit[:, 3]).all()
    assert by_visit[0, 4] == by_visit[0, 2], "a near-duplicate is left out with its like"
    assert all(len(set(row)) == 4 for row in by_visit[1:])
    by_image = parts(population, "any").reshape(30, 6)
    assert all(len(set(row)) == 6 for row in by_image[1:])
    assert set(by_image.ravel()) == set(range(plda_left_out.PARTS))


def test_in_noise_nobody_is_found():
    """At most at the chance that a subject has, for images of an enrolled subject stand close together."""
    rates = []
    for seed in range(10):
        population = people(24, 3, prefix=f"n{seed}-")
        found = compare(population, LeftOutPlda(noise(population, 90, seed), population, "any"), "any")
        rates.append(found.hits.mean())
    error = np.std(rates, ddof=1) / np.sqrt(len(rates))
    assert error < 0.012
    assert 2 / 71 - 3 * error < np.mean(rates) < 1 / 24 + 3 * error


def test_blocks_are_bounded_and_every_query_comes_once(few, monkeypatch):
    population, vectors = few
    blocks = LeftOutPlda(vectors, population, "any")
    whole = matrix(blocks)
    monkeypatch.setattr(plda_left_out, "BLOCK_BYTES", 1)
    monkeypatch.setattr(plda_left_out, "FEWEST_ROWS", 3)
    pieces = list(blocks)
    assert max(len(queries) for queries, _ in pieces) == 3
    np.testing.assert_allclose(matrix(pieces), whole, atol=1e-6)
    for _, similarities in pieces:
        similarities[:] = 0
    np.testing.assert_allclose(matrix(blocks), whole, atol=1e-6)


def test_who_cannot_be_trained_is_told():
    assert obstacle("plda", people(50, 2)) is None
    assert "20 are needed" in obstacle("plda", people(20, 2))
    assert obstacle("whitened", people(2, 1)) is None
    assert isinstance(blocks_of("plda", features(people(40, 2)), people(40, 2), "any"), LeftOutPlda)
