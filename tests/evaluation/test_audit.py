"""Wrong ids: planted ones are found, and a clean cohort lists next to nothing."""

import hashlib
from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest

from reid_engine.evaluation.audit import audit
from reid_engine.evaluation.harvest import harvest
from reid_engine.evaluation.outliers import FALSE_SHARE, MOST_IN_TAIL, stand_out
from reid_engine.evaluation.splits import split
from reid_engine.evaluation.suspects import MOST_LISTED, ONE, TWO, audit_subjects
from reid_engine.matcher.calibration import fit_calibration, shortage
from reid_engine.matcher.comparisons import compare
from reid_engine.matcher.crossfit import CrossFitted
from reid_engine.matcher.duplicates import NearPairs, near_duplicate_pairs
from reid_engine.matcher.population import arrange
from tests.synthetic import World, plant_copy

SAME_EYES = (
    {"1523323", "2505815"},
    {"4280718", "6539674", "6804450", "7148091"},
    {"1178825", "3567855"},
    {"5105922", "7006619", "7843471"},
    {"3661614", "7525532"},
    {"6497902", "7141761"},
    {"7067907", "9810110"},
)
"""Subject ids of `octdl_oct` whose images show one eye: its vessels and lesions were compared by eye."""


def close_world(**changed):
    """People whose images a whitened search tells apart well."""
    return World(**{"dim": 32, "within": 0.3, "session": 0.3, "seed": 0} | changed)


def population_of(table, near=None):
    subjects = table["subject_id"].to_numpy(dtype=object)
    return arrange(subjects, table["session_id"].to_numpy(dtype=object), near, np.arange(len(table)))


def review(table, vectors, near=None):
    """Audit the subjects of a cohort by a whitened search."""
    population = population_of(table, near)
    blocks = CrossFitted("whitened", vectors[population.rows], population)
    reason = shortage(population, "any")
    tables = fit_calibration(compare(population, blocks, "any"), population, draws=1)[1] if reason is None else None
    return audit_subjects(table.iloc[population.rows].reset_index(drop=True), population, blocks, tables, reason)


def listed(found, kind):
    """Subjects of each group of a kind."""
    return [tuple(dict.fromkeys(group["subject_ids"])) for group in found.groups if group["kind"] == kind]


def note_of(found, kind):
    (note,) = [note for note in found.notes if note["kind"] == kind]
    return note


def swap(table, one, other):
    """Exchange the first images of two subjects; give their names."""
    places = [table.index[table["subject_id"] == name][0] for name in (one, other)]
    table.loc[places[0], "subject_id"], table.loc[places[1], "subject_id"] = other, one
    return [table.loc[place, "sample_id"] for place in places]


def test_copies_are_grouped_and_near_copies_only_across_subjects():
    table, vectors, thumbnails, _ = World(seed=3).cohort(20, sessions=3)
    for target in (4, 10):
        plant_copy(vectors, thumbnails, 1, target)  # 1 is of subject 0, 4 of 1 and 10 of 3
    plant_copy(vectors, thumbnails, 30, 31)  # both of subject 10
    table.loc[17, "file_digest"] = table.loc[8, "file_digest"]
    table.loc[40, "pixel_digest"] = table.loc[39, "pixel_digest"]
    plant_copy(vectors, thumbnails, 8, 17)
    near = near_duplicate_pairs(thumbnails, subjects=table["subject_id"].to_numpy(dtype=object))
    groups = audit(table, near)
    places = {name: place for place, name in enumerate(table["sample_id"])}
    found = [(group["kind"], [places[name] for name in group["sample_ids"]], group["note"]) for group in groups]
    assert found == [
        ("identical", [8, 17], "same bytes or pixels under 2 subject ids"),
        ("identical", [39, 40], "same bytes or pixels under one subject id"),
        ("near", [1, 4, 10], "nearly the same picture under 3 subject ids"),
    ]
    assert groups[0]["similarity"] == 1.0
    assert groups[2]["similarity"] == pytest.approx(
        min(s for a, b, s in zip(*near, strict=True) if {int(a), int(b)} <= {1, 4, 10})
    )


