"""Who may be compared with whom, on a table of eight images."""

import numpy as np
import pytest

from reid_engine.folds import FOLDS, subject_folds, subject_weights
from reid_engine.matcher.comparisons import compare
from reid_engine.matcher.duplicates import NearPairs
from reid_engine.matcher.population import arrange, similarity_blocks, subject_best

SUBJECTS = np.array(["B", "A", "B", "A", "C", "A", "B", "D"], dtype=object)
SESSIONS = np.array(["1", "1", "2", "1", "1", None, "2", None], dtype=object)
NEAR = NearPairs(np.array([2, 1]), np.array([6, 4]), np.array([0.9, 0.8], dtype=np.float32))


@pytest.fixture
def people():
    """In subject order: A: rows 1, 3, 5; B: rows 0, 2, 6; C: row 4; D: row 7."""
    return arrange(SUBJECTS, SESSIONS, NEAR, np.arange(8))


def rows(people, images):
    return sorted(people.rows[images].tolist())


def at(people, row):
    return int(np.flatnonzero(people.rows == row)[0])


def test_images_stand_in_subject_order(people):
    assert people.rows.tolist() == [1, 3, 5, 0, 2, 6, 4, 7]
    assert people.subjects == ("A", "B", "C", "D")
    assert people.codes.tolist() == [0, 0, 0, 1, 1, 1, 2, 3]
    assert people.starts.tolist() == [0, 3, 6, 7]


@pytest.mark.parametrize(
    ("row", "near", "sessions", "mates"),
    [
        (0, True, "any", [2, 6]),
        (2, True, "any", [0, 6]),
        (2, False, "any", [0]),
        (2, True, "different", [0]),
        (1, True, "any", [3, 5]),
        (1, True, "not the same", [5]),
        (1, True, "different", []),
        (5, True, "not the same", [1, 3]),
        (4, True, "any", []),
    ],
)
def test_mates(people, row, near, sessions, mates):
    assert rows(people, people.mates(at(people, row), near=near, sessions=sessions)) == mates


@pytest.mark.parametrize(
    ("row", "near", "sessions", "out"),
    [
        (1, True, "any", [1]),
        (1, False, "any", [1, 4]),
        (1, False, "not the same", [1, 3, 4]),
        (4, False, "any", [1, 4]),
        (2, False, "different", [2, 6]),
    ],
)
def test_what_is_left_out(people, row, near, sessions, out):
    assert rows(people, people.ineligible(at(people, row), near=near, sessions=sessions)) == out


def test_scores_are_the_best_of_what_is_eligible(people):
    """Against a loop over images."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(8, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = compare(people, similarity_blocks(vectors, np.arange(8)), "not the same")
    expected = {}
    for query in range(8):
        allowed = np.setdiff1d(people.own(query), people.ineligible(query, near=False, sessions="not the same"))
        if len(allowed):
            expected[query] = max(float(vectors[query] @ vectors[other]) for other in allowed)
    got = dict(zip(found.mated_images.tolist(), found.mated_scores.tolist(), strict=True))
    assert got == pytest.approx(expected)
    # Each of 4 subjects against 3 others; one of A's three images is a near-duplicate of C's only one, and the other way
    # round C keeps the rest of A.
    assert found.other_histogram.sum() == pytest.approx(4 * 3 - 1 / 3)
    assert found.pair_weights.sum() == pytest.approx(found.other_histogram.sum())


def test_a_subject_without_an_eligible_image_has_no_score():
    scores = subject_best(np.array([[0.1, -np.inf, -np.inf]], dtype=np.float32), np.array([0, 1]))
    assert scores.tolist() == [[np.float32(0.1), -np.inf]]


def test_folds_are_even_and_the_same_in_any_order():
    names = [f"P{number}" for number in range(43)]
    folds = subject_folds(names)
    sizes = np.bincount(folds, minlength=FOLDS)
    assert sizes.max() - sizes.min() <= 1
    again = subject_folds(names[::-1] + names)
    assert again[:43][::-1].tolist() == folds.tolist()
    assert again[43:].tolist() == folds.tolist()


def test_every_subject_has_one_vote():
    codes = np.array([0, 0, 0, 1, 2, 2])
    assert np.bincount(codes, subject_weights(codes)).tolist() == pytest.approx([1, 1, 1])
