"""``reid-engine probes``: which attributes the images of a gallery give away, and what is refused."""

import json

import numpy as np
import pytest

from reid_engine.fitting import load_probes
from reid_engine.matcher.gallery import Gallery
from tests.synthetic import KnownEncoder, World, gallery_of


@pytest.fixture
def gallery(tmp_path):
    """Give a gallery of 90 people: planted sex, and sites of which one is small."""
    world = World(dim=16, seed=2, sex_shift=3.0)
    table, vectors, thumbnails, _ = world.cohort(90, sessions=2)
    person = np.arange(len(table)) // 2
    table["site"] = np.array(["north", "south", "south", "west", "north"], dtype=object)[person % 5]
    table.loc[person < 3, "site"] = "[red]quay"
    table["ward"] = np.array(["a", "b", "c", "d", "e", "f"], dtype=object)[person % 6]
    return gallery_of(tmp_path / "g", table, vectors, thumbnails).path


def test_every_attribute_is_told_in_a_table(invoke, gallery):
    done = invoke("probes", "--gallery", gallery)
    assert done.exit_code == 0, done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    (sex,) = [line for line in lines if " sex " in line]
    assert "2 classes" in sex
    assert "AUC 0." in sex
    assert any("number" in line and "error" in line for line in lines)
    assert any("site" in line and "2 classes" in line and "south" in line for line in lines)
    assert "CXR ward: not probed, a probe needs two classes with 20 subjects or more; there are a 15" in done.stdout
    assert "CXR site: left out: 2 classes with fewer than 20 subjects (west 18, [red]quay 3)" in done.stdout


def test_machines_get_counts_and_qualities_and_no_ids(invoke, gallery):
    done = invoke("probes", "--gallery", gallery, "--json", "--attribute", "sex", "--attribute", "age")
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["schema"] == "reid-probes/1"
    assert found["gallery"] == {"path": str(gallery), "subjects": 90, "samples": 180}
    sex, age = found["probes"]
    assert (sex["modality"], sex["attribute"], sex["kind"], sex["metric"]) == ("CXR", "sex", "class", "auc")
    assert sum(one["subjects"] for one in sex["classes"]) == sex["subjects"] == 90
    assert sex["ci95"][0] < sex["value"] < sex["ci95"][1]
    assert sex["value"] > 0.8
    assert sex["p_value"] <= 0.01
    assert (age["kind"], age["metric"], age["classes"]) == ("number", "mae", [])
    assert found["unprobed"] == []
    assert "P000" not in done.stdout


def test_checks_use_them_at_once(invoke, gallery):
    """Fitted before, spoilt, and fitted again: a check reads what is stored."""
    from reid_engine.fitting import fit_gallery, model_names
    from reid_engine.risk import RiskAssessor

    opened = Gallery.open(gallery)
    fit_gallery(opened)
    name = model_names("CXR")[1]
    _, facts = opened.load_model(name)
    opened.save_model(name, {}, {**facts, "probes": [], "refused": {}})
    encoder = KnownEncoder(16)
    assessor = RiskAssessor(opened, encoder)
    scan = encoder.scan(opened.vectors[0])
    assert assessor.assess(scan).to_json()["leakage"] == []
    assert invoke("probes", "--gallery", gallery).exit_code == 0
    assessor.refresh()
    leakage = assessor.assess(scan).to_json()["leakage"]
    assert [row["attribute"] for row in leakage] == ["sex", "age", "site"]


def test_a_column_that_is_not_there_is_one_line_with_those_that_are(invoke, refused, gallery):
    line = refused(invoke("probes", "--gallery", gallery, "--attribute", "race"))
    assert "'race' is not in the gallery's table" in line
    assert "there are sex, age, site, ward" in line


def test_classes_that_are_too_small_are_one_line_with_their_counts(invoke, refused, gallery):
    line = refused(invoke("probes", "--gallery", gallery, "--attribute", "sex", "--attribute", "ward"))
    assert "ward cannot be probed; CXR: a probe needs two classes with 20 subjects or more" in line
    assert "a 15, b 15, c 15, d 15, e 15, f 15" in line
    assert load_probes(Gallery.open(gallery), "CXR") is None  # nothing was stored


def test_no_gallery_and_an_empty_one_are_told(invoke, refused, tmp_path):
    refused(invoke("probes", "--gallery", tmp_path / "nowhere"))
    table, vectors, thumbnails, _ = World(dim=16).cohort(1)
    gallery_of(tmp_path / "g", table[:0], vectors[:0], thumbnails[:0])
    assert "nobody is enrolled" in refused(invoke("probes", "--gallery", tmp_path / "g"))


def test_a_gallery_without_attributes_says_so(invoke, tmp_path):
    table, vectors, thumbnails, _ = World(dim=16).cohort(30)
    table["sex"] = table["age"] = None
    gallery_of(tmp_path / "g", table, vectors, thumbnails)
    done = invoke("probes", "--gallery", tmp_path / "g")
    assert (done.exit_code, done.stdout) == (0, "The gallery's table has no attribute that could be probed.\n")
