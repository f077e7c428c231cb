"""A cohort of phantoms against itself, compared with a plain calculation."""

import json

import numpy as np
import pytest

from reid_engine.cohort import read_cohort
from reid_engine.evaluation import evaluate
from reid_engine.matcher.gallery import Gallery

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory, phantom_cohort, encoder):
    store = tmp_path_factory.mktemp("store")
    return evaluate(read_cohort(phantom_cohort), encoder, store=store).to_json(), store


def row(report, modality, attacker, stratum, metric, level="image"):
    wanted = (modality, attacker, stratum, metric, level)
    keys = ("modality", "attacker", "stratum", "metric", "level")
    (found,) = [each for each in report["results"] if tuple(each[key] for key in keys) == wanted]
    return found


def plain_rank_1(vectors, subjects):
    """Rank-1 by the cosine of features centred without the query, the slow way."""
    hits = []
    for i in range(len(vectors)):
        centred = vectors - np.delete(vectors, i, axis=0).mean(axis=0)
        cosine = centred @ centred[i] / np.linalg.norm(centred, axis=1) / np.linalg.norm(centred[i])
        cosine[i] = -np.inf
        hits.append(subjects[int(np.argmax(cosine))] == subjects[i])
    return float(np.mean(hits))


@pytest.mark.parametrize("modality", ["CFP", "OCT", "CXR"])
def test_rank_1_is_that_of_a_plain_calculation(evaluated, modality):
    report, store = evaluated
    gallery = Gallery.open(store / "gallery")
    rows = gallery.positions_of(modality)
    vectors = np.asarray(gallery.vectors)[rows].astype(np.float64)
    subjects = gallery.table["subject_id"].to_numpy()[rows]
    found = row(report, modality, "cosine", "all", "rank-1")
    assert found["value"] == pytest.approx(plain_rank_1(vectors, subjects), abs=1e-9)
    low, high = found["ci95"]
    assert low <= found["value"] <= high
    assert (found["subjects"], found["images"]) == (24, 72)
    assert found["chance"] == pytest.approx(2 / 71)
    assert found["value"] > 5 * found["chance"]


def test_subject_levels_bracket_the_image_level(evaluated):
    report, _ = evaluated
    anyone = row(report, "CXR", "cosine", "all", "rank-1", "subject-any")["value"]
    everyone = row(report, "CXR", "cosine", "all", "rank-1", "subject-all")["value"]
    assert everyone <= row(report, "CXR", "cosine", "all", "rank-1")["value"] <= anyone


def test_the_report_is_plain_json_with_its_contract(evaluated):
    report, _ = evaluated
    assert report["schema"] == "reid-evaluation/1"
    assert {"results", "probes", "audit", "gate", "environment"} <= report.keys()
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    for each in report["results"]:
        assert each["value"] is not None or each["note"]


def test_evaluating_again_embeds_nothing_and_gives_the_same(evaluated, phantom_cohort, encoder, monkeypatch):
    report, store = evaluated

    def refuse(*_):
        raise AssertionError("something was embedded again")

    monkeypatch.setattr(type(encoder), "forward", refuse)
    assert evaluate(read_cohort(phantom_cohort), encoder, store=store).to_json()["results"] == report["results"]


def test_the_real_set_with_identity_errors_is_audited(shared_data, encoder, tmp_path):
    report = evaluate(read_cohort(shared_data / "octdl_traps"), encoder, store=tmp_path).to_json()
    identical = [group for group in report["audit"] if group["kind"] == "identical"]
    assert len(identical) >= 20
    assert all(len(set(group["subject_ids"])) > 1 for group in identical)
    assert row(report, "OCT", "cosine", "all", "rank-1")["value"] == 0.0
