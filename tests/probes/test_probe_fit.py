"""Probes find what is planted, find nothing where nothing is, and never see whom they are judged on."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from reid_engine.errors import ProbeError
from reid_engine.folds import subject_folds
from reid_engine.probes.attributes import attributes_of
from reid_engine.probes.fit import fit_probe
from tests.synthetic import World


def drawn(**planted):
    table, vectors, _, _ = World(dim=24, seed=3, **planted).cohort(160, sessions=2)
    return table, vectors, table["subject_id"].tolist()


def test_planted_sex_is_found_and_its_auc_is_that_of_scikit_learn():
    table, vectors, subjects = drawn(sex_shift=3.0)
    probe = fit_probe(vectors, table["sex"].to_numpy(dtype=object), subjects, "class", attribute="sex")
    quality = probe.quality
    assert quality.value > 0.8
    assert quality.low < quality.value < quality.high
    assert quality.p_chance <= 0.01
    assert (quality.subjects, quality.images) == (160, 320)
    folds = subject_folds(subjects)
    scores = probe.held_out(vectors, folds).ravel()
    positive = (table["sex"] == probe.classes[-1]).to_numpy()
    areas, pairs = [], []
    for fold in range(5):  # scores of two models have no common origin
        held = folds == fold
        areas.append(roc_auc_score(positive[held], scores[held]))
        pairs.append(positive[held].sum() * (~positive[held]).sum())
    assert quality.value == pytest.approx(np.average(areas, weights=pairs), abs=1e-6)


def test_absent_sex_is_not_found():
    table, vectors, subjects = drawn()
    probe = fit_probe(vectors, table["sex"].to_numpy(dtype=object), subjects, "class")
    assert probe.quality.low < 0.5
    assert probe.quality.p_chance > 0.05


def test_identity_alone_does_not_leak_into_a_probe():
    """Labels dealt at random to people whose images are nearly equal: a probe that saw them would be perfect."""
    rng = np.random.default_rng(5)
    world = World(dim=24, session=0.01, within=0.01, seed=8)
    table, vectors, _, _ = world.cohort(120, sessions=3)
    subjects = table["subject_id"].tolist()
    dealt = dict(zip(dict.fromkeys(subjects), rng.choice(["a", "b"], 120), strict=True))
    probe = fit_probe(vectors, np.array([dealt[name] for name in subjects], dtype=object), subjects, "class")
    assert probe.quality.value < 0.65


def test_planted_age_is_found_and_its_interval_covers():
    table, vectors, subjects = drawn(age_slope=0.2)
    ages = table["age"].to_numpy(dtype=np.float64)
    probe = fit_probe(vectors, ages, subjects, "number", attribute="age")
    assert probe.quality.value < 0.7 * probe.quality.chance
    fresh, unseen, _, _ = World(dim=24, seed=77, age_slope=0.2).cohort(200, sessions=1)
    inside = []
    for vector, age in zip(unseen, fresh["age"], strict=True):
        low, high = probe.read(vector, 0).interval95
        inside.append(low <= age <= high)
    assert 0.89 <= np.mean(inside) <= 0.995


def test_few_subjects_are_refused_in_one_line():
    table, vectors, subjects = drawn(sex_shift=3.0)
    few = table["subject_id"].isin(list(dict.fromkeys(subjects))[:30]).to_numpy()
    with pytest.raises(ProbeError, match="20 subjects") as caught:
        fit_probe(vectors[few], table["sex"].to_numpy(dtype=object)[few], list(table["subject_id"][few]), "class")
    assert "\n" not in str(caught.value)


def test_columns_that_tell_nobody_apart_are_no_attributes():
    table, *_ = World(seed=5).cohort(4)
    count = len(table)
    table["dataset"] = "one"
    table["sha256"] = [f"{number:064x}z" for number in range(count)]
    table["site"] = ["a", "b"] * (count // 2)
    table["bmi"] = [f"{20 + number}.5" for number in range(count)]
    assert [attribute.name for attribute in attributes_of(table)] == ["sex", "age", "site", "bmi"]
