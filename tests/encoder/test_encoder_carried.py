"""The carried OCT network finds more than ImageNet's default, among people whom neither has seen."""

import numpy as np
import pytest

from reid_engine.cohort import read_cohort
from reid_engine.encoder import IMAGENET_ENCODER, find_spec, load_encoder
from reid_engine.scan import read_scan
from reid_engine.training.unseen import unseen_part


def hits(vectors, subjects):
    """Tell of each image whether the nearest other one, by the cosine less the mean, is of its subject."""
    rows = vectors - vectors.mean(axis=0)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    alike = rows @ rows.T
    np.fill_diagonal(alike, -np.inf)
    return (subjects[alike.argmax(axis=1)] == subjects).astype(float)


@pytest.mark.slow
def test_people_it_has_not_seen_are_found_more_often(shared_data):
    cohort = unseen_part(read_cohort(shared_data / "octdl_oct"), find_spec("reid-oct"))
    subjects = np.array([sample.subject_id for sample in cohort.samples])
    assert (len(subjects), len(set(subjects))) == (125, 48)
    scans = [read_scan(sample.path, modality="OCT") for sample in cohort.samples]
    before, after = (hits(load_encoder(name).embed_many(scans), subjects) for name in (IMAGENET_ENCODER, "reid-oct"))
    people = [np.flatnonzero(subjects == subject) for subject in sorted(set(subjects))]
    rng = np.random.default_rng(0)
    draws = [np.concatenate([people[one] for one in rng.integers(0, len(people), len(people))]) for _ in range(2000)]
    gains = [float((after - before)[rows].mean()) for rows in draws]
    assert np.quantile(gains, 0.025) > 0.1
    assert after.mean() == pytest.approx(0.608, abs=0.02)  # as its card says
