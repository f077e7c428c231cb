"""The train task that fits the probes of the server's gallery: what it takes, says, stores and answers."""

import csv
import json
import re
import time

import pytest
from lib.failures import Refusal
from lib.options import Options
from lib.params import ProbeParams
from lib.quiet import LOG
from lib.studies import StudiesFolder
from lib.trainers.leakage_probes import FitProbes
from samples import picture
from serving import serving

from reid_engine.cohort import read_cohort
from reid_engine.errors import GalleryError, ProbeError
from reid_engine.fitting import fit_gallery, load_probes, model_names
from reid_engine.matcher.enrolment import enrol
from reid_engine.matcher.gallery import Gallery
from reid_engine.phantom import phantom_scan, write_phantom_cohort

RACES = ["Black"] * 22 + ["White"] * 23 + ["Mueller"] * 3
SEED = 5


@pytest.fixture(scope="module")
def gallery(tmp_path_factory, encoder):
    """Give the gallery of 48 chest phantoms of three races, one of them rare, and small wards; without probes."""
    folder = tmp_path_factory.mktemp("probes")
    write_phantom_cohort(folder / "studies", subjects=48, sessions=1, modalities=("CXR",), size=96, seed=SEED)
    manifest = folder / "studies" / "manifest.csv"
    rows = list(csv.DictReader(manifest.read_text().splitlines()))
    with manifest.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, [*rows[0], "ward"])
        writer.writeheader()
        for place, (row, race) in enumerate(zip(rows, RACES, strict=True)):
            writer.writerow({**row, "race": race, "ward": "abc"[place % 3]})
    opened = Gallery.create(folder / "gallery", encoder.identity)
    enrol(read_cohort(folder / "studies"), opened, encoder)
    fit_gallery(opened)
    name = model_names("CXR")[1]
    _, facts = opened.load_model(name)
    opened.save_model(name, {}, {**facts, "probes": [], "refused": {}})
    return opened.path


def start(server, body=None, query=""):
    return server.session.post(f"{server.url}/train/leakage_probes{query}", json=body, timeout=120)


def wait(server, seconds=120):
    """Wait for the task's end and give its last answer."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        task = server.get("/train/").json()
        if task["status"] not in ("SUBMITTED", "RUNNING"):
            return task
        time.sleep(0.1)
    pytest.fail(f"still at {task}")


@pytest.fixture(scope="module")
def probed(tmp_path_factory, gallery):
    """Give a server, a report before its task, and the task's first and last answer."""
    folder = tmp_path_factory.mktemp("probed")
    scan = picture(phantom_scan("CXR", 4, 7, SEED, 96))
    with serving(folder, gallery, gallery.parent / "studies") as server:
        before = server.check(scan, params={"modality": "CXR"}).json()
        asked = start(server)
        yield server, scan, before, asked, wait(server)


def test_it_is_listed(probed):
    trainers = probed[0].get("/info/").json()["trainers"]
    assert list(trainers) == ["gallery", "leakage_probes", "reid_encoder"]
    assert "attributes" in trainers["leakage_probes"]["description"]


def test_it_runs_to_its_end_and_answers_counts_and_qualities(probed):
    asked, task = probed[3:]
    assert asked.status_code == 200, asked.text
    assert asked.json()["model"] == task["model"] == "leakage_probes"
    assert task["status"] == "DONE"
    rows = {row["attribute"]: row for row in task["result"]["probes"]}
    assert list(rows) == ["sex", "age", "race"]
    assert [row["attribute"] for row in task["result"]["unprobed"]] == ["ward"]
    assert rows["sex"]["subjects"] == sum(one["subjects"] for one in rows["sex"]["classes"]) == 48
    assert rows["race"]["classes"] == [{"name": "Black", "subjects": 22}, {"name": "White", "subjects": 23}]
    assert rows["race"]["left_out"] == [{"name": None, "subjects": 3}]
    assert rows["age"]["metric"] == "mae"
    assert all(0 < row["p_value"] <= 1 and row["ci95"] for row in rows.values())


def test_what_it_says_names_nobody(probed):
    server, task = probed[0], probed[4]
    assert any(re.fullmatch(r"leakage_probes: fitting probes on CXR: 0 of 4", line) for line in task["details"])
    assert "leakage_probes: done: 3 probes fitted, 1 attribute without a probe" in task["details"]
    for text in (json.dumps(task), server.printed()):
        assert "P0" not in text
        assert "ueller" not in text
        assert ".png" not in text


def test_checks_use_the_probes_at_once(probed):
    server, scan, before = probed[:3]
    assert before["leakage"] == []
    after = server.check(scan, params={"modality": "CXR"}).json()
    assert [row["attribute"] for row in after["leakage"]] == ["sex", "age", "race"]


