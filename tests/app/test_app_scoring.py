"""The scoring and the strategy over HTTP: the studies' exposure is measured, kept, and reviewed from the top."""

import json
import re
import time

import pytest
from lib import proposals
from lib.reviews import FILE_NAME
from samples import picture
from serving import serving

from reid_engine.cohort import read_cohort
from reid_engine.exposure import cohort_exposure
from reid_engine.exposure_report import load_exposure
from reid_engine.fitting import fit_gallery
from reid_engine.matcher.enrolment import enrol
from reid_engine.matcher.gallery import Gallery
from reid_engine.phantom import phantom_scan, write_phantom_cohort

SCORING = "/scoring/cohort_reidentification"
NEXT = "/activelearning/highest_risk"
NOT_A_SUBJECT_ID = re.compile(r"P0\d\d|cxr_|cfp_|oct_|\.png", re.IGNORECASE)


def wait(server, seconds=120):
    """Wait for the scoring's end; give its last answer and all of its lines that were seen."""
    end, lines = time.monotonic() + seconds, []
    while time.monotonic() < end:
        task = server.get("/scoring/").json()
        lines += [line for line in task["details"] if line not in lines]
        if task["status"] not in ("SUBMITTED", "RUNNING"):
            return task, lines
        time.sleep(0.1)
    pytest.fail(f"still at {task}")


def post(server, path, body=None):
    return server.session.post(server.url + path, json=body, timeout=120)


def propose(server, *reviewed):
    response = post(server, NEXT, {"reviewed": list(reviewed)} if reviewed else {})
    assert response.status_code == 200, response.text
    return response.json()


class Story:
    """A server with a gallery and its studies, and what it answered up to the third review."""

    def __init__(self, server, gallery):
        self.server, self.gallery = server, gallery
        self.early = [server.get("/scoring/"), post(server, NEXT), server.session.delete(server.url + "/scoring/")]
        self.task = post(server, SCORING)
        self.seconds = [post(server, path) for path in (SCORING, SCORING + "?run_sync=true", "/train/gallery")]
        self.running = server.get("/scoring/?check_if_running=true")
        self.done, self.lines = wait(server)
        opened = Gallery.open(gallery)
        self.stored, self.expected = load_exposure(opened), cohort_exposure(opened)
        order = [row.sample_id for row in self.expected.by_exposure()]
        said = ([], [], [order[0]], [order[2]], [order[1], order[1], order[0]])
        self.proposals = [propose(server, *reviewed) for reviewed in said]


@pytest.fixture(scope="module")
def story(tmp_path_factory, encoder):
    """Give a server of 64 people: enough for probabilities with a measured rate, and for probes."""
    folder = tmp_path_factory.mktemp("scored")
    studies, gallery = folder / "studies", Gallery.create(folder / "gallery", encoder.identity)
    write_phantom_cohort(studies, subjects=64, sessions=2, modalities=("CXR",), size=128, seed=5)
    enrol(read_cohort(studies), gallery, encoder)
    fit_gallery(gallery)
    with serving(folder, gallery.path, studies) as server:
        yield Story(server, gallery.path)


def test_before_there_is_anything_it_says_what_to_do(story):
    assert [answer.status_code for answer in story.early] == [404, 409, 404]
    assert story.early[1].json() == {
        "detail": "the studies have not been scored since the gallery last changed; "
        "run the scoring 'cohort_reidentification'"
    }


def test_a_second_task_of_either_kind_has_to_wait(story):
    assert story.task.status_code == 200
    assert story.task.json()["method"] == "cohort_reidentification"
    assert [answer.status_code for answer in story.seconds] == [429, 429, 429]
    assert all(answer.headers["retry-after"] for answer in story.seconds)
    assert story.running.status_code in (200, 404)  # its process may not be there yet


def test_it_says_how_far_it_is_and_names_nobody(story):
    assert story.done["status"] == "DONE"
    assert any(re.fullmatch(r"cohort_reidentification: measured: \d+ of \d+", line) for line in story.lines)
    assert "cohort_reidentification: done: 128 images scored, 0 not enrolled" in story.lines
    for line in story.lines:
        assert line.startswith("cohort_reidentification: ")
        assert not NOT_A_SUBJECT_ID.search(line)


def test_its_result_is_the_engines_own(story):
    assert len(story.expected.rows) == 128
    assert story.stored == story.expected
    assert story.done["result"] == json.loads(json.dumps(story.expected.summary()))
    assert [row["modality"] for row in story.done["result"]["modalities"]] == ["CXR"]
    assert not NOT_A_SUBJECT_ID.search(json.dumps(story.done))


