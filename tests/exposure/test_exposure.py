"""How exposed enrolled images are, in cohorts whose truth is known."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from reid_engine.errors import GalleryError, ReidError
from reid_engine.evaluation.metrics import expected_calibration_error
from reid_engine.exposure import ALONE, COPIES, SAME_SESSION, TOO_FEW, cohort_exposure
from reid_engine.exposure_report import MODEL, load_exposure, save_exposure
from reid_engine.fitting import fit_gallery, load_attack
from reid_engine.matcher.backend import RIDGE
from reid_engine.matcher.calibration import SCORES, fit_calibration
from reid_engine.matcher.comparisons import compare
from reid_engine.matcher.crossfit import CrossFitted
from reid_engine.matcher.duplicates import near_duplicate_pairs
from reid_engine.matcher.gallery import Gallery
from reid_engine.matcher.ladder import blocks_of
from reid_engine.matcher.population import arrange
from tests.synthetic import World, gallery_of, plant_copy

HARD = {"dim": 16, "session": 0.55, "within": 0.55}
"""People who overlap, so that probabilities of every size occur."""

PLANTED = {f"P{number:05d}" for number in range(10, 34)}
"""People whose images hardly differ: the exposed ones."""


def fitted(path, *drawn):
    gallery = gallery_of(path, *drawn)
    fit_gallery(gallery)
    return gallery


def blocks(gallery):
    """Give the similarities that the gallery's attack was calibrated on; nothing is nearly alike in it."""
    table, attack = gallery.table, load_attack(gallery, "CXR")
    subjects, sessions = (table[name].to_numpy(dtype=object) for name in ("subject_id", "session_id"))
    population = arrange(subjects, sessions, None, np.arange(len(table)))
    vectors = gallery.snapshot().vectors_of("CXR")[population.rows]
    return blocks_of(attack.backend.name, vectors, population, attack.facts["sessions"])


