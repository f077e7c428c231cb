"""PLDA that is judged on subjects it was not trained on."""

from itertools import combinations

import numpy as np
import pytest

from reid_engine.errors import GalleryError
from reid_engine.folds import FOLDS
from reid_engine.matcher import plda_crossfit
from reid_engine.matcher.duplicates import NearPairs
from reid_engine.matcher.plda import fit_plda
from reid_engine.matcher.plda_crossfit import (
    FEWEST_SUBJECTS,
    CrossFittedPlda,
    counted_images,
    left_out,
    shortage,
)
from reid_engine.matcher.population import arrange


def people(count, per_person, prefix="p", near=()):
    """Arrange images of `count` people, one after the other; `near` lists pairs that are nearly alike."""
    ids = np.repeat(np.array([f"{prefix}{i:04d}" for i in range(count)], dtype=object), per_person)
    first, second = np.array(list(near), dtype=np.int64).reshape(-1, 2).T
    pairs = NearPairs(first, second, np.ones(len(first), dtype=np.float32))
    return arrange(ids, np.full(len(ids), None, dtype=object), pairs, np.arange(len(ids)))


def noise(population, dim, seed):
    """Draw features that say nothing of whose they are."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(len(population), dim)) * np.geomspace(5, 0.2, dim) + 3).astype(np.float32)


def features(population, dim=16, seed=0):
    """Draw features of people, some of whose axes differ more within a person than between them."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(len(population.starts), dim))
    within = rng.normal(size=(len(population), dim)) * np.where(np.arange(dim) < dim // 2, 3.0, 0.4)
    return (centres[population.codes] + within + 2).astype(np.float32)


def matrix(blocks):
    """Put blocks together in the order of the queries."""
    queries, similarities = (np.concatenate(part) for part in zip(*blocks, strict=True))
    np.testing.assert_array_equal(np.sort(queries), np.arange(len(similarities)))
    return similarities[np.argsort(queries)]


def rank_one(similarities, codes):
    similarities = similarities.copy()
    np.fill_diagonal(similarities, -np.inf)
    return (codes[similarities.argmax(axis=1)] == codes).mean()


@pytest.mark.parametrize("dim", [16, 150])
def test_each_pair_is_scored_by_a_model_of_the_other_three_folds(dim):
    population = people(40, 3, near=[(0, 1), (30, 32), (4, 50)])
    vectors = features(population, dim)
    similarities = matrix(CrossFittedPlda(vectors, population))
    folds, counted = population.image_folds, np.ones(120, dtype=bool)
    counted[[1, 32]] = False
    for f in range(FOLDS):
        for g in range(FOLDS):
            other = g if g != f else (f + 1) % FOLDS
            train = (folds != f) & (folds != other)
            assert len(np.unique(folds[train])) == 3
            rows = fit_plda(vectors[train], population.codes[train], counted[train]).transform(vectors)
            expected = rows[folds == f] @ rows[folds == g].T
            if f == g:
                np.fill_diagonal(expected, -np.inf)
            np.testing.assert_allclose(similarities[np.ix_(folds == f, folds == g)], expected, atol=1e-4)


def test_the_models_leave_out_each_pair_of_folds_once():
    pairs = {left_out(f, g) for f in range(FOLDS) for g in range(FOLDS)}
    assert pairs == set(combinations(range(FOLDS), 2))
    assert left_out(4, 4) == (0, 4)
    assert left_out(3, 1) == (1, 3)


@pytest.mark.parametrize("seed", range(3))
def test_the_score_of_a_pair_depends_on_nothing_else_of_its_folds(seed):
    """Mix up whose images are whose in both folds, and change them: the models of the pair must not notice."""
    rng = np.random.default_rng(seed)
    population = people(30, 3)
    folds, vectors = population.image_folds, features(population, seed=seed)
    before = matrix(CrossFittedPlda(vectors, population))
    a = int(rng.integers(len(vectors)))
    for b in (int(rng.choice(population.mates(a))), int(rng.choice(np.flatnonzero(folds != folds[a])))):
        held = np.isin(folds, left_out(int(folds[a]), int(folds[b])))
        assert before[a, b] == pytest.approx(changed(vectors, held, (a, b), population, rng)[a, b], abs=1e-6)
        assert abs(before[a, b] - changed(vectors, ~held, (a, b), population, rng)[a, b]) > 1e-4


def changed(vectors, which, kept, population, rng):
    """Shuffle and shift the images that are marked, those `kept` apart, and compare all again."""
    rows = np.setdiff1d(np.flatnonzero(which), kept)
    after = vectors.copy()
    after[rows] = after[rng.permutation(rows)] * np.linspace(0.5, 2, vectors.shape[1]) + 1
    return matrix(CrossFittedPlda(after.astype(np.float32), population))


def test_noise_is_found_by_chance_alone():
    """Few people and many features: a model that had seen them would find every one."""
    rates, seen = [], []
    for seed in range(24):
        population = people(40, 3, prefix=f"n{seed}-")
        vectors = noise(population, 150, seed)
        rates.append(rank_one(matrix(CrossFittedPlda(vectors, population)), population.codes))
        rows = fit_plda(vectors, population.codes).transform(vectors)
        seen.append(rank_one(rows @ rows.T, population.codes))
    chance, error = 2 / 119, np.std(rates, ddof=1) / np.sqrt(len(rates))
    assert np.mean(rates) == pytest.approx(chance, abs=3 * error)
    assert error < chance / 4
    assert np.mean(seen) > 10 * chance


def test_in_noise_no_fold_stands_out():
    """Pairs of the query's own fold, of the next and of all others are alike in mean and spread."""
    own, other = [], []
    for seed in range(12):
        population = people(40, 3, prefix=f"f{seed}-")
        similarities = matrix(CrossFittedPlda(noise(population, 150, seed), population))
        folds = population.image_folds
        same = folds[:, None] == folds
        np.fill_diagonal(similarities, np.nan)
        own.append((np.nanmean(similarities[same]), np.nanstd(similarities[same])))
        other.append((similarities[~same].mean(), similarities[~same].std()))
    own, other = np.array(own), np.array(other)
    assert abs((own - other)[:, 0].mean()) < 0.01
    assert (own / other)[:, 1].mean() == pytest.approx(1, abs=0.02)


def test_it_finds_people_that_the_cosine_does_not():
    population = people(100, 2)
    vectors = features(population, dim=40)
    centred = vectors - vectors.mean(axis=0)
    rows = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    found = rank_one(matrix(CrossFittedPlda(vectors, population)), population.codes)
    assert found > rank_one(rows @ rows.T, population.codes) + 0.2


def test_blocks_are_bounded_and_can_be_asked_for_again(monkeypatch):
    population = people(60, 3)
    blocks = CrossFittedPlda(features(population), population)
    whole = matrix(blocks)
    np.testing.assert_array_equal(matrix(blocks), whole)
    np.testing.assert_array_equal(matrix(CrossFittedPlda(features(population), population)), whole)
    assert (np.diag(whole) == -np.inf).all()
    assert np.isfinite(whole[~np.eye(len(whole), dtype=bool)]).all()
    monkeypatch.setattr(plda_crossfit, "BLOCK_BYTES", 1)
    pieces = list(blocks)
    assert max(len(queries) for queries, _ in pieces) == plda_crossfit.FEWEST_ROWS
    np.testing.assert_allclose(matrix(pieces), whole, atol=1e-6)


def test_a_block_may_be_written_to():
    population = people(30, 2)
    blocks = CrossFittedPlda(features(population), population)
    whole = matrix(blocks)
    again = []
    for queries, similarities in blocks:
        again.append((queries, similarities.copy()))
        similarities[:] = 0
    np.testing.assert_array_equal(matrix(again), whole)


def test_wanted_queries_have_the_same_lines():
    population = people(40, 3)
    blocks = CrossFittedPlda(features(population), population)
    whole, wanted = matrix(blocks), np.array([77, 3, 118, 4, 50])
    queries, lines = (np.concatenate(part) for part in zip(*blocks.of(wanted), strict=True))
    assert sorted(queries) == sorted(wanted)
    np.testing.assert_allclose(lines, whole[queries], atol=1e-6)
    assert list(blocks.of(wanted[:0])) == []


def test_images_nearly_like_an_earlier_one_of_their_subject_do_not_count():
    counted = counted_images(people(4, 3, near=[(0, 1), (3, 5), (4, 6), (7, 8)]))
    np.testing.assert_array_equal(np.flatnonzero(~counted), [1, 5, 8])


def test_too_few_subjects_are_named():
    enough = -(-FEWEST_SUBJECTS * FOLDS // 3)
    assert shortage(people(enough + 1, 2)) is None
    assert shortage(people(enough - 1, 2)) == (
        "PLDA is trained on other subjects who have two images that are not near-duplicates; "
        "19 would be left for it, 20 are needed"
    )
    twins = [(2 * person, 2 * person + 1) for person in range(100)]
    assert "0 would be left" in shortage(people(100, 2, near=twins))
    assert "0 would be left" in shortage(people(100, 1))
    assert "0 would be left" in shortage(people(2, 2))


def test_without_anything_to_train_on_it_says_so():
    population = people(20, 1)
    with pytest.raises(GalleryError, match="cannot be trained"):
        CrossFittedPlda(features(population), population)
