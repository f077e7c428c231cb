"""One scan against a gallery whose truth is known."""

import json

import numpy as np
import pytest

from reid_engine.errors import GalleryError, ReidError
from reid_engine.fitting import fit_gallery
from reid_engine.matcher.gallery import Gallery
from reid_engine.risk import RiskAssessor
from tests.synthetic import KnownEncoder, World, gallery_of

DIM = 32
SUBJECTS = 120


class Place:
    """A fitted gallery, its people, and an encoder that knows the queries."""

    def __init__(self, folder, subjects=SUBJECTS, **planted):
        self.world = World(dim=DIM, seed=4, **planted)
        self.table, self.vectors, self.thumbnails, self.centres = self.world.cohort(subjects, sessions=3)
        self.gallery = gallery_of(folder, self.table, self.vectors, self.thumbnails)
        self.fitting = fit_gallery(self.gallery)
        self.encoder = KnownEncoder(DIM)
        self.assessor = RiskAssessor(self.gallery, self.encoder)

    def visit(self, person):
        """Give a new visit's embedding of an enrolled person."""
        return self.world.images(self.centres[person : person + 1], sessions=1)[0][0]

    def report(self, vector, seed=1, **parameters):
        return self.assessor.assess(self.encoder.scan(vector, thumbnail_seed=seed), **parameters).to_json()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return Place(tmp_path_factory.mktemp("known") / "gallery", sex_shift=4.0)


def test_a_new_visit_of_an_enrolled_person_is_recognised(place):
    found = [place.report(place.visit(person), seed=person) for person in range(40)]
    right = [r["matches"][0]["subject_id"] == f"P{person:05d}" for person, r in enumerate(found)]
    assert np.mean(right) > 0.9
    report = found[right.index(True)]
    assert report["schema"] == "reid-risk/1"
    assert report["risk"]["level"] == "high"
    low, high = report["risk"]["ci95"]
    assert 0 <= low <= report["risk"]["p_reidentified"] <= high <= 1
    assert 1 <= report["risk"]["anonymity_set"] < 10
    assert report["matches"][0]["rank"] == 1
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_strangers_are_not_recognised(place):
    strangers, _, _ = place.world.people(40)
    vectors = place.world.images(strangers, sessions=1)[0]
    stated = [place.report(vector, seed=500 + n)["risk"]["p_reidentified"] for n, vector in enumerate(vectors)]
    assert np.mean(stated) < 0.35


def test_stated_probabilities_come_true(place):
    stated, right = [], []
    for person in range(SUBJECTS):
        report = place.report(place.visit(person), seed=1000 + person)
        stated.append(report["risk"]["p_reidentified"])
        right.append(report["matches"][0]["subject_id"] == f"P{person:05d}")
    strangers, _, _ = place.world.people(SUBJECTS)
    for n, vector in enumerate(place.world.images(strangers, sessions=1)[0]):
        stated.append(place.report(vector, seed=3000 + n)["risk"]["p_reidentified"])
        right.append(False)
    assert abs(np.mean(stated) - np.mean(right)) < 0.1


def test_the_prior_and_the_population_move_the_probability_as_the_formula_says(place):
    vector = place.visit(7)
    middle = place.report(vector)["risk"]["p_reidentified"]
    assert place.report(vector, prior_enrolled=0.05)["risk"]["p_reidentified"] < middle
    wide = place.report(vector, population=100_000)
    assert wide["risk"]["p_reidentified"] < middle
    assert wide["assumptions"]["population"] == 100_000
    ratios = 10.0 ** np.array([m["llr"] for m in place.report(vector, top=SUBJECTS)["matches"]])
    assert middle == pytest.approx(ratios.max() / SUBJECTS * 0.5 / (ratios.sum() / SUBJECTS * 0.5 + 0.5), rel=1e-6)


@pytest.mark.parametrize("wrong", [{"prior_enrolled": 0.0}, {"prior_enrolled": 1.5}, {"population": 3}, {"top": 0}])
def test_parameters_out_of_range_are_refused_in_one_line(place, wrong):
    with pytest.raises(ReidError) as caught:
        place.report(place.visit(0), **wrong)
    assert "\n" not in str(caught.value)


