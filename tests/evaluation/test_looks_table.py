"""What choosing flatters, in a table worked by hand."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from sklearn.preprocessing import normalize

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "looks.py"


@pytest.fixture(scope="module")
def module():
    pytest.importorskip("pytorch_metric_learning")
    found = importlib.util.spec_from_file_location("looks", SCRIPT)
    loaded = importlib.util.module_from_spec(found)
    found.loader.exec_module(loaded)
    return loaded


HITS = {  # look: three folds of two, four and two queries
    "a": [[1, 1], [1, 0, 0, 0], [0, 0]],
    "b": [[1, 0], [1, 1, 0, 0], [1, 0]],
    "c": [[0, 0], [1, 1, 1, 0], [1, 0]],
}


def arrays(hits):
    return {name: [np.array(one, dtype=float) for one in folds] for name, folds in hits.items()}


def test_each_fold_is_judged_with_what_is_best_on_the_others(module):
    # without the first: a 1/8, b 1/2, c 5/8; without the second: a 1/2, b 1/2, c 1/4; without the third: a 5/8, b 1/2, c 3/8
    assert module.nested(arrays(HITS)) == ["c", "a", "a"]


def test_folds_weigh_the_same_and_subjects_are_told_apart(module):
    codes = [np.array([0, 0]), np.array([0, 0, 1, 1]), np.array([0, 0])]
    assert module.summary(arrays(HITS), ["b", "b", "b"], codes).startswith("50.0 (")
    assert module.summary(arrays(HITS), ["c", "a", "a"], codes).startswith("8.3 (")  # (0 + 1/4 + 0) / 3


def test_the_table_has_every_look_and_both_choices(module):
    names = list(module.looks())
    dice = np.random.default_rng(0)
    measured = [
        {
            "hits": {each: {name: dice.integers(0, 2, 6).tolist() for name in names} for each in module.ATTACKERS},
            "codes": [0, 0, 1, 1, 2, 2],
        }
        for _ in range(3)
    ]
    rows = module.rows(measured)
    assert [row[0] for row in rows] == [*names, "the best on the other folds", "the best on the first fold"]
    first = {each: np.mean(measured[0]["hits"][each][names[0]]) for each in module.ATTACKERS}
    best = max(np.mean(measured[0]["hits"]["cosine"][name]) for name in names)
    assert best >= first["cosine"]
    chosen = next(name for name in names if np.mean(measured[0]["hits"]["cosine"][name]) == best)
    assert rows[-1][1] == rows[names.index(chosen)][1]


@pytest.mark.slow
def test_looks_of_a_trained_encoder_are_measured(module, tmp_path, monkeypatch):
    """A real training on synthetic b-scans; the look that it has gives what the encoder's own features give."""
    from reid_engine.cohort import read_cohort
    from reid_engine.encoder import find_spec, load_encoder, trained
    from reid_engine.phantom import write_phantom_cohort
    from reid_engine.scan import read_scan
    from reid_engine.training.run import train
    from reid_engine.training.settings import TrainingSettings
    from reid_engine.training.unseen import unseen_part

    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(trained, "_seen", {})
    write_phantom_cohort(tmp_path / "cohort", subjects=10, sessions=3, modalities=("OCT",), size=64, seed=3)
    cohort = read_cohort(tmp_path / "cohort")
    settings = TrainingSettings(epochs=1, subjects=2, images=2, choosing=False, frozen_epochs=0)
    looks = {"size": 32, "whole": True, "tile_step": 0.5}
    result = train(cohort, find_spec("efficientnet-lite0"), tmp_path / "out", settings, name="wide", **looks)
    measured = module.measure(cohort, str(tmp_path / "out"))
    own = measured["hits"]["cosine"]["parts a step of 0.5, and the whole"]
    part = unseen_part(cohort, result.spec)
    vectors = load_encoder(str(tmp_path / "out")).embed_many(
        [read_scan(one.path, modality="OCT") for one in part.samples]
    )
    vectors = normalize(vectors - vectors.mean(axis=0))
    alike = vectors @ vectors.T
    np.fill_diagonal(alike, -2)
    who = np.array([one.subject_id for one in part.samples])
    assert sum(own) == (who[alike.argmax(axis=1)] == who).sum()
    assert len(own) == len(measured["codes"]) == len(part.samples)
    assert set(measured["hits"]) == set(module.ATTACKERS)
