"""What the package carries beside its networks, on real images of people who were learnt from and of others."""

import json

import numpy as np
import pytest

from reid_engine.carried import carried_plda, learnt_images
from reid_engine.cohort import read_cohort
from reid_engine.encoder import IMAGENET_ENCODER, find_spec, load_encoder
from reid_engine.encoder.shipped import FOLDER
from reid_engine.evaluation import evaluate
from reid_engine.scan import read_scan
from reid_engine.training.unseen import unseen_part


@pytest.mark.slow
def test_the_plda_that_comes_with_the_encoder_finds_patients_of_another_hospital(shared_data, tmp_path):
    """Nobody of that hospital was trained on or fitted to, and its 18 patients are too few for a model of their own."""
    report = evaluate(read_cohort(shared_data / "hannover_cxr"), load_encoder("reid-cxr"), store=tmp_path)
    found = {
        row["attacker"]: row
        for row in report.results
        if (row["metric"], row["stratum"], row["kind"]) == ("rank-1", "all", "encoder") and row["level"] == "image"
    }
    assert found["plda"]["subjects"] == 18
    assert "1907 images of 345 other subjects" in found["plda"]["note"]
    assert found["plda"]["value"] >= found["cosine"]["value"] > 0.85
    assert found["cosine"]["note"] is None


def test_an_evaluation_on_people_whom_the_default_encoder_learnt_from_says_so(shared_data):
    spec = find_spec("reid-lite0")
    with_repeats = [
        sample for sample in read_cohort(shared_data / "nih_cxr").samples if sample.subject_id <= "NIH-00001000"
    ]
    digests = [read_scan(sample.path, modality="CXR").pixel_digest for sample in with_repeats]
    learnt, held_out = learnt_images(spec, "CXR", digests), carried_plda(spec, "CXR").knows(digests)
    assert learnt.mean() > 0.5
    assert held_out.any()
    owners = np.array([sample.subject_id for sample in with_repeats])
    assert not set(owners[learnt]) & set(owners[held_out])


def hits(vectors, subjects):
    """Tell of each image whether the nearest other one, by the cosine less the mean, is of its subject."""
    rows = vectors - vectors.mean(axis=0)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    alike = rows @ rows.T
    np.fill_diagonal(alike, -np.inf)
    return (subjects[alike.argmax(axis=1)] == subjects).astype(float)


@pytest.mark.slow
def test_the_oct_network_finds_more_people_whom_it_has_not_seen_than_imagenets_does(shared_data):
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
    card = json.loads((FOLDER / "reid-oct" / "card.json").read_text())
    assert after.mean() == pytest.approx(card["held_out"]["after"]["value"], abs=0.02)
