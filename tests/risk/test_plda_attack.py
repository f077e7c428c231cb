"""PLDA as the attacker of a check, in worlds where what tells people apart is hidden behind what does not."""

import numpy as np
import pytest

from reid_engine import attack, fitting
from reid_engine.attack import Attack, fit_attack
from reid_engine.evaluation.metrics import expected_calibration_error
from reid_engine.exposure import cohort_exposure
from reid_engine.fitting import fit_gallery, load_attack
from reid_engine.posterior import posterior
from reid_engine.risk import RiskAssessor
from tests.risk.test_calibration import arranged
from tests.synthetic import KnownEncoder, World, gallery_of

HIDING = 3.0
"""How much more images of a person differ along half of the axes."""


class Hidden:
    """A cohort whose images differ along half of the axes for reasons that have nothing to do with the person."""

    def __init__(self, seed, count=200, dim=32, sessions=3, hiding=HIDING, **world):
        self.world = World(seed=seed, dim=dim, **world)
        self.factors = np.where(np.arange(dim) < dim // 2, hiding, 1.0)
        self.table, vectors, self.thumbnails, self.centres = self.world.cohort(count, sessions=sessions)
        self.vectors = self._hide(vectors, self.table["subject_id"].str[1:].astype(int).to_numpy(), self.centres)

    def _hide(self, vectors, owner, centres):
        return (centres[owner] + (vectors - centres[owner]) * self.factors).astype(np.float32)

    def new(self, visits):
        """Give new visits of everybody, and as many strangers: vectors, and the person's number or -1."""
        own, owner, _ = self.world.images(self.centres, sessions=visits)
        strangers = self.world.people(len(own))[0]
        strange, who, _ = self.world.images(strangers, sessions=1)
        vectors = np.concatenate([self._hide(own, owner, self.centres), self._hide(strange, who, strangers)])
        return vectors, np.concatenate([owner, np.full(len(strange), -1)])


def checked(hidden, visits=3):
    """Fit an attack and check new scans with it: attack, stated probabilities, and whether they were right."""
    people, vectors = arranged(hidden.table, hidden.vectors)
    found = fit_attack(vectors, people, None)
    new, truth = hidden.new(visits)
    rows = found.backend.transform(vectors)
    scores = np.maximum.reduceat(found.backend.transform(new) @ rows.T, people.starts, axis=1)
    p = [posterior(found.calibration.llr(row, people.folds), 0.5, len(people.subjects)).p for row in scores]
    return found, np.max(p, axis=1), np.argmax(p, axis=1) == truth


WORLDS = {
    "hidden": ({}, 0.06),
    # As many features as images: an attacker who knows whose the images are finds three times as many people.
    "many features": ({"count": 120, "dim": 256, "sessions": 4, "hiding": 2.0, "session": 1.0, "within": 1.0}, 0.07),
    # The subject of a left-out image has a single one left, which says nothing of how its images differ.
    "two images": ({"count": 120, "sessions": 2}, 0.07),
}
"""Worlds, and the largest mean error of calibration in each."""


@pytest.mark.parametrize("name", WORLDS)
def test_probabilities_hold_on_new_scans_of_those_that_it_was_fitted_on_and_of_strangers(name):
    world, most = WORLDS[name]
    errors, stated, true = [], [], []
    for seed in range(2):
        found, p, right = checked(Hidden(20 + seed, **world))
        assert found.backend.name == "plda"
        errors.append(expected_calibration_error(p, right.astype(float)))
        stated.append(p.mean())
        true.append(right.mean())
    assert np.mean(errors) <= most
    assert np.mean(stated) == pytest.approx(np.mean(true), abs=0.05)
    assert 0.1 < np.mean(true) < 0.5


def test_with_models_that_had_seen_the_images_the_probabilities_would_not_hold(monkeypatch):
    """What the leaving out is for: the same world, calibrated on images that the model was trained on."""

    class Seen:
        def __init__(self, vectors, population):
            self.rows = attack.fit_named("plda", vectors, population).transform(vectors)

        def __iter__(self):
            similarities = self.rows @ self.rows.T
            np.fill_diagonal(similarities, -np.inf)
            yield np.arange(len(self.rows)), similarities

    monkeypatch.setattr(attack, "blocks_of", lambda _, vectors, population, *__: Seen(vectors, population))
    _, p, right = checked(Hidden(20, **WORLDS["many features"][0]))
    assert expected_calibration_error(p, right.astype(float)) > 0.1


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    hidden = Hidden(31, count=80)
    gallery = gallery_of(tmp_path_factory.mktemp("hidden") / "gallery", hidden.table, hidden.vectors, hidden.thumbnails)
    return hidden, gallery, fit_gallery(gallery)


def test_a_report_names_the_attacker_and_the_ladder(place):
    hidden, gallery, fitting_ = place
    encoder = KnownEncoder(32)
    assessor = RiskAssessor(gallery, encoder)
    vectors, truth = hidden.new(1)
    reports = [assessor.assess(encoder.scan(vector, thumbnail_seed=n)).to_json() for n, vector in enumerate(vectors)]
    assumed = reports[0]["assumptions"]
    assert assumed["attacker"] == fitting_.modalities[0].attacker == "plda"
    assert list(assumed["attackers"]) == ["cosine", "whitened", "plda"]
    values = [entry["value"] for entry in assumed["attackers"].values()]
    assert values[2] > max(values[:2]) + 0.1
    right = [r["matches"][0]["subject_id"] == f"P{who:05d}" for r, who in zip(reports, truth, strict=True)]
    stated = [report["risk"]["p_reidentified"] for report in reports]
    assert np.mean(right[:80]) > 0.6
    assert np.mean(stated) == pytest.approx(np.mean(right), abs=0.1)


def test_a_match_is_what_the_back_end_finds_most_alike(place):
    hidden, gallery, _ = place
    encoder = KnownEncoder(32)
    assessor = RiskAssessor(gallery, encoder)
    roster, vector = assessor.roster("CXR"), hidden.new(1)[0][4]
    found = roster.vectors @ roster.backend.transform(vector[None])[0]
    top = assessor.assess(encoder.scan(vector)).to_json()["matches"][0]
    assert top["similarity"] == pytest.approx(float(found.max()), abs=1e-5)
    assert top["sample_id"] == roster.columns["sample_id"][int(np.argmax(found))]


def test_enrolled_images_are_weighed_by_the_same_attacker(place):
    _, gallery, _ = place
    summary = cohort_exposure(gallery).summary()["modalities"][0]
    assert summary["attacker"] == "plda"
    assert summary["rank_1"]["value"] == load_attack(gallery, "CXR").facts["rank_1"]["plda"]["value"]


def test_what_is_stored_comes_back_as_arrays(place):
    _, gallery, _ = place
    arrays, facts = gallery.load_model("attack-CXR")
    assert not any(array.dtype.hasobject for array in arrays.values())
    again = Attack.from_model(*Attack.from_model(arrays, facts).to_model())
    vectors = gallery.snapshot().vectors_of("CXR")
    np.testing.assert_array_equal(
        again.backend.transform(vectors), load_attack(gallery, "CXR").backend.transform(vectors)
    )


def test_with_few_subjects_it_says_why_there_is_no_plda(tmp_path):
    hidden = Hidden(5, count=24)
    gallery = gallery_of(tmp_path / "few", hidden.table, hidden.vectors, hidden.thumbnails)
    (fitted,) = fit_gallery(gallery).modalities
    assert fitted.attacker in {"cosine", "whitened"}
    assert fitted.rank_1["plda"]["value"] is None
    assert "20 are needed" in fitted.rank_1["plda"]["note"]
    encoder = KnownEncoder(32)
    report = RiskAssessor(gallery, encoder).assess(encoder.scan(hidden.vectors[0])).to_json()
    assert report["assumptions"]["attackers"]["plda"]["note"] == fitted.rank_1["plda"]["note"]


def test_a_gallery_that_was_fitted_without_plda_still_works_until_it_is_fitted_again(tmp_path, monkeypatch):
    hidden = Hidden(31, count=60)
    gallery = gallery_of(tmp_path / "old", hidden.table, hidden.vectors, hidden.thumbnails)
    with monkeypatch.context() as before:
        before.setattr(fitting, "VERSION", 2)
        before.setattr(attack, "LADDER", ("cosine", "whitened"))
        fit_gallery(gallery)
    encoder = KnownEncoder(32)
    assessor = RiskAssessor(gallery, encoder)
    scan = encoder.scan(hidden.vectors[0] + 0.1)
    old = assessor.assess(scan).to_json()
    assert old["assumptions"]["attacker"] in {"cosine", "whitened"}
    assert old["risk"]["p_reidentified"] is not None
    assert cohort_exposure(gallery).rows
    assert fit_gallery(gallery).fitted == ("CXR",)
    assert assessor.refresh()
    assert assessor.assess(scan).to_json()["assumptions"]["attacker"] == "plda"
