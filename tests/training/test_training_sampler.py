"""Batches hold pairs of one subject and pairs of different ones, of one modality."""

import numpy as np
import pytest

from reid_engine.errors import TrainingError
from reid_engine.training.sampler import LEAST_BATCHES, BatchSampler


def sampler(per_batch=4, images=3):
    subjects = np.repeat(np.arange(9), [2, 3, 4, 5, 6, 2, 3, 4, 5])
    modalities = np.zeros(len(subjects), dtype=np.int64)
    modalities[subjects > 5] = 1
    return BatchSampler(subjects, modalities, per_batch=per_batch, images=images), subjects, modalities


def test_batches_have_several_images_of_several_subjects_of_one_modality():
    made, subjects, modalities = sampler()
    batches = list(made.epoch(np.random.default_rng(0)))
    assert len(batches) == made.batches == LEAST_BATCHES
    seen = set()
    for rows in batches:
        names, counts = np.unique(subjects[rows], return_counts=True)
        assert len(set(modalities[rows].tolist())) == 1
        assert len(names) == (4 if modalities[rows][0] == 0 else 3)
        assert (counts == 3).all()
        assert all(len(set(rows[subjects[rows] == name].tolist())) >= 2 for name in names)
        seen |= set(rows.tolist())
    assert len(seen) > 0.8 * len(subjects)


def test_the_smallest_batch_is_known():
    assert sampler()[0].smallest == 3 * 3
    assert sampler(per_batch=2)[0].smallest == 2 * 3


def test_groups_of_one_subject_each_are_refused():
    subjects = np.repeat(np.arange(5), 3)
    with pytest.raises(TrainingError, match="no two subjects"):
        BatchSampler(subjects, subjects, per_batch=4, images=2)


def test_a_seed_gives_the_same_batches():
    first, second = (list(sampler()[0].epoch(np.random.default_rng(5))) for _ in range(2))
    assert all((a == b).all() for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("images", [100, 1000])
def test_an_epoch_is_as_many_batches_as_images_fill(images):
    subjects = np.repeat(np.arange(images // 2), 2)
    made = BatchSampler(subjects, np.zeros(images, dtype=np.int64), per_batch=4, images=2)
    assert made.batches == max(LEAST_BATCHES, -(-images // 8))