def test_a_waiting_client_names_attributes_and_gets_those(probed):
    response = start(probed[0], {"attributes": ["race"]}, "?run_sync=true")
    assert response.status_code == 200, response.text
    assert [row["attribute"] for row in response.json()["probes"]] == ["race"]


def test_attributes_that_the_table_lacks_are_refused_without_being_repeated(probed):
    server = probed[0]
    response = start(server, {"attributes": ["sex", "hans_mueller"]}, "?run_sync=true")
    assert response.status_code == 409
    assert "there are sex, age, race, ward" in response.json()["detail"]
    assert start(server, {"attributes": ["hans_mueller"]}).status_code == 200
    task = wait(server)
    assert task["status"] == "ERROR"
    assert "result" not in task
    assert any(line.startswith("leakage_probes: failed: an attribute that was asked") for line in task["details"])
    assert "mueller" not in response.text + json.dumps(task) + server.printed()


@pytest.mark.parametrize("path", ["leakage_probes", "gallery"])
def test_other_parameters_are_refused(probed, path):
    response = probed[0].session.post(f"{probed[0].url}/train/{path}", json={"bundle_path": "/tmp"}, timeout=60)
    assert response.status_code == 400
    assert "/tmp" not in response.text


def test_too_few_subjects_are_one_sentence_and_change_nothing(probed, gallery):
    generation = Gallery.open(gallery).generation
    response = start(probed[0], {"attributes": ["ward"]}, "?run_sync=true")
    assert response.status_code == 409
    assert response.json() == {
        "detail": "ward cannot be probed; CXR: a probe needs two classes with 20 subjects or more; "
        "there are one of 16, one of 16, one of 16"
    }
    assert Gallery.open(gallery).generation == generation


def test_without_a_gallery_it_says_what_to_do(tmp_path, caplog):
    task = FitProbes(Options(tmp_path / "gallery", tmp_path))
    with caplog.at_level("INFO", LOG.name), pytest.raises(GalleryError, match="train task 'gallery'"):
        task({}, StudiesFolder(tmp_path))
    assert "leakage_probes: failed: no gallery yet" in caplog.text


def test_a_stopped_one_leaves_what_was_stored(gallery, tmp_path, monkeypatch):
    """In this process: nothing is stored before everything of a modality is fitted."""
    from reid_engine import fitting

    before = Gallery.open(gallery)
    stored = load_probes(before, "CXR")
    fitted, real = [], fitting.fit_probe

    def fail(*given, **more):
        if fitted:
            raise KeyboardInterrupt
        fitted.append(more["attribute"])
        return real(*given, **more)

    monkeypatch.setattr(fitting, "fit_probe", fail)
    with pytest.raises(KeyboardInterrupt):
        FitProbes(Options(gallery, tmp_path))({}, StudiesFolder(tmp_path))
    assert Gallery.open(gallery).generation == before.generation
    assert [probe.facts() for probe in load_probes(before, "CXR")] == [probe.facts() for probe in stored]


def test_what_a_request_may_name():
    assert ProbeParams.parse("") == ProbeParams.parse("{}") == ProbeParams.parse("null") == ProbeParams()
    assert ProbeParams.parse('{"attributes": null}') == ProbeParams()
    params = ProbeParams.parse('{"attributes": ["sex", "age", "sex"]}')
    assert params == ProbeParams(("sex", "age"))
    assert ProbeParams.of({**params.as_request(), "model": "leakage_probes"}) == params
    assert ProbeParams().as_request() == {}


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ('{"bundle_path": "/tmp"}', 400), ('{"attributes": ["sex"], "gpus": "0"}', 400), ("[1]", 400), ("x", 400),
        ('{"attributes": []}', 422), ('{"attributes": "sex"}', 422), ('{"attributes": [3]}', 422),
        ('{"attributes": [""]}', 422), (json.dumps({"attributes": ["a" * 201]}), 422),
        (json.dumps({"attributes": ["a"] * 101}), 422), (json.dumps({"attributes": ["a" * 190] * 99}), 413),
    ],
)  # fmt: skip
def test_what_is_not_taken_is_refused(text, status):
    with pytest.raises(Refusal) as caught:
        ProbeParams.parse(text)
    assert caught.value.status == status
    assert "tmp" not in caught.value.sentence


def test_the_library_refuses_for_the_task(gallery, tmp_path):
    with pytest.raises(ProbeError):
        FitProbes(Options(gallery, tmp_path))({"attributes": ["ethnicity"]}, StudiesFolder(tmp_path))