def test_exchanged_images_make_two_subjects_look_like_two():
    table, vectors, _, _ = close_world().cohort(60, sessions=4)
    moved = swap(table, "P00007", "P00031")
    found = review(table, vectors)
    groups = {group["subject_ids"][0]: group for group in found.groups if group["kind"] == TWO}
    assert groups.keys() == {"P00007", "P00031"}
    # The image that does not belong comes first.
    assert {group["sample_ids"][0] for group in groups.values()} == set(moved)
    assert all("first 1 of these 4 images" in group["note"] for group in groups.values())
    assert note_of(found, TWO)["found"] == 2
    assert note_of(found, TWO)["audited"] == 60


def test_two_people_under_one_id():
    table, vectors, _, _ = close_world(seed=1).cohort(61, sessions=4)
    table.loc[table["subject_id"] == "P00060", "subject_id"] = "P00000"
    found = review(table, vectors)
    assert listed(found, TWO) == [("P00000",)]
    (group,) = [group for group in found.groups if group["kind"] == TWO]
    assert len(group["sample_ids"]) == 8
    people = [name.split("/")[1][:6] for name in group["sample_ids"]]
    assert people in (["P00000"] * 4 + ["P00060"] * 4, ["P00060"] * 4 + ["P00000"] * 4)


def test_one_person_under_two_ids():
    table, vectors, _, _ = close_world(seed=2, within=0.2, session=0.2).cohort(60, sessions=4)
    table.loc[(table["subject_id"] == "P00005") & table["session_id"].isin(["v0", "v1"]), "subject_id"] = "Q"
    found = review(table, vectors)
    assert listed(found, ONE) == [("P00005", "Q")]
    (group,) = [group for group in found.groups if group["kind"] == ONE]
    assert group["similarity"] > 0.7
    assert note_of(found, ONE)["audited"] == 240 * 239 // 2 - 59 * 6 - 2


def test_near_copies_are_not_taken_for_evidence_of_identity():
    table, vectors, thumbnails, _ = close_world(seed=4).cohort(60, sessions=2)
    plant_copy(vectors, thumbnails, 0, 50)
    table, vectors = table.drop(index=1).reset_index(drop=True), np.delete(vectors, 1, axis=0)
    assert listed(review(table, vectors), ONE) == [("P00000", "P00025")]
    near = NearPairs(np.array([0]), np.array([49]), np.array([0.95], dtype=np.float32))
    assert listed(review(table, vectors, near), ONE) == []


def test_the_two_eyes_of_one_person_are_not_two_people():
    world = close_world(seed=5)
    table, vectors, _, _ = world.cohort(120, sessions=4)
    table["laterality"] = None
    number = table["subject_id"].str[1:].astype(int)
    table["subject_id"] = [f"P{n % 60:05d}" if n % 60 < 3 else f"P{n:05d}" for n in number]
    assert sorted(listed(review(table, vectors), TWO)) == [("P00000",), ("P00001",), ("P00002",)]
    table["laterality"] = np.where(number < 60, "L", "R")
    assert listed(review(table, vectors), TWO) == []


def test_the_strongest_are_listed_and_all_are_counted(monkeypatch):
    table, vectors, _, _ = close_world(seed=6, within=0.1, session=0.1).cohort(200, sessions=4)
    half = table["session_id"].isin(["v0", "v1"]) & (table["subject_id"] < "P00006")
    table.loc[half, "subject_id"] = "Q" + table.loc[half, "subject_id"]
    whole = review(table, vectors)
    strengths = [group["similarity"] for group in whole.groups]
    assert len(strengths) == note_of(whole, ONE)["found"] == 6 <= MOST_LISTED
    assert strengths == sorted(strengths, reverse=True)
    monkeypatch.setattr("reid_engine.evaluation.suspects.MOST_LISTED", 2)
    short = review(table, vectors)
    assert short.groups == whole.groups[:2]
    assert "6 found" in note_of(short, ONE)["note"]
    assert "the strongest 2 are listed" in note_of(short, ONE)["note"]


@pytest.mark.parametrize(("subjects", "sessions", "dim", "spread"), [(60, 3, 32, 0.4), (50, 4, 8, 1.0)])
def test_clean_cohorts_list_next_to_nothing(subjects, sessions, dim, spread):
    """Before the calibrated ratio has its say, which can only shorten the list."""
    draws, wrong = 100, {ONE: 0, TWO: 0}
    for seed in range(draws):
        world = World(dim=dim, within=spread, session=spread, seed=seed)
        table, vectors, _, _ = world.cohort(subjects, sessions=sessions)
        population = population_of(table)
        blocks = CrossFitted("whitened", vectors[population.rows], population)
        found = harvest(population, blocks, MOST_IN_TAIL + 1)
        wrong[ONE] += stand_out(found.strangers.similarity.astype(float), found.compared).count > 0
        across = split(found.own, population.codes).across
        wrong[TWO] += stand_out(np.sort(-across)[::-1], len(across)).count > 0
    margin = 3 * np.sqrt(draws * FALSE_SHARE * (1 - FALSE_SHARE))
    assert max(wrong.values()) <= draws * FALSE_SHARE + margin, wrong


