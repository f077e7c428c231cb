"""Subjects that are trained on are never judged."""

import numpy as np
import pytest

from reid_engine.errors import TrainingError
from reid_engine.training.split import FEWEST_SUBJECTS, FOLDS, split_subjects


def cohort(subjects, images=3):
    names = [f"P{n:03d}" for n in range(subjects) for _ in range(images)]
    return names, ["CXR"] * len(names)


@pytest.mark.parametrize("subjects", [10, 11, 40, 97])
def test_parts_share_no_subject_and_hold_everybody(subjects):
    names, modalities = cohort(subjects)
    split = split_subjects(names, modalities)
    parts = [{names[row] for row in rows} for rows in (split.training, split.choosing, split.judging)]
    assert sum(map(len, parts)) == subjects
    assert set.union(*parts) == set(names)
    assert all(0 <= abs(len(part) - 0.2 * subjects) < 1 for part in parts[1:])


@pytest.mark.parametrize("subjects", [10, 11, 97])
@pytest.mark.parametrize("choosing", [True, False])
def test_with_all_folds_in_turn_everybody_is_judged_once(subjects, choosing):
    names, groups = cohort(subjects)
    judged = []
    for fold in range(FOLDS):
        split = split_subjects(names, groups, fold=fold, choosing=choosing)
        parts = [{names[row] for row in rows} for rows in (split.training, split.choosing, split.judging)]
        assert sum(map(len, parts)) == len(set.union(*parts)) == subjects
        assert bool(parts[1]) == choosing
        judged += parts[2]
    assert sorted(judged) == sorted(set(names))


def test_order_does_not_matter_and_the_seed_does():
    names, modalities = cohort(30)
    split = split_subjects(names, modalities, seed=1)
    order = np.random.default_rng(0).permutation(len(names))
    other = split_subjects([names[n] for n in order], modalities, seed=1)
    assert {names[row] for row in split.judging} == {names[order[row]] for row in other.judging}
    third = split_subjects(names, modalities, seed=2)
    assert {names[row] for row in split.judging} != {names[row] for row in third.judging}


def test_images_without_a_second_of_their_modality_are_left_out():
    names, modalities = cohort(12, images=2)
    names += ["P000", "single"]
    modalities += ["OCT", "CXR"]
    split = split_subjects(names, modalities)
    used = set(np.concatenate([split.training, split.choosing, split.judging]).tolist())
    assert used == set(range(24))


def test_nobody_with_two_images_is_refused():
    with pytest.raises(TrainingError, match="no subject has two images"):
        split_subjects(*cohort(30, images=1))


def test_too_few_are_refused():
    with pytest.raises(TrainingError, match=f"only 9 subjects .* {FEWEST_SUBJECTS} at least"):
        split_subjects(*cohort(9))
