"""Probes of a gallery, fitted again: several classes, few subjects, and what is stored."""

import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import label_binarize

from reid_engine.errors import ProbeError
from reid_engine.fitting import fit_gallery, load_attack, load_probes, load_unprobed
from reid_engine.folds import subject_folds
from reid_engine.matcher.gallery import Gallery
from reid_engine.probes.fit import cross_fit_probe
from reid_engine.probing import fit_probes, probed_attributes, read_probes
from tests.synthetic import World, gallery_of

RACES = ("Asian", "Black", "White")


def races(subjects, counts):
    """Give each subject of the table a race: so many of each, in the order of the subjects' ids."""
    dealt = [name for name, count in counts.items() for _ in range(count)]
    mixed = np.random.default_rng(4).permutation(len(dealt))
    order = list(dict.fromkeys(subjects))
    assert len(order) == len(dealt)
    race = dict(zip(order, np.array(dealt, dtype=object)[mixed], strict=True))
    return np.array([race[name] for name in subjects], dtype=object)


def world(counts, shift, seed=3, modality="CXR", **planted):
    """Draw a cohort whose races lie `shift` apart, each along an axis of its own."""
    drawn = World(dim=16, seed=seed, **planted)
    table, vectors, thumbnails, _ = drawn.cohort(sum(counts.values()), sessions=2, modality=modality)
    table["race"] = races(table["subject_id"].tolist(), counts)
    for place, name in enumerate(sorted(counts)):
        vectors[(table["race"] == name).to_numpy()] += (shift * drawn.axes[2 + place]).astype(np.float32)
    return table, vectors, thumbnails


EVEN = {"Asian": 40, "Black": 50, "White": 60}


@pytest.fixture(scope="module")
def planted():
    table, vectors, _ = world(EVEN, shift=2.0)
    return cross_fit_probe(vectors, table["race"].to_numpy(dtype=object), table["subject_id"].tolist(), "class")


def test_three_planted_classes_are_found(planted):
    probe = planted.probe
    assert probe.classes == RACES
    assert probe.quality.metric == "auc"
    assert probe.quality.value > 0.8
    assert probe.quality.low > 0.7
    assert probe.quality.p_chance <= 0.01
    assert (probe.quality.subjects, probe.quality.images) == (150, 300)


def test_three_classes_that_are_not_planted_are_not_found():
    table, vectors, _ = world(EVEN, shift=0.0)
    probe = cross_fit_probe(vectors, table["race"].to_numpy(dtype=object), table["subject_id"].tolist(), "class").probe
    assert probe.quality.low < 0.5 < probe.quality.high
    assert probe.quality.p_chance > 0.05


def test_its_area_is_the_macro_mean_of_one_against_the_rest_as_scikit_learn_has_it(planted):
    table, vectors, _ = world(EVEN, shift=2.0)
    folds = subject_folds(table["subject_id"].tolist())
    truth = label_binarize(table["race"].to_numpy(dtype=str), classes=list(RACES))
    scores = planted.probe.held_out(vectors, folds)
    areas, pairs = np.zeros((5, 3)), np.zeros((5, 3))
    for fold in range(5):  # scores of two models have no common origin
        held = folds == fold
        macro = roc_auc_score(truth[held], scores[held], average="macro")
        assert planted.on(held).value == pytest.approx(macro, abs=1e-6)
        areas[fold] = roc_auc_score(truth[held], scores[held], average=None)
        pairs[fold] = truth[held].sum(axis=0) * (1 - truth[held]).sum(axis=0)
    assert planted.probe.quality.value == pytest.approx(np.average(areas, axis=0, weights=pairs).mean(), abs=1e-6)


def test_its_probabilities_are_of_the_classes_in_their_order(planted):
    table, vectors, _ = world(EVEN, shift=2.0)
    folds = subject_folds(table["subject_id"].tolist())
    readings = [planted.probe.read(vector, fold) for vector, fold in zip(vectors, folds, strict=True)]
    right = [reading.prediction == race for reading, race in zip(readings, table["race"], strict=True)]
    assert np.mean(right) > 0.55  # 40 % for always the largest class
    assert all(sum(reading.classes.values()) == pytest.approx(1.0) for reading in readings)


@pytest.fixture
def gallery(tmp_path):
    """Give a gallery of 105 people of four races, one of them rare, with planted sex and race."""
    counts = {"Asian": 25, "Black": 30, "Native": 7, "White": 43}
    return gallery_of(tmp_path / "g", *world(counts, shift=2.0, sex_shift=2.0))


def test_all_attributes_are_fitted_with_what_was_left_out(gallery):
    steps = []
    found = fit_probes(gallery, progress=lambda *step: steps.append(step))
    assert probed_attributes(gallery) == ("sex", "age", "race")
    assert [row.attribute for row in found.probes] == ["sex", "age", "race"]
    assert found.unprobed == ()
    sex, age, race = found.probes
    assert (age.kind, age.metric, age.classes, age.left_out, age.note) == ("number", "mae", (), (), None)
    assert [(one.name, one.subjects) for one in race.classes] == [("Asian", 25), ("Black", 30), ("White", 43)]
    assert [(one.name, one.subjects) for one in race.left_out] == [("Native", 7)]
    assert race.note == "left out: 1 class with fewer than 20 subjects (Native 7)"
    assert race.subjects == 98
    assert sum(one.subjects for one in sex.classes) == sex.subjects == 105
    assert sex.value > 0.7
    assert sex.ci95[0] < sex.value < sex.ci95[1]
    assert sex.p_value <= 0.01
    assert steps == [*((n, 3, "fitting probes on CXR") for n in (0, 0, 1, 2)), (3, 3, "fitting probes")]
    json.dumps(found.to_json(), allow_nan=False)
    assert read_probes(gallery) == found