def test_weak_features_list_nothing():
    table, vectors, _, _ = World(dim=16, within=3.0, session=3.0, seed=7).cohort(60, sessions=4)
    swap(table, "P00007", "P00031")
    found = review(table, vectors)
    assert list(found.groups) == []
    assert all(note["audited"] for note in found.notes)
    assert all(note["note"].startswith("none among") for note in found.notes)


def test_without_a_calibration_nothing_is_audited_and_it_is_said():
    table, vectors, _, _ = close_world().cohort(8, sessions=3)
    found = review(table, vectors)
    assert list(found.groups) == []
    assert {note["kind"]: note["audited"] for note in found.notes} == {ONE: None, TWO: None}
    assert all("8 of 8 enrolled subjects have two images" in note["note"] for note in found.notes)


def test_too_few_subjects_with_three_images_are_not_audited():
    table, vectors, _, _ = close_world().cohort(20, sessions=3)
    found = review(table, vectors)
    assert note_of(found, TWO) == {
        "kind": TWO,
        "modality": "CXR",
        "audited": None,
        "found": 0,
        "note": "not audited: it takes 40 subjects with three images or more, and there are 20",
    }
    assert note_of(found, ONE)["audited"] == 60 * 59 // 2 - 20 * 3


@pytest.mark.slow
def test_the_real_set_with_copies_under_other_ids(shared_data, encoder, tmp_path):
    from reid_engine.cohort import read_cohort

    table, _, thumbnails = embedded(read_cohort(shared_data / "octdl_traps"), encoder, tmp_path)
    near = near_duplicate_pairs(thumbnails, subjects=table["subject_id"].to_numpy(dtype=object))
    found = [set(group["sample_ids"]) for group in audit(table, near) if group["kind"] == "identical"]
    by_content = defaultdict(set)
    for path in (shared_data / "octdl_traps").glob("*.jpg"):
        by_content[hashlib.sha256(path.read_bytes()).hexdigest()].add(path.name)
    assert sorted(map(sorted, found)) == sorted(sorted(names) for names in by_content.values() if len(names) > 1)
    assert len(found) >= 20


@pytest.mark.slow
def test_eyes_under_several_ids_are_found_in_a_real_set(shared_data, tmp_path):
    """With an encoder that was not trained to tell these very ids apart."""
    from reid_engine.cohort import read_cohort
    from reid_engine.encoder import IMAGENET_ENCODER, load_encoder

    cohort = read_cohort(shared_data / "octdl_oct")
    known = set().union(*SAME_EYES)
    number = {sample.sample_id: sample.subject_id.removeprefix("OCTDL-") for sample in cohort.samples}
    others = [name for name in sorted(set(number.values())) if name not in known][:20]
    kept = [sample for sample in cohort.samples if number[sample.sample_id] in known.union(others)]
    table, vectors, thumbnails = embedded(
        replace(cohort, samples=tuple(kept)), load_encoder(IMAGENET_ENCODER), tmp_path
    )
    near = near_duplicate_pairs(thumbnails, subjects=table["subject_id"].to_numpy(dtype=object))
    couples = [{name.removeprefix("OCTDL-") for name in couple} for couple in listed(review(table, vectors, near), ONE)]
    true = [couple for couple in couples if any(couple <= eye for eye in SAME_EYES)]
    assert len(true) >= 6
    assert len(couples) - len(true) <= 1


def embedded(cohort, encoder, path):
    """Enrol a cohort of one modality; give its table, features and thumbnails."""
    from reid_engine.matcher.enrolment import enrol
    from reid_engine.matcher.gallery import Gallery

    gallery = Gallery.create(path / "gallery", encoder.identity)
    enrol(cohort, gallery, encoder)
    snapshot = gallery.snapshot()
    return snapshot.table, np.asarray(snapshot.vectors), np.asarray(snapshot.thumbnails)
