"""PLDA against planted covariances and an independent computation."""

import numpy as np
import pytest
from scipy.linalg import eigh, subspace_angles

from reid_engine.errors import GalleryError
from reid_engine.matcher import plda, scatter
from reid_engine.matcher.backend import RIDGE, fit_backend
from reid_engine.matcher.plda import WITHIN_SHRINKAGE, Plda, fit_plda
from reid_engine.matcher.scatter import add_up, measure_scatter


def draw(people, per_person, between, within, seed=0):
    """Draw images of people, normal with the given (D, D) covariances around a far mean."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(people), per_person)
    dim = len(between)
    centres = rng.multivariate_normal(np.full(dim, 5.0), between, people)
    return (centres[codes] + rng.multivariate_normal(np.zeros(dim), within, len(codes))).astype(np.float32), codes


def planted(dim=12, seed=3):
    """Give covariances between and within that share no axes."""
    rng = np.random.default_rng(seed)
    first, second = (np.linalg.qr(rng.normal(size=(dim, dim)))[0] for _ in range(2))
    return (first * np.geomspace(4, 0.02, dim)) @ first.T, (second * np.geomspace(3, 0.1, dim)) @ second.T


def reference(vectors, codes, counted=None):
    """Give the similarities by inverses and a projection to the cone, image after image, in float64."""
    vectors = vectors.astype(np.float64)
    counted = np.ones(len(codes), dtype=bool) if counted is None else counted
    centred = vectors - vectors.mean(axis=0)
    covariance = centred.T @ centred / len(vectors)
    ridged = covariance + RIDGE * np.trace(covariance) / len(vectors) * np.eye(len(covariance))
    within, freedom = np.zeros_like(covariance), 0
    for code in np.unique(codes):
        own = vectors[(codes == code) & counted]
        if len(own) > 1:
            within += (len(own) - 1) * np.cov(own.T)
            freedom += len(own) - 1
    within /= freedom
    inverse = np.linalg.inv(ridged)
    share = np.trace(inverse @ within) / np.trace(inverse @ covariance)
    within = (1 - WITHIN_SHRINKAGE) * within + WITHIN_SHRINKAGE * share * ridged
    root = np.linalg.cholesky(ridged)
    values, axes = np.linalg.eigh(np.linalg.solve(root, np.linalg.solve(root, ridged - within).T))
    between = root @ (axes * np.maximum(values, 0)) @ axes.T @ root.T
    expected = centred @ inverse @ between
    products = expected @ np.linalg.pinv(between, rcond=1e-10, hermitian=True) @ expected.T
    lengths = np.sqrt(np.diag(products))
    return products / np.outer(lengths, lengths)


def rank_one(rows, codes):
    similarities = rows @ rows.T
    np.fill_diagonal(similarities, -np.inf)
    return (codes[similarities.argmax(axis=1)] == codes).mean()


@pytest.mark.parametrize("people", [8, 60])
def test_similarities_are_those_of_an_independent_computation(people):
    vectors, codes = draw(people, 3, *planted())
    rows = fit_plda(vectors, codes).transform(vectors)
    np.testing.assert_allclose(rows @ rows.T, reference(vectors, codes), atol=2e-4)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert rows.dtype == np.float32


def test_images_that_do_not_count_are_left_out_within_subjects_alone():
    vectors, codes = draw(20, 3, *planted(), seed=1)
    counted = np.arange(len(codes)) % 3 != 1
    rows = fit_plda(vectors, codes, counted).transform(vectors)
    np.testing.assert_allclose(rows @ rows.T, reference(vectors, codes, counted), atol=2e-4)
    assert np.abs(rows @ rows.T - reference(vectors, codes)).max() > 0.01


def test_planted_covariances_are_recovered(monkeypatch):
    between, within = planted()
    vectors, codes = draw(6000, 3, between, within)
    monkeypatch.setattr(plda, "WITHIN_SHRINKAGE", 0.0)
    model = fit_plda(vectors, codes)
    values, axes = eigh(between, within)
    np.testing.assert_allclose(np.log(model.ratios[:4]), np.log(values[::-1][:4]), atol=0.12)
    assert np.degrees(subspace_angles(model.projection[:, :3], axes[:, ::-1][:, :3])).max() < 5
    measured = measure_scatter(vectors, codes)
    np.testing.assert_allclose(measured.within / measured.freedom, within, atol=0.08)


def test_shrunk_altogether_it_is_the_whitened_cosine(monkeypatch):
    vectors, codes = draw(40, 2, *planted())
    monkeypatch.setattr(plda, "WITHIN_SHRINKAGE", 1.0)
    rows = fit_plda(vectors, codes).transform(vectors)
    whitened = fit_backend("whitened", vectors).transform(vectors)
    np.testing.assert_allclose(rows @ rows.T, whitened @ whitened.T, atol=1e-4)


def test_it_finds_people_behind_what_hides_them():
    dim = 40
    nuisance = np.diag(np.where(np.arange(dim) < 20, 9.0, 0.3))
    training, whose = draw(300, 3, np.eye(dim), nuisance, seed=4)
    vectors, codes = draw(200, 2, np.eye(dim), nuisance, seed=5)
    found = rank_one(fit_plda(training, whose).transform(vectors), codes)
    cosine = rank_one(fit_backend("cosine", training).transform(vectors), codes)
    assert found > cosine + 0.3


def test_the_order_of_images_does_not_matter():
    vectors, codes = draw(30, 2, *planted())
    order = np.random.default_rng(0).permutation(len(codes))
    one, other = fit_plda(vectors, codes).transform(vectors), fit_plda(vectors[order], codes[order]).transform(vectors)
    np.testing.assert_allclose(one @ one.T, other @ other.T, atol=1e-4)


def test_a_row_at_the_mean_is_zero_and_rows_choose_among_vectors():
    vectors, codes = draw(30, 2, *planted())
    model = fit_plda(vectors, codes)
    assert not model.transform(model.mean[None]).any()
    np.testing.assert_allclose(model.transform(vectors, np.array([7, 3])), model.transform(vectors)[[7, 3]], atol=1e-6)


def test_arrays_make_it_again():
    vectors, codes = draw(30, 2, *planted())
    model = fit_plda(vectors, codes)
    again = Plda.from_arrays(model.to_arrays())
    np.testing.assert_array_equal(again.transform(vectors), model.transform(vectors))
    assert again.fitted_on == 60


def test_without_two_images_of_anyone_there_is_nothing_to_learn():
    vectors, codes = draw(10, 1, *planted())
    with pytest.raises(GalleryError, match="no subject has two different images"):
        fit_plda(vectors, codes)


def test_images_that_do_not_differ_are_not_similar():
    rows = fit_plda(np.full((6, 4), 0.1, dtype=np.float32), np.repeat(np.arange(3), 2)).transform(np.ones((2, 4), "f4"))
    assert (rows @ rows.T == 0).all()


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_scatter_adds_up_over_groups_and_blocks(block, monkeypatch):
    vectors, codes = draw(40, 3, *planted())
    counted = np.random.default_rng(0).random(len(codes)) < 0.8
    whole = measure_scatter(vectors, codes, counted)
    monkeypatch.setattr(scatter, "_BLOCK_ROWS", block)
    groups = [np.flatnonzero(codes % 3 == group) for group in range(3)]
    parts = add_up([measure_scatter(vectors, codes, counted, rows) for rows in groups])
    assert (parts.images, parts.freedom) == (whole.images, whole.freedom)
    for name in ("mean", "total", "within"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-4, atol=1e-3)
