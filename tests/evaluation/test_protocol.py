"""A cohort of phantoms against itself, compared with a plain calculation."""

import json

import numpy as np
import pandas as pd
import pytest

from reid_engine.baselines import default_baselines
from reid_engine.cohort import read_cohort
from reid_engine.evaluation import evaluate
from reid_engine.evaluation.features import STORE_FOLDER
from reid_engine.matcher.gallery import Gallery
from reid_engine.phantom import write_phantom_cohort

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory, phantom_cohort, encoder):
    store = tmp_path_factory.mktemp("store")
    report = evaluate(read_cohort(phantom_cohort), encoder, store=store, baselines=default_baselines())
    return report.to_json(), store


def row(report, modality, attacker, stratum, metric, level="image"):
    wanted = ("encoder", modality, attacker, stratum, metric, level)
    keys = ("kind", "modality", "attacker", "stratum", "metric", "level")
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
    (folder,) = (store / STORE_FOLDER).glob("reid-lite0-*")
    gallery = Gallery.open(folder)
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

    monkeypatch.setattr(type(encoder), "perceive", refuse)
    again = evaluate(read_cohort(phantom_cohort), encoder, store=store).to_json()
    kept = [row for row in report["results"] if row["kind"] == "encoder" or row["encoder"] == "demographics"]
    assert again["results"] == kept


def test_baselines_stand_in_the_same_table(evaluated):
    report, _ = evaluated
    first = {
        (row["modality"], row["encoder"], row["attacker"]): row["value"]
        for row in report["results"]
        if (row["stratum"], row["metric"], row["level"]) == ("all", "rank-1", "image")
    }
    for modality in ("CFP", "OCT", "CXR"):
        for name in ("pixels", "border-exposure", "untrained", "reid-lite0"):
            assert 0 <= first[modality, name, "whitened"] <= 1
        assert (modality, "demographics", "cosine") in first
    assert all(row["kind"] == "baseline" for row in report["results"] if row["encoder"] == "pixels")


def test_an_attacker_that_cannot_be_trained_says_why(evaluated):
    found = row(evaluated[0], "CFP", "plda", "all", "rank-1")
    assert found["value"] is None
    assert "cannot be estimated" in found["note"]


def test_of_few_subjects_it_is_taken_from_the_encoder_where_that_carries_one(evaluated):
    found = row(evaluated[0], "CXR", "plda", "all", "rank-1")
    assert found["value"] > 5 * found["chance"]
    assert "PLDA comes with the encoder" in found["note"]


def test_every_curve_is_finite_and_belongs_to_an_attack(evaluated):
    report, _ = evaluated
    kinds = {curve["kind"] for curve in report["curves"]}
    assert kinds >= {"cmc", "det", "scores", "gallery-size", "near-threshold"}
    for curve in report["curves"]:
        assert all(len(values) == len(curve["x"]) for values in curve["series"].values())
    (cmc,) = [c for c in report["curves"] if (c["kind"], c["modality"], c["attacker"]) == ("cmc", "CXR", "cosine")]
    assert cmc["series"]["rate"] == sorted(cmc["series"]["rate"])
    assert cmc["series"]["rate"][0] == pytest.approx(row(report, "CXR", "cosine", "all", "rank-1")["value"])
    (size,) = [
        c for c in report["curves"] if (c["kind"], c["modality"], c["attacker"]) == ("gallery-size", "CXR", "cosine")
    ]
    assert size["x"][-1] == 24
    assert size["series"]["rate"][-1] == pytest.approx(cmc["series"]["rate"][0])


def test_examples_are_of_the_strongest_attack(evaluated):
    report, _ = evaluated
    assert {example["kind"] for example in report["examples"]} >= {"most exposed"}
    for example in report["examples"]:
        assert (example["rank"] == 1) == (example["kind"] == "most exposed")


def test_sets_of_different_origin_are_never_compared(tmp_path, encoder):
    write_phantom_cohort(tmp_path / "c", subjects=8, sessions=2, modalities=("CXR",), size=96)
    manifest = tmp_path / "c" / "manifest.csv"
    table = pd.read_csv(manifest, dtype=str)
    table["dataset"] = ["one", "other"] * (len(table) // 2)
    table.to_csv(manifest, index=False)
    report = evaluate(read_cohort(tmp_path / "c"), encoder, store=tmp_path / "store").to_json()
    assert {each["dataset"] for each in report["results"]} == {"one", "other"}
    whole = evaluate(read_cohort(tmp_path / "c"), encoder, store=tmp_path / "store", separate=None).to_json()
    assert {each["dataset"] for each in whole["results"]} == {None}
    assert row(whole, "CXR", "cosine", "all", "rank-1")["images"] == 16


def test_the_real_set_with_identity_errors_is_audited(shared_data, encoder, tmp_path):
    report = evaluate(read_cohort(shared_data / "octdl_traps"), encoder, store=tmp_path).to_json()
    identical = [group for group in report["audit"] if group["kind"] == "identical"]
    assert len(identical) >= 20
    assert all(len(set(group["subject_ids"])) > 1 for group in identical)
    assert row(report, "OCT", "cosine", "all", "rank-1")["value"] == 0.0
