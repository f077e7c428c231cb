"""Reports in words and tables."""

import io

import pytest
from rich.console import Console

from reid_engine.report.evaluation_text import evaluation_report
from reid_engine.report.text import enrolment, headline, quality, risk_report
from reid_engine.report.words import count, interval, number, one_line, percent, plural, rate

REPORT = {
    "schema": "reid-risk/1",
    "scan": {"modality": "CXR", "modality_source": "image", "modality_confidence": 0.93, "in_domain": True},
    "encoder": {"name": "efficientnet-lite0", "dim": 1280, "fingerprint": "00"},
    "gallery": {"subjects": 332, "samples": 1204},
    "assumptions": {"prior_enrolled": 0.5, "population": None},
    "risk": {"level": "high", "p_reidentified": 0.87, "ci95": [0.78, 0.93], "anonymity_set": 1.3,
             "band": {"lo": 0.8, "hi": 0.9, "reidentified": 0.85, "ci95": [0.7, 0.95], "n": 40, "subjects": 12}},
    "matches": [
        {"rank": 1, "subject_id": "[red]S-1[/red]", "sample_id": "a/\x1b[31m1.png", "similarity": 0.8123,
         "llr": 3.4, "p_same": 0.87, "near_duplicate": True, "same_session": True},
        {"rank": 2, "subject_id": "S-2", "sample_id": "b.png", "similarity": 0.44, "llr": -0.6,
         "p_same": None,
         "near_duplicate": False, "same_session": None},
    ],
    "leakage": [
        {"attribute": "sex", "prediction": "F", "p": 0.93, "prior": 0.46, "bits": 1.02, "probe_auc": 0.91,
         "probe_auc_ci95": [0.87, 0.95], "n": 332},
        {"attribute": "age", "prediction": 57.4, "p": None, "prior": None, "bits": 0.31, "probe_auc": None,
         "probe_auc_ci95": None, "probe_mae": 7.3, "probe_mae_ci95": [6.8, 7.9], "n": 320},
    ],
    "controls": {"pixel_baseline": 0.31},
    "caveats": ["The calibration rests on 212 mated pairs."],
    "timing_ms": {"total": 412.0},
}  # fmt: skip


def shown(renderable) -> str:
    out = io.StringIO()
    Console(file=out, width=170, markup=False, highlight=False).print(renderable)
    return out.getvalue()


def test_a_report_is_told_in_full():
    text = shown(risk_report(REPORT))
    for part in (
        "HIGH RISK: 87 % (78 to 93 %) that this is [red]S-1[/red].",
        "hides among 1.3 of 332 people",
        "a chance of 50 % beforehand",
        "CXR (judged from the image, 93 %)",
        "near-duplicate, same session",
        "a/?[31m1.png",
        "AUC 0.91 (0.87 to 0.95)",
        "error 7.3 (6.8 to 7.9)",
        "The calibration rests on 212 mated pairs.",
        "Of 40 enrolled images that were tried with such a probability, 85 % (70 to 95 %)",
    ):
        assert part in text
    assert "\x1b" not in text


def test_unknown_is_never_called_low():
    report = {
        **REPORT,
        "risk": {"level": "unknown", "p_reidentified": None, "ci95": None, "anonymity_set": None},
    }
    text = headline(report).plain
    assert text.startswith("NO STATEMENT POSSIBLE")
    assert "not a low risk" in text


def test_a_given_population_is_the_one_that_is_shown():
    report = {**REPORT, "assumptions": {"prior_enrolled": 0.1, "population": 5000}}
    assert "1.3 of 5\u202f000 people" in headline(report).plain


def test_no_match_at_all():
    report = {**REPORT, "matches": [], "leakage": [], "caveats": []}
    assert "that the patient is recognised" in shown(risk_report(report))


def test_what_was_not_measured_is_a_dash():
    assert quality({"probe_auc": None, "probe_mae": None}) == "–"


@pytest.mark.parametrize(
    ("shown_as", "expected"),
    [
        (percent(0.001), "below 1 %"),
        (percent(0.999), "above 99 %"),
        (percent(0.424), "42 %"),
        (percent(None), "–"),
        (rate(0.4567), "45.7 %"),
        (number(1.005, 1), "1.0"),
        (count(1234567), "1\u202f234\u202f567"),
        (interval([0.1, 0.25]), "0.10 to 0.25"),
        (interval([None, 0.2]), "–"),
        (interval(None), "–"),
        (plural(1, "image"), "1 image"),
        (plural(2, "image"), "2 images"),
        (one_line("a\n b\x00"), "a b?"),
    ],
)
def test_words(shown_as, expected):
    assert shown_as == expected


def test_enrolment_lists_what_was_refused():
    text = shown(
        enrolment(
            {
                "gallery": {"path": "g", "subjects": 1, "samples": 2},
                "encoder": {"name": "e"},
                "added": 2,
                "skipped": 0,
                "replaced": 0,
                "refused": [{"file": "x.png", "reason": "x.png: the file is empty"}],
                "passed_over": ["notes.txt: no image"],
            }
        )
    )
    assert "x.png: the file is empty" in text
    assert "g holds 2 images of 1 subject" in text
    assert "Passed over, as holding no image: 1 file." in text


ROW = {
    "modality": "CXR", "encoder": "e", "attacker": "cosine", "stratum": "all", "level": "image",
    "metric": "rank-1", "value": 0.5, "ci95": [0.4, 0.6], "chance": 0.01, "subjects": 10, "images": 30, "note": None,
}  # fmt: skip


def test_evaluation_puts_what_belongs_together_in_one_line():
    rows = [
        ROW,
        {**ROW, "metric": "rank-5", "value": 0.75, "ci95": [0.7, 0.8]},
        {**ROW, "level": "subject-any", "value": 0.9},
        {**ROW, "level": "subject-all", "value": 0.3},
        {**ROW, "metric": "eer", "value": 0.123},
        {**ROW, "metric": "cllr", "value": 0.999},
        {**ROW, "stratum": "different sessions", "value": None, "ci95": None, "note": "no session is known"},
    ]
    probe = {"attribute": "sex", "stratum": "all", "metric": "auc", "value": 0.8, "ci95": [0.7, 0.9]}
    pair = {"kind": "identical", "sample_ids": ["a", "b"], "subject_ids": ["1", "2"], "similarity": 1.0}
    report = {
        "results": rows,
        "probes": [{**probe, "subjects": 9, "note": "few subjects"}],
        "audit": [pair],
        "gate": {"passed": False, "limits": {"rank-1": 0.1}},
    }
    text = shown(evaluation_report(report))
    lines = text.splitlines()
    (place,) = [place for place, line in enumerate(lines) if "12.3" in line]
    assert lines[place].split()[-8:] == ["50.0", "1.0", "75.0", "90.0", "30.0", "12.3", "10", "30"]
    assert lines[place + 1].split()[-2:] == ["40.0–60.0", "70.0–80.0"]
    for part in ("no session is known", "few subjects", "0.80", "under different subjects", "Gate failed."):
        assert part in text
    assert "0.999" not in text
