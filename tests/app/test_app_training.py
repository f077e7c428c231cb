"""The train task: the studies become the gallery, by MONAI Label's own mechanism."""

import re
import shutil
import time

import pytest
from lib.desk import Desk
from lib.options import Options
from lib.quiet import LOG
from lib.studies import StudiesFolder
from lib.trainers.gallery import EnrolStudies
from samples import SUBJECT, picture, pixels, subject_id
from serving import serving

from reid_engine.errors import CohortError
from reid_engine.matcher.gallery import Gallery
from reid_engine.phantom import write_phantom_cohort


def wait(server, seconds=120):
    """Wait for the task's end; give its status and all of its lines that were seen."""
    end, lines = time.monotonic() + seconds, []
    while time.monotonic() < end:
        task = server.get("/train/").json()
        lines += [line for line in task["details"] if line not in lines]
        if task["status"] not in ("SUBMITTED", "RUNNING"):
            return task["status"], lines
        time.sleep(0.1)
    pytest.fail(f"still at {task}")


def start(server):
    response = server.session.post(server.url + "/train/gallery", timeout=30)
    assert response.status_code == 200, response.text
    return response.json()


@pytest.fixture(scope="module")
def trained(tmp_path_factory, phantom_cohort):
    """Give a server that began without a gallery, and what its task said."""
    folder = tmp_path_factory.mktemp("trained")
    studies = shutil.copytree(phantom_cohort, folder / "studies")
    (studies / "nobodys.png").write_bytes(picture(pixels(subject=30)))
    with serving(folder, folder / "gallery", studies) as server:
        before = server.check(picture(pixels()))
        assert server.get("/train/").status_code == 404
        task = start(server)
        again = server.session.post(server.url + "/train/gallery", timeout=30)
        status, lines = wait(server)
        yield server, before, task, again, status, lines, studies, folder / "gallery"


def test_without_a_gallery_a_check_says_what_to_do(trained):
    before = trained[1]
    assert before.status_code == 409
    assert before.json() == {"detail": "no gallery yet: run the train task 'gallery' or reid-engine enrol"}


def test_the_task_enrols_and_says_how_far_it_is(trained):
    _, _, task, _, status, lines, _, gallery = trained
    assert task["status"] in ("SUBMITTED", "RUNNING")
    assert status == "DONE"
    assert any(re.fullmatch(r"gallery: enrolling: \d+ of 216", line) for line in lines)
    assert any(line.startswith("gallery: fitting ") for line in lines)
    assert any("done: 216 added" in line for line in lines)
    assert len(Gallery.open(gallery)) == 216


def test_images_without_a_subject_are_left_out_and_counted(trained):
    lines = trained[5]
    assert any(line.startswith("gallery: 1 image left out") for line in lines)


def test_what_it_says_names_nobody(trained):
    for line in trained[5]:
        assert line.startswith("gallery: ")
        assert "P0" not in line
        assert "png" not in line
        assert "/" not in line


def test_a_second_task_has_to_wait(trained):
    again = trained[3]
    assert again.status_code == 429
    assert set(again.json()) == {"detail"}


def test_the_running_server_uses_the_new_gallery(trained):
    response = trained[0].check(picture(pixels()), params={"modality": "CXR"})
    assert response.status_code == 200, response.text
    assert response.json()["gallery"]["subjects"] == 24
    assert trained[0].get("/info/").json()["models"]["reidentification_risk"]["state"] == "ready"


def test_the_running_server_follows_a_removal(trained):
    server, gallery = trained[0], trained[-1]
    scan = picture(pixels())
    assert server.check(scan, params={"modality": "CXR"}).json()["matches"][0]["subject_id"] == subject_id()
    Gallery.open(gallery).remove_subjects([subject_id(SUBJECT)])
    report = server.check(scan, params={"modality": "CXR"}).json()
    assert report["gallery"]["subjects"] == 23
    assert subject_id() not in [match["subject_id"] for match in report["matches"]]


def test_a_waiting_client_gets_the_counts(trained):
    server = trained[0]
    response = server.session.post(server.url + "/train/gallery?run_sync=true", timeout=120)
    assert response.status_code == 200, response.text
    result = response.json()
    assert (result["added"], result["skipped"], result["without_subject"]) == (9, 207, 1)


def test_the_task_can_be_listed_and_there_is_nothing_to_stop(trained):
    server = trained[0]
    assert [task["model"] for task in server.get("/train/?all=true").json()] == ["gallery"]
    assert server.get("/train/?check_if_running=true").status_code == 404
    assert server.session.delete(server.url + "/train/", timeout=30).status_code == 404


def test_a_manifest_with_problems_is_told_without_its_names(trained):
    server, studies = trained[0], trained[6]
    manifest = studies / "manifest.csv"
    text = manifest.read_text()
    manifest.write_text(text + "mueller_hans.png,P-Mueller,s1,CXR,,,F,61,,,,\n")
    try:
        response = server.session.post(server.url + "/train/gallery?run_sync=true", timeout=60)
    finally:
        manifest.write_text(text)
    assert response.status_code == 409
    assert set(response.json()) == {"detail"}
    assert "ueller" not in response.text
    assert re.search(r"gallery: failed: the studies cannot be enrolled; .*\(1 problem\)", server.printed())
    assert "ueller" not in server.printed()


def test_dicom_studies_are_enrolled_under_pseudonyms(tmp_path, monkeypatch, caplog):
    """In this process: the task is the same, whoever runs it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path))
    studies = tmp_path / "studies"
    write_phantom_cohort(studies, subjects=3, sessions=2, modalities=("CXR",), size=96, format="dicom")
    task = EnrolStudies(Desk(Options(tmp_path / "gallery", studies)))
    with caplog.at_level("INFO", LOG.name):
        assert task({}, StudiesFolder(studies))["added"] == 6
    assert "P00" not in caplog.text
    table = Gallery.open(tmp_path / "gallery").table
    assert table["subject_id"].nunique() == 3
    assert table["subject_id"].str.startswith("S-").all()
    for column in table.columns.difference(["device"]):
        assert not table[column].astype(str).str.contains("P00|Phantom|MRN").any()


def test_a_folder_without_subjects_is_told(tmp_path, caplog):
    (tmp_path / "mueller.png").write_bytes(picture(pixels()))
    task = EnrolStudies(Desk(Options(tmp_path / "gallery", tmp_path)))
    with caplog.at_level("INFO", LOG.name), pytest.raises(CohortError):
        task({}, StudiesFolder(tmp_path))
    assert "manifest.csv" in caplog.text
    assert "mueller" not in caplog.text
