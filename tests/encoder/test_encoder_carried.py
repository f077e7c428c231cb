"""What the package carries beside its networks, on real images of people who were learnt from and of others."""

import numpy as np
import pytest

from reid_engine.carried import carried_plda, learnt_images
from reid_engine.cohort import read_cohort
from reid_engine.encoder import find_spec, load_encoder
from reid_engine.evaluation import evaluate
from reid_engine.scan import read_scan


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