def test_a_waiting_client_gets_the_same_result(story):
    response = post(story.server, SCORING + "?run_sync=true")
    assert response.status_code == 200, response.text
    assert response.json() == story.done["result"]


def test_images_are_proposed_by_falling_risk_as_they_are_reviewed(story):
    order = [row.sample_id for row in story.expected.by_exposure()]
    first, again, second, out_of_turn, after = story.proposals
    assert first["id"] == order[0]
    assert (first["reviewed"], first["left"]) == (0, 128)
    assert again == first, "it was proposed, and nobody has said that it was reviewed"
    assert second["id"] == order[1]
    assert out_of_turn["id"] == order[1]
    assert (after["id"], after["reviewed"], after["left"]) == (order[3], 3, 125)
    row = story.expected.by_exposure()[3]
    assert (after["p_subject"], after["rank"], after["modality"]) == (row.p_subject, row.rank, row.modality)
    assert post(story.server, NEXT, {"client_id": "somebody"}).json() == after


def test_a_proposal_can_be_checked_and_holds_no_path(story):
    response = post(story.server, NEXT)
    assert response.headers["cache-control"] == "no-store"
    assert "path" not in response.json()
    assert "/" not in response.text
    assert not re.search(r'"P0\d\d"', response.text)
    checked = story.server.check(query=f"output=json&image={response.json()['id']}")
    assert checked.status_code == 200, checked.text


def test_what_is_kept_of_reviews_names_nobody_and_is_for_the_owner_only(story):
    kept = story.gallery / FILE_NAME
    assert not NOT_A_SUBJECT_ID.search(kept.read_text())
    assert kept.stat().st_mode & 0o077 == 0
    assert len(json.loads(kept.read_text())["rows"]) == 3


def test_information_lists_both(story):
    info = story.server.get("/info/").json()
    assert set(info["scoring"]) == {"cohort_reidentification"}
    assert set(info["strategies"]) == {"highest_risk"}
    assert all(held["description"] for held in (*info["scoring"].values(), *info["strategies"].values()))


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (NEXT, "[]", 400), (NEXT, "{", 400), (NEXT, '"x"', 400), (NEXT, "7", 400), (NEXT, "NaN", 400),
        (NEXT, b"\xff\xfe", 400), (NEXT, '{"a":' * 3000, 400), (NEXT, "x" * 100_000, 413),
        (NEXT, '{"image": "/etc/passwd"}', 400), (NEXT, '{"strategy": "random"}', 400), (NEXT, '{"path": "/"}', 400),
        (NEXT, '{"reviewed": "cxr_P003_s2.png"}', 422), (NEXT, '{"reviewed": [7]}', 422),
        (NEXT, '{"reviewed": null}', 422), (NEXT, '{"reviewed": [""]}', 422), (NEXT, '{"reviewed": [["x"]]}', 422),
        (NEXT, json.dumps({"reviewed": ["x" * 5000]}), 422), (NEXT, json.dumps({"reviewed": ["x"] * 1001}), 422),
        (NEXT, '{"reviewed": ["/etc/passwd"]}', 404), (NEXT, '{"reviewed": ["../gallery/reviews.json"]}', 404),
        (NEXT, '{"reviewed": ["./cxr_P003_s2.png"]}', 404), (NEXT, '{"reviewed": ["manifest.csv"]}', 404),
        (NEXT + "?reviewed=x", "", 400), (NEXT + "?client_id=x", "", 400),
        ("/activelearning/random", "", 404), ("/activelearning/..%2fhighest_risk", "", 404), ("/activelearning/", "", 404),
        (SCORING, '{"studies": "/etc"}', 400), (SCORING, '{"method": "x"}', 400), (SCORING, "[1]", 400),
        (SCORING, "x" * 100_000, 413), (SCORING + "?image=/etc/passwd", "", 400), (SCORING + "?enqueue=true", "", 400),
        (SCORING + "?run_sync=perhaps", "", 422), ("/scoring/", "", 405), ("/scoring/other", "", 404),
        ("/scoring/gallery", "", 404), ("/train/cohort_reidentification", "", 404),
        ("/train/gallery?bundle_path=/tmp", "", 400),
    ],
)  # fmt: skip
def test_what_is_not_taken_is_refused_in_a_sentence(story, path, body, status):
    server = story.server
    before = propose(server)
    response = server.session.post(server.url + path, data=body, timeout=60)
    assert response.status_code == status, response.text
    assert set(response.json()) == {"detail"}
    assert "passwd" not in response.text
    assert "/tmp" not in response.text
    assert propose(server) == before


def test_the_whole_list_of_reviews_is_taken_or_none_of_it(story):
    before = propose(story.server)
    assert post(story.server, NEXT, {"reviewed": [before["id"], "cxr_P999_s1.png"]}).status_code == 404
    assert propose(story.server) == before