def by_sample(exposure):
    return {row.sample_id: row for row in exposure.rows}


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Give a fitted gallery of 120 people with three visits; of 24 the visits hardly differ."""
    table, vectors, thumbnails, centres = World(seed=3, dim=16, session=0.8, within=0.8).cohort(120, sessions=3)
    planted = table["subject_id"].isin(PLANTED).to_numpy()
    noise = np.random.default_rng(0).normal(0, 0.02, (planted.sum(), 16))
    vectors[planted] = np.repeat(centres[10:34], 3, axis=0) + noise
    return fitted(tmp_path_factory.mktemp("people") / "gallery", table, vectors, thumbnails)


@pytest.fixture(scope="module")
def exposure(people):
    return cohort_exposure(people)


def test_probabilities_are_those_of_the_stored_trials(people, exposure):
    trials = load_attack(people, "CXR").trials
    stated = trials.probabilities(0.5)[0][: len(trials.codes)]
    assert len(exposure.rows) == len(stated) == 360
    order = np.argsort(np.concatenate([queries for queries, _ in blocks(people)]))  # rows are in the population's order
    stated, hit = stated[order], trials.hit[order]
    assert [row.p_top for row in exposure.rows] == stated.tolist()
    own = np.array([row.p_subject for row in exposure.rows])
    assert np.array_equal(own[hit], stated[hit])
    assert (own[~hit] <= stated[~hit]).all()
    assert 40 < np.count_nonzero(~trials.hit) < 320


def test_the_planted_people_come_first(exposure):
    ordered = exposure.by_exposure()
    assert sorted(exposure.rows, key=lambda row: -row.p_subject) == ordered
    assert {row.subject_id for row in ordered[:60]} <= PLANTED
    assert {row.subject_id for row in ordered[:72]} >= PLANTED
    assert all(row.hit for row in ordered[:60])
    others = [row.p_subject for row in exposure.rows if row.subject_id not in PLANTED]
    assert np.mean(others) < 0.1 < 0.5 < np.mean([row.p_subject for row in ordered[:72]])


def test_the_summary_counts_the_rows(people, exposure):
    (summary,) = exposure.summary()["modalities"]
    rank_1 = load_attack(people, "CXR").facts["rank_1"][summary["attacker"]]
    assert (summary["rank_1"]["value"], summary["rank_1"]["ci95"]) == (rank_1["value"], rank_1["ci95"])
    assert summary["rank_1"]["value"] == np.mean([row.rank == 1 for row in exposure.rows])
    assert summary["rank_1"]["chance"] == pytest.approx(2 / 359)
    high = summary["share_high"]
    assert high["value"] == np.mean([row.p_subject >= 0.5 for row in exposure.rows])
    assert high["ci95"][0] < high["value"] < high["ci95"][1]
    assert (high["subjects"], high["samples"], high["from"]) == (120, 360, 0.5)
    assert summary["without_probability"] == {}


def brute_similarities(name, vectors):
    """Compare each image with all others by a back-end fitted on those alone."""
    vectors = vectors.astype(np.float64)
    ridge = RIDGE * ((vectors - vectors.mean(axis=0)) ** 2).sum() / len(vectors)
    out = np.full((len(vectors), len(vectors)), -math.inf)
    for query in range(len(vectors)):
        others = np.arange(len(vectors)) != query
        mean = vectors[others].mean(axis=0)
        centred = vectors[others] - mean
        metric = np.eye(vectors.shape[1])
        if name == "whitened":
            metric = np.linalg.inv(centred.T @ centred + ridge * metric)
        asked = vectors[query] - mean
        lengths = np.sqrt(np.einsum("ij,jk,ik->i", centred, metric, centred) * (asked @ metric @ asked))
        out[query, others] = centred @ metric @ asked / lengths
    return out


def test_a_small_cohort_by_hand(tmp_path):
    """Every number again by plain loops: 30 people, one of them alone, one copied, one with a single session."""
    table, vectors, thumbnails, _ = World(seed=12, **HARD).cohort(30, sessions=2)
    plant_copy(vectors, thumbnails, 6, 7)
    plant_copy(vectors, thumbnails, 20, 41)
    table.loc[11, "session_id"] = table.loc[10, "session_id"]
    kept = np.arange(len(table)) != 0
    table, vectors, thumbnails = table[kept].reset_index(drop=True), vectors[kept], thumbnails[kept]
    gallery = fitted(tmp_path / "gallery", table, vectors, thumbnails)
    exposure = cohort_exposure(gallery, prior_enrolled=0.2)
    attack = load_attack(gallery, "CXR")
    subjects = table["subject_id"].to_numpy()
    visits = table["session_id"].to_numpy()
    near = near_duplicate_pairs(thumbnails, subjects=table["subject_id"].to_numpy(dtype=object))
    assert len(near.first) == 2
    alike = np.zeros((len(table), len(table)), dtype=bool)
    alike[near.first, near.second] = alike[near.second, near.first] = True
    population = arrange(
        table["subject_id"].to_numpy(dtype=object), table["session_id"].to_numpy(dtype=object), near, np.arange(59)
    )
    blocks = CrossFitted(attack.backend.name, vectors, population)
    found = compare(population, blocks, "not the same")
    tables = fit_calibration(found, population, draws=2)[1].tables
    fold = dict(zip(population.subjects, population.folds, strict=True))
    similarity = brute_similarities(attack.backend.name, vectors)

    def allowed(query):
        same = subjects == subjects[query]
        return ~alike[query] & ~(same & (visits == visits[query]))

    names = sorted(set(subjects))
    mated = [name for name in names if any(mates(name, allowed, subjects))]
    reasons = {ALONE: 1, SAME_SESSION: 2, COPIES: 2}
    assert exposure.modalities[0]["without_probability"] == reasons
    assert exposure.modalities[0]["candidates"] == len(mated) == 27
    for query, row in enumerate(exposure.rows):
        mine = subjects[query]
        scores, plain = {}, {}
        for number, name in enumerate(names):
            images = np.flatnonzero(subjects == name)
            open_to = [image for image in images if image != query and allowed(query)[image]]
            plain[name] = max((similarity[query, image] for image in open_to), default=-math.inf)
            if name != mine and len(images) > 1:  # one image of everybody else is left out, as the query is
                out = images[(query + number) % len(images)]
                open_to = [image for image in open_to if image != out]
            scores[name] = max((similarity[query, image] for image in open_to), default=-math.inf)
        if not math.isfinite(scores[mine]):
            assert row.p_subject is row.p_top is row.rank is row.hit is None
            assert row.reason in reasons
            continue
        ratios = {
            name: 10 ** np.interp(scores[name], SCORES, tables[fold[mine], fold[name]])
            if math.isfinite(scores[name])
            else 1.0
            for name in mated
        }
        total = 0.2 / len(mated) * sum(ratios.values()) + 0.8
        assert row.p_subject == pytest.approx(0.2 / len(mated) * ratios[mine] / total, rel=1e-3)
        assert row.p_top == pytest.approx(0.2 / len(mated) * max(ratios.values()) / total, rel=1e-3)
        assert row.rank == 1 + sum(plain[name] > plain[mine] for name in names if name != mine)
        assert row.reason is None
    flagged = [row.sample_id for row in exposure.rows if row.near_duplicate]
    assert flagged == table["sample_id"].iloc[[5, 6, 19, 40]].tolist()


def mates(name, allowed, subjects):
    for query in np.flatnonzero(subjects == name):
        others = allowed(query) & (subjects == name)
        others[query] = False
        yield others.any()


def test_probabilities_come_true_when_everybody_is_enrolled(tmp_path):
    """With π = 1 the stated probability of the top subject is how often it is the right one, on unseen people."""
    gallery = fitted(tmp_path / "gallery", *World(seed=3, **HARD).cohort(400, sessions=3)[:3])
    rows = cohort_exposure(gallery, prior_enrolled=1.0).rows
    stated = np.array([row.p_top for row in rows])
    true = np.array([row.p_subject == row.p_top for row in rows], dtype=float)
    assert expected_calibration_error(stated, true) <= 0.03
    # Whoever is not on top has the rest of the probability: summed over everybody, it comes true as well.
    own = np.array([row.p_subject for row in rows])
    assert 0.2 < true.mean() < 0.8
    assert own.mean() < stated.mean() == pytest.approx(true.mean(), abs=0.05)


def test_without_enough_mates_there_is_a_reason_and_no_probability(tmp_path):
    table, vectors, thumbnails, _ = World(seed=5, **HARD).cohort(8, sessions=2)
    rows = cohort_exposure(fitted(tmp_path / "few", table, vectors, thumbnails)).rows
    assert {row.p_subject for row in rows} == {None}
    assert {row.reason for row in rows} == {
        "8 of 8 enrolled subjects have two images that can be compared, and it takes 10"
    }
    assert all(row.rank is not None for row in rows)
    two = fitted(tmp_path / "two", table[:2], vectors[:2], thumbnails[:2])
    exposure = cohort_exposure(two)
    assert [row.reason for row in exposure.rows] == [TOO_FEW, TOO_FEW]
    (summary,) = exposure.summary()["modalities"]
    assert summary["rank_1"]["value"] is summary["share_high"]["value"] is summary["attacker"] is None


def test_a_part_of_the_images_is_compared_with_all(people, exposure):
    wanted = [row.sample_id for row in exposure.rows[40:60]]
    part = cohort_exposure(people, samples=[*wanted, "CXR/not_enrolled.png"])
    assert part.rows == exposure.rows[40:60]
    assert (part.summary()["samples"], part.summary()["not_enrolled"]) == (20, 1)
    assert part.summary()["modalities"][0]["samples"] == 20
    nobody = cohort_exposure(people, samples=["CXR/not_enrolled.png"])
    assert nobody.rows == ()
    assert nobody.summary()["modalities"] == []


def test_two_modalities_are_measured_apart_in_the_gallerys_order(tmp_path):
    first = World(seed=1, **HARD).cohort(20, modality="OCT")
    second = World(seed=2, **HARD).cohort(20)
    table = pd.concat([first[0], second[0]], ignore_index=True)
    order = np.arange(len(table)).reshape(2, -1).T.ravel()
    joined = [np.concatenate([a, b])[order] for a, b in zip(first[1:3], second[1:3], strict=True)]
    gallery = fitted(tmp_path / "gallery", table.iloc[order].reset_index(drop=True), *joined)
    both = cohort_exposure(gallery)
    assert [row.sample_id for row in both.rows] == gallery.table["sample_id"].tolist()
    alone = cohort_exposure(fitted(tmp_path / "alone", *second[:3]))
    held = by_sample(both)
    for row in alone.rows:
        assert held[row.sample_id] == row


def test_the_same_file_under_two_subjects_is_flagged_as_identical(tmp_path):
    table, vectors, thumbnails, _ = World(seed=6, **HARD).cohort(20)
    table.loc[30, "pixel_digest"] = table.loc[2, "pixel_digest"]
    table.loc[[0, 1], ["pixel_digest", "file_digest"]] = None
    rows = cohort_exposure(fitted(tmp_path / "gallery", table, vectors, thumbnails)).rows
    assert [number for number, row in enumerate(rows) if row.identical] == [2, 30]
    assert [number for number, row in enumerate(rows) if row.near_duplicate] == [2, 30]


def test_copies_come_before_other_images_without_a_probability(tmp_path):
    table, vectors, thumbnails, _ = World(seed=6, **HARD).cohort(20)
    plant_copy(vectors, thumbnails, 8, 9)
    plant_copy(vectors, thumbnails, 14, 15)
    table.loc[15, "pixel_digest"] = table.loc[14, "pixel_digest"]
    table.loc[21, "session_id"] = table.loc[20, "session_id"]
    ordered = cohort_exposure(fitted(tmp_path / "gallery", table, vectors, thumbnails)).by_exposure()
    place = [table.index[table["sample_id"] == row.sample_id][0] for row in ordered]
    assert place[-6:] == [14, 15, 8, 9, 20, 21]
    assert all(row.p_subject is not None for row in ordered[:-6])


def test_the_document_is_plain_json(exposure):
    document = exposure.to_json()
    assert document["schema"] == "reid-exposure/1"
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["rows"][0].keys() >= {"sample_id", "p_subject", "p_top", "rank", "hit", "near_duplicate", "reason"}
    text = json.dumps(exposure.summary())
    assert "P000" not in text
    assert "png" not in text


@pytest.fixture
def own_gallery(people, tmp_path):
    import shutil

    return Gallery.open(shutil.copytree(people.path, tmp_path / "gallery"))


def test_what_is_stored_comes_back(own_gallery):
    exposure = cohort_exposure(own_gallery)
    save_exposure(own_gallery, exposure)
    assert load_exposure(own_gallery) == exposure
    assert load_exposure(Gallery.open(own_gallery.path)) == exposure


def test_it_names_nobody_a_second_time_and_goes_when_somebody_withdraws(own_gallery):
    before = set(own_gallery.path.iterdir())
    save_exposure(own_gallery, cohort_exposure(own_gallery))
    (stored,) = [path for path in set(own_gallery.path.iterdir()) - before if path.suffix == ".npz"]
    assert b"P000" not in stored.read_bytes()
    own_gallery.remove_subjects(["P00017"])
    assert load_exposure(own_gallery) is None
    assert not stored.exists()
    with pytest.raises(GalleryError, match="changed since it was fitted"):
        cohort_exposure(own_gallery)
    fit_gallery(own_gallery)
    assert load_exposure(own_gallery) is None
    assert "P00017" not in {row.subject_id for row in cohort_exposure(own_gallery).rows}


def test_an_enrolment_makes_it_stale(own_gallery):
    exposure = cohort_exposure(own_gallery)
    save_exposure(own_gallery, exposure)
    more = World(seed=44, prefix="Q", **HARD).cohort(2)
    Gallery.open(own_gallery.path).append(*more[:3])
    assert load_exposure(Gallery.open(own_gallery.path)) is None
    with pytest.raises(GalleryError, match="changed while"):
        save_exposure(own_gallery, exposure)


def test_what_another_version_stored_is_not_read(own_gallery):
    own_gallery.save_model(MODEL, {}, {"version": 0})
    assert load_exposure(own_gallery) is None


@pytest.mark.parametrize("prior", [0.0, -1.0, 1.5, math.nan])
def test_a_prior_out_of_range_is_refused(people, prior):
    with pytest.raises(ReidError, match="probability"):
        cohort_exposure(people, prior_enrolled=prior)


def test_it_tells_how_far_it_is(people):
    told = []
    cohort_exposure(people, progress=lambda done, total, what: told.append((done, total, what)))
    done = [done for done, _, _ in told]
    assert done == sorted(done)
    assert {360, 720, 1080} <= set(done)
    assert done[-1] == 1080
    assert {total for _, total, _ in told} == {1080}
    assert not any("P0" in what for _, _, what in told)
