"""Back-ends against formulas worked out in other ways, and on what they promise."""

import numpy as np
import pytest

from reid_engine.errors import GalleryError
from reid_engine.matcher.backend import BACKENDS, RIDGE, Backend, fit_backend


@pytest.fixture
def vectors():
    rng = np.random.default_rng(3)
    return (rng.normal(size=(60, 20)) * np.linspace(0.1, 4, 20) + rng.normal(size=20) * 5).astype(np.float32)


def cosines(rows, metric):
    products = rows @ metric @ rows.T
    lengths = np.sqrt(np.diag(products))
    return products / lengths[:, None] / lengths


def test_cosine_is_that_of_centred_vectors(vectors):
    rows = fit_backend("cosine", vectors).transform(vectors)
    centred = (vectors - vectors.mean(axis=0)).astype(np.float64)
    np.testing.assert_allclose(rows @ rows.T, cosines(centred, np.eye(20)), atol=1e-5)


@pytest.mark.parametrize("count", [60, 20, 7, 2])
def test_whitened_is_the_cosine_under_the_ridged_inverse_covariance(vectors, count):
    """Fewer, as many and more vectors than axes: the formula holds for all of them."""
    chosen = vectors[:count].astype(np.float64)
    covariance = np.cov(chosen.T, bias=True)
    metric = np.linalg.inv(covariance + RIDGE * np.trace(covariance) / count * np.eye(20))
    rows = fit_backend("whitened", vectors[:count]).transform(vectors)
    expected = cosines(vectors - chosen.mean(axis=0), metric)
    np.testing.assert_allclose(rows @ rows.T, expected, atol=1e-4)


def test_whitening_takes_strong_axes_down():
    rng = np.random.default_rng(0)
    many = (rng.normal(size=(4000, 20)) * np.linspace(0.5, 4, 20)).astype(np.float32)

    def stretch(rows):
        spread = np.linalg.eigvalsh(np.cov(rows.T))
        return spread[-1] / spread[0]

    assert stretch(fit_backend("whitened", many).transform(many)) < 1.5
    assert stretch(fit_backend("cosine", many).transform(many)) > 30


@pytest.mark.parametrize("name", BACKENDS)
def test_rows_have_unit_length(vectors, name):
    rows = fit_backend(name, vectors).transform(vectors)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("count", [60, 8])
def test_order_and_scale_do_not_matter(vectors, name, count):
    vectors = vectors[:count]
    shuffled = np.random.default_rng(1).permutation(count)
    rows = fit_backend(name, vectors).transform(vectors)
    other = fit_backend(name, vectors[shuffled] * 8).transform(vectors * 8)
    np.testing.assert_allclose(rows @ rows.T, other @ other.T, atol=2e-5)
    again = fit_backend(name, vectors).transform(vectors)
    np.testing.assert_array_equal(rows, again)


@pytest.mark.parametrize("name", BACKENDS)
def test_arrays_bring_it_back(vectors, name, tmp_path):
    backend = fit_backend(name, vectors)
    np.savez(tmp_path / "b.npz", **backend.to_arrays())
    with np.load(tmp_path / "b.npz", allow_pickle=False) as stored:
        again = Backend.from_arrays(dict(stored))
    assert (again.name, again.fitted_on) == (name, 60)
    np.testing.assert_array_equal(again.transform(vectors), backend.transform(vectors))


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("vectors", [np.full((1, 6), 3.3), np.full((5, 6), 1 / 3), np.zeros((4, 6))])
def test_vectors_without_any_spread_give_zeros_not_noise(name, vectors):
    vectors = vectors.astype(np.float32)
    np.testing.assert_array_equal(fit_backend(name, vectors).transform(vectors), 0)


@pytest.mark.parametrize("name", BACKENDS)
def test_blocks_do_not_matter(vectors, name, monkeypatch):
    whole = fit_backend(name, vectors)
    rows = whole.transform(vectors)
    monkeypatch.setattr("reid_engine.matcher.backend._BLOCK_ROWS", 7)
    blocked = fit_backend(name, vectors)
    np.testing.assert_allclose(blocked.transform(vectors) @ blocked.transform(vectors).T, rows @ rows.T, atol=1e-5)


def test_the_vectors_given_are_not_changed(vectors):
    before = vectors.copy()
    vectors.flags.writeable = False
    fit_backend("whitened", vectors).transform(vectors)
    np.testing.assert_array_equal(vectors, before)


def test_leverage_is_the_squared_length_of_a_projected_row(vectors):
    centred = vectors - vectors.mean(axis=0, dtype=np.float64)
    scatter = centred.T @ centred
    ridge = RIDGE * np.trace(scatter) / len(vectors)
    expected = np.diag(centred @ np.linalg.inv(scatter + ridge * np.eye(20)) @ centred.T)
    projected = fit_backend("whitened", vectors).project(vectors)
    np.testing.assert_allclose((projected**2).sum(axis=1), expected, rtol=1e-4)
    assert (expected < 1).all()


def test_what_cannot_be_fitted_is_said(vectors):
    with pytest.raises(GalleryError, match="no back-end 'plda'; there are cosine, whitened"):
        fit_backend("plda", vectors)
    with pytest.raises(GalleryError, match="no vectors"):
        fit_backend("cosine", vectors[:0])


def test_planted_identity_is_found_better_whitened_than_plain():
    """People differ on weak axes, cameras on strong ones: the plain cosine sees cameras."""
    rng = np.random.default_rng(5)
    people = np.repeat(rng.normal(size=(300, 30)), 2, axis=0)
    images = np.hstack([rng.normal(size=(600, 5)) * 6, people + rng.normal(size=(600, 30)) * 0.3])
    found = {}
    for name in BACKENDS:
        rows = fit_backend(name, images.astype(np.float32)).transform(images.astype(np.float32))
        products = rows @ rows.T
        np.fill_diagonal(products, -1)
        found[name] = (products.argmax(axis=1) // 2 == np.arange(600) // 2).mean()
    assert found["whitened"] > found["cosine"] + 0.3