def test_they_are_those_that_fit_gallery_stores(gallery):
    fit_gallery(gallery)
    before, attack = load_probes(gallery, "CXR"), load_attack(gallery, "CXR").facts
    fit_probes(gallery)
    for old, new in zip(before, load_probes(gallery, "CXR"), strict=True):
        assert old.facts() == new.facts()
        assert all(
            np.array_equal(array, new.to_arrays()[name], equal_nan=True) for name, array in old.to_arrays().items()
        )
    assert load_attack(gallery, "CXR").facts == attack
    assert fit_gallery(gallery).fitted == ()


def test_a_named_one_is_fitted_anew_and_the_others_stay(gallery, monkeypatch):
    import reid_engine.fitting as fitting

    fit_probes(gallery)
    fitted, real = [], fitting.fit_probe
    monkeypatch.setattr(fitting, "fit_probe", lambda *a, **k: fitted.append(k["attribute"]) or real(*a, **k))
    found = fit_probes(gallery, ["race", "race"])
    assert fitted == ["race"]
    assert [row.attribute for row in found.probes] == ["race"]
    assert [probe.attribute for probe in load_probes(gallery, "CXR")] == ["sex", "age", "race"]


def test_where_nothing_is_stored_the_others_are_fitted_too(gallery):
    assert [row.attribute for row in fit_probes(gallery, ["sex"]).probes] == ["sex"]
    assert [probe.attribute for probe in load_probes(gallery, "CXR")] == ["sex", "age", "race"]


def test_what_the_table_lacks_is_refused_with_what_it_has(gallery):
    generation = gallery.generation
    for name in ("shoe size", "subject_id", "ethnicity"):
        with pytest.raises(ProbeError, match=f"'{name}' is not in .* there are sex, age, race$"):
            fit_probes(gallery, ["sex", name])
    with pytest.raises(ProbeError) as caught:
        fit_probes(gallery, ["Mueller"], discreet=True)
    assert "Mueller" not in str(caught.value)
    assert "there are sex, age, race" in str(caught.value)
    assert Gallery.open(gallery.path).generation == generation


@pytest.mark.parametrize(("small", "fitted"), [(19, False), (20, True)])
def test_twenty_subjects_a_class_is_the_rule(tmp_path, small, fitted):
    gallery = gallery_of(tmp_path / "g", *world({"Black": small, "Native": 4, "White": 30}, shift=1.0))
    if fitted:
        (row,) = fit_probes(gallery, ["race"]).probes
        assert [one.name for one in row.classes] == ["Black", "White"]
        return
    generation = gallery.generation
    with pytest.raises(ProbeError) as caught:
        fit_probes(gallery, ["race"])
    assert str(caught.value) == (
        "race cannot be probed; CXR: a probe needs two classes with 20 subjects or more; "
        "there are White 30, Black 19, Native 4"
    )
    assert Gallery.open(gallery.path).generation == generation
    found = fit_probes(gallery)
    assert {row.attribute: row.reason for row in found.unprobed}["race"].endswith("White 30, Black 19, Native 4")
    assert "race" in load_unprobed(gallery, "CXR")
    assert read_probes(gallery) == found


def test_for_a_server_small_classes_have_no_name(gallery):
    found = fit_probes(gallery, ["race"], discreet=True)
    assert [(one.name, one.subjects) for one in found.probes[0].left_out] == [(None, 7)]
    assert "Native" not in json.dumps(found.to_json())
    assert found.probes[0].note == "left out: 1 class with fewer than 20 subjects (one of 7)"


def test_a_refusal_for_a_server_names_large_classes_only(tmp_path):
    gallery = gallery_of(tmp_path / "g", *world({"Black": 12, "Mueller": 4, "White": 30}, shift=1.0))
    with pytest.raises(ProbeError, match=r"there are White 30, one of 12, one of 4$"):
        fit_probes(gallery, ["race"], discreet=True)


def test_an_attribute_of_one_modality_only_is_told_for_the_others(tmp_path):
    gallery = gallery_of(tmp_path / "g", *world({"Black": 30, "White": 30}, shift=1.0))
    table, vectors, thumbnails = world({"Black": 12, "White": 13}, shift=1.0, seed=9, modality="OCT")
    gallery.append(table, vectors, thumbnails)
    found = fit_probes(gallery, ["race", "age"])
    assert [(row.modality, row.attribute) for row in found.probes] == [("CXR", "race"), ("CXR", "age")]
    assert [(row.modality, row.attribute) for row in found.unprobed] == [("OCT", "race"), ("OCT", "age")]
    assert found.unprobed[0].reason.endswith("there are White 13, Black 12")
    assert found.unprobed[1].reason == "25 subjects have a value, and a probe needs 40"


def test_very_few_images_are_told(tmp_path):
    gallery = gallery_of(tmp_path / "g", *(part[:2] for part in world({"Black": 2, "White": 2}, shift=1.0)))
    with pytest.raises(ProbeError, match="2 images"):
        fit_probes(gallery, ["sex"])
    assert fit_probes(gallery).probes == ()
