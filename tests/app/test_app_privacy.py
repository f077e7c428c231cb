"""What the server writes about its work names nobody, and scores nobody."""

import io
import re

import pytest
from samples import dicom, picture, pixels

PATIENT = ("Mueller", "Hans", "MRN-")
UPLOAD = "mueller_hans_1950.dcm"


@pytest.fixture(scope="module")
def told(tmp_path_factory, served):
    """Give what a server printed that was asked for all there is, and the answers that it gave."""
    named = dicom(pixels(), "Mueller^Hans", tmp_path_factory.mktemp("told"))
    answers = [
        served.check(data, name=UPLOAD, params={"modality": "CXR"})
        for data in (named, picture(pixels()), named[: len(named) // 2], b"Mueller Hans")
    ]
    answers.append(served.check(query="image=cxr_P003_s2.png"))
    answers.append(served.check(query="image=cxr_Mueller_Hans.png"))
    answers.append(served.check(named, name=UPLOAD, params={"image": "Mueller"}))
    answers.append(served.check(named, name=UPLOAD, params={"modality": "Mueller"}))
    answers.append(served.get("/datastore/image?image=cxr_P003_s2"))
    answers.append(served.get("/info/?subject=P003"))
    explained = {"modality": "CXR", "explain_subject": "P003"}
    answers.append(served.check(named, name=UPLOAD, params=explained, query="output=all"))
    answers.append(
        served.check(named, name=UPLOAD, params={**explained, "explain_subject": "Mueller"}, query="output=all")
    )
    answers.append(served.measure(named, name=UPLOAD, params={"measures": ["crop"]}, query="output=all"))
    answers.append(served.measure(named, name=UPLOAD, params={"measures": ["Mueller"]}))
    answers.append(served.session.post(served.url + "/train/gallery?run_sync=true", timeout=120))
    files = {path.name for path in served.temporary.rglob("*")}
    return served.printed(), answers, files


def test_the_requests_did_what_they_were_to_do(told):
    assert [answer.status_code for answer in told[1]] == [
        200, 200, 422, 422, 200, 404, 400, 422, 404, 200, 200, 400, 200, 422, 200,
    ]  # fmt: skip


def test_no_patient_subject_sample_or_upload_is_named(told):
    printed = told[0]
    assert "Started server process" in printed
    for noun in ("a check", "an explanation", "a copy"):
        assert f"{noun} was answered" in printed
    for word in (*PATIENT, UPLOAD, "mueller", "P003", "cxr_", "s2.png"):
        assert word not in printed, word
    assert not re.search(r"P0\d\d", printed)


def test_no_score_is_written(told):
    printed, answers, _ = told
    report = answers[0].json()
    scores = [report["risk"]["p_reidentified"], *(match["similarity"] for match in report["matches"])]
    for score in scores:
        assert score is None or f"{score:.3f}" not in printed
    for word in ("similarity", "p_same", "p_reidentified", "llr", "Result", "Infer Request", 'F", '):
        assert word not in printed


def test_no_traceback_is_written(told):
    assert "Traceback" not in told[0]
    assert 'File "' not in told[0]


def test_no_file_is_named_after_an_upload(told):
    assert not [name for name in told[2] if "ueller" in name]


def test_an_answer_to_a_bad_scan_names_nobody(told):
    for answer in told[1][2:4]:
        text = answer.text
        assert "ueller" not in text
        assert "reid-engine-" not in text


def test_the_log_is_written_at_all(told):
    assert len(io.StringIO(told[0]).readlines()) > 10