def test_as_many_reviews_as_there_are_scans_can_be_sent(story):
    assert len(story.expected.rows) <= proposals.MOST_REVIEWED


def test_a_report_over_http_is_whole(story):
    """What is said of one scan's risk and leakage, part by part."""
    scan = picture(phantom_scan("CXR", 5, 7, 5, 128))
    report = story.server.check(scan, params={"modality": "CXR", "prior_enrolled": 0.3, "population": 500}).json()
    assert report["scan"]["in_domain"] in (True, False)
    assert report["scan"]["domain_distance"] > 0
    said = report["assumptions"]
    assert (said["prior_enrolled"], said["population"]) == (0.3, 500)
    assert said["attackers"].keys() >= {"cosine", said["attacker"]}
    assert said["calibration"].keys() >= {"cllr", "min_cllr", "ece", "mated_subjects"}
    risk = report["risk"]
    low, high = risk["ci95"]
    assert 0 <= low <= risk["p_reidentified"] <= high <= 1
    assert 1 <= risk["anonymity_set"] <= 500
    assert risk["level"] in ("high", "elevated", "low", "unknown")
    assert risk["reason"].endswith(".")
    assert risk["band"].keys() >= {"lo", "hi", "reidentified", "ci95", "n", "subjects"}
    assert risk["p_reidentified"] == max(match["p_same"] for match in report["matches"])
    assert report["matches"][0].keys() >= {"similarity", "llr", "p_same", "near_duplicate", "same_session"}
    pixels = report["controls"]["pixel_baseline"]
    assert pixels.keys() >= {"subject_id", "agrees", "rank", "measured"}
    rows = {row["attribute"]: row for row in report["leakage"]}
    sex, age = rows["sex"], rows["age"]
    assert 0 < sex["prior"] < 1
    assert 0 <= sex["p"] <= 1
    assert sex["bits"] >= 0
    assert sex["probe_auc_ci95"][0] <= sex["probe_auc"] <= sex["probe_auc_ci95"][1]
    assert (sex["n"], age["n"]) == (64, 64)
    assert age["interval95"][0] < age["prediction"] < age["interval95"][1]
    assert age["probe_mae"] > 0
    assert len(report["caveats"]) >= 2


def test_a_running_scoring_can_be_stopped_and_another_started(story):
    server = story.server
    assert post(server, SCORING).status_code == 200
    stopped = server.session.delete(server.url + "/scoring/", timeout=60)
    assert stopped.status_code == 200, stopped.text
    assert stopped.json()["status"] == "STOPPED"
    assert server.session.delete(server.url + "/scoring/", timeout=60).status_code == 404
    assert server.session.delete(server.url + "/train/", timeout=60).status_code == 404
    assert post(server, SCORING + "?run_sync=true").status_code == 200
    assert [task["status"] for task in server.get("/scoring/?all=true").json()] == ["DONE", "STOPPED"]


def test_whoever_withdraws_is_gone_from_scores_and_reviews(story):
    """The last of the story: the gallery changes, and the server has to be told to measure again."""
    server = story.server
    first = story.expected.by_exposure()[0]
    Gallery.open(story.gallery).remove_subjects([first.subject_id])
    assert load_exposure(Gallery.open(story.gallery)) is None
    assert post(server, NEXT).status_code == 409
    unfitted = post(server, SCORING + "?run_sync=true")
    assert unfitted.status_code == 409
    assert "run the train task 'gallery'" in unfitted.json()["detail"]
    gallery = Gallery.open(story.gallery)
    fit_gallery(gallery)
    result = post(server, SCORING + "?run_sync=true").json()
    assert (result["samples"], result["not_enrolled"]) == (126, 2)
    gallery.reload()
    stored = load_exposure(gallery)
    assert first.subject_id not in {row.subject_id for row in stored.rows}
    reviewed = {row.sample_id for row in story.expected.by_exposure()[:3] if row.subject_id != first.subject_id}
    expected = [row.sample_id for row in stored.by_exposure() if row.sample_id not in reviewed]
    proposal = propose(server)
    assert proposal["id"] == expected[0]
    assert proposal["reviewed"] == len(reviewed)


def test_nothing_of_all_this_is_logged_by_name(story):
    """After everything above."""
    printed = story.server.printed()
    assert "an image was proposed" in printed
    assert "cohort_reidentification: done" in printed
    assert not NOT_A_SUBJECT_ID.search(printed)
    for word in ("p_subject", "reviewed", "Active Learning Request", "Next sample", "passwd", "Traceback"):
        assert word not in printed, word
    assert story.server.left_behind() == []