def test_planted_sex_leaks_and_is_read_by_a_model_that_had_not_seen_the_person(place):
    rows = [row for row in place.report(place.visit(3))["leakage"] if row["attribute"] == "sex"]
    (row,) = rows
    assert row["prediction"] in {"F", "M"}
    assert row["probe_auc"] > 0.8
    low, high = row["probe_auc_ci95"]
    assert low < row["probe_auc"] < high
    assert row["n"] == SUBJECTS
    assert 0 <= row["p"] <= 1


def test_the_calibrations_reliability_is_told(place):
    report = place.report(place.visit(3))
    bands = report["assumptions"]["calibration"]["reliability"]
    assert [band["lo"] for band in bands] == sorted(band["lo"] for band in bands)
    assert report["risk"]["band"] in bands
    for band in bands:
        assert (band["ci95"] is None) == bool(band["note"])
        if band["ci95"]:
            assert band["ci95"][0] <= band["reidentified"] <= band["ci95"][1]


def test_an_attribute_of_which_nothing_is_said_has_a_reason(tmp_path):
    table, vectors, thumbnails, _ = World(dim=DIM, seed=3).cohort(30)
    table["race"] = np.where(np.arange(len(table)) < 6, "A", "B")
    gallery = gallery_of(tmp_path / "g", table, vectors, thumbnails)
    fit_gallery(gallery)
    encoder = KnownEncoder(DIM)
    assessor = RiskAssessor(gallery, encoder)
    near = assessor.assess(encoder.scan(vectors[0] + 0.1)).to_json()
    assert [row["attribute"] for row in near["leakage_unknown"]] == ["sex", "age", "race"]
    far = assessor.assess(encoder.scan(np.full(DIM, 60.0))).to_json()
    assert all(row["reason"] for row in near["leakage_unknown"] + far["leakage_unknown"])


def test_what_is_unlike_the_gallery_gets_unknown_never_low(place):
    report = place.report(np.full(DIM, 60.0, dtype=np.float32))
    assert report["leakage"] == []
    assert {row["attribute"] for row in report["leakage_unknown"]} == {"sex", "age"}
    assert report["scan"]["in_domain"] is False
    assert report["risk"]["level"] == "unknown"


def test_a_modality_that_is_not_enrolled_gets_unknown(place):
    scan = place.encoder.scan(place.visit(0), modality="OCT")
    report = place.assessor.assess(scan).to_json()
    assert report["risk"]["level"] == "unknown"
    assert report["matches"] == []


def test_too_few_mated_subjects_give_unknown_and_say_why(tmp_path):
    few = Place(tmp_path / "few", subjects=6)
    report = few.report(few.visit(0))
    assert report["risk"]["level"] == "unknown"
    assert report["risk"]["p_reidentified"] is None
    assert any("10" in caveat or "subjects" in caveat for caveat in report["caveats"])


def test_an_identical_enrolled_image_is_flagged_and_no_proof_of_identity(place):
    row = place.table.iloc[0]
    scan = place.encoder.scan(place.vectors[0], digest=row["pixel_digest"])
    report = place.assessor.assess(scan).to_json()
    top = next(match for match in report["matches"] if match["subject_id"] == row["subject_id"])
    assert top["identical"]
    assert report["risk"]["copy_enrolled"]
    assert report["risk"]["level"] != "low"
    others = place.vectors[1:3]
    assert top["evidence_similarity"] < 0.999, f"evidence rests on the other {len(others)} images"


def test_another_encoder_is_refused(place):
    with pytest.raises(GalleryError):
        RiskAssessor(Gallery.open(place.gallery.path), KnownEncoder(DIM + 1))


def test_fitting_again_does_nothing_and_a_withdrawal_makes_it_stale(tmp_path):
    place = Place(tmp_path / "gallery", subjects=60)
    before = place.gallery.generation
    fit_gallery(place.gallery)
    assert place.gallery.generation == before
    place.gallery.remove_subjects(["P00000"])
    assert place.assessor.refresh()
    assert place.report(place.visit(1))["risk"]["level"] == "unknown"
    fit_gallery(place.gallery)
    place.assessor.refresh()
    report = place.report(place.visit(1))
    assert report["risk"]["p_reidentified"] is not None
    assert all(match["subject_id"] != "P00000" for match in report["matches"])
