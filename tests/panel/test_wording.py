"""A report in words; hand-worked from small dictionaries."""

import copy
import math

import pytest
from slicer_harness import MODULE
from slicer_harness.samples import sample_report

import sys  # isort: skip

sys.path.insert(0, str(MODULE))

from ReidentificationRiskLib.rows import leaks, match_keys, match_rows, not_known
from ReidentificationRiskLib.wording import caveats, count, headline, interval, number, percent, source


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.0, "below 1 %"), (0.004, "below 1 %"), (0.006, "1 %"), (0.5, "50 %"), (0.874, "87 %"), (0.994, "99 %"),
     (0.996, "above 99 %"), (1, "above 99 %"), (None, "–"), (math.nan, "–"), (math.inf, "–"), (True, "–"), ("1", "–")],
)  # fmt: skip
def test_no_probability_is_told_as_certain(p: object, text: str) -> None:
    assert percent(p) == text


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (1.26, 1, "1.3"),
        (1234567, 0, "1\u00a0234\u00a0567"),
        (-0.5, 2, "-0.50"),
        (-0.4, 0, "0"),
        (None, 1, "–"),
        ([], 1, "–"),
    ],
)
def test_numbers(value: object, digits: int, text: str) -> None:
    assert number(value, digits) == text


def test_intervals() -> None:
    assert interval([0.78, 0.93], percent) == " (78 to 93 %)"
    assert interval([0.0, 0.05], percent) == " (below 1 to 5 %)"
    assert interval([0.9, 1.0], percent) == " (90 to above 99 %)"
    assert interval([1.0, 2.04], number) == " (1.0 to 2.0)"
    for hole in (None, [], [1], [None, 1], "ab", [0.1, math.nan]):
        assert interval(hole, percent) == ""


@pytest.mark.parametrize(
    ("level", "opening"),
    [("high", "Likely recognisable"), ("elevated", "Possibly recognisable"), ("low", "Probably not recognisable")],
)
def test_the_sentence_gives_level_probability_interval_and_subject(level: str, opening: str) -> None:
    said = headline(sample_report(level=level, p_reidentified=0.4, ci95=[0.2, 0.6]))
    assert said.sentence == (
        f"{opening}: 40 % (20 to 60 %) that this is subject S-3F2A91C0, given an even chance that they are among the "
        "332 enrolled."
    )


@pytest.mark.parametrize(
    ("assumed", "ending"),
    [
        ({"prior_enrolled": 1.0}, "S-3F2A91C0, if they are among the 332 enrolled."),
        ({"prior_enrolled": 0.1, "population": 332}, ", given a chance of 10 % that they are among the 332 enrolled."),
        (
            {"prior_enrolled": 0.5, "population": 5000},
            ", given an even chance that they are among the 5\u00a0000 people that an attacker could hold.",
        ),
        ({}, "that this is subject S-3F2A91C0."),
    ],
)
def test_the_sentence_says_what_its_number_takes_for_granted(assumed: dict, ending: str) -> None:
    report = sample_report()
    report["assumptions"] = assumed
    assert headline(report).sentence.endswith(ending)


def test_without_matches_the_sentence_names_nobody() -> None:
    report = sample_report(level="low", p_reidentified=0.01, ci95=None, subject_id=None)
    report["matches"] = []
    assert headline(report).sentence == "Probably not recognisable: 1 %."


def test_unknown_gives_its_reason_and_no_number() -> None:
    report = sample_report(level="unknown", p_reidentified=None, ci95=None, anonymity_set=None)
    report["risk"]["reason"] = "The gallery holds no MG images\nto compare with."
    assert headline(report).sentence == "The gallery holds no MG images to compare with."
    del report["risk"]["reason"]
    report["scan"]["in_domain"] = False
    said = headline(report)
    assert said.sentence == "This scan is unlike those enrolled, so its risk cannot be judged."
    assert said.word == "No statement possible: unlike the enrolled"
    assert said.details == ["This is not a low risk: treat the scan as identifying."]
    report["scan"]["in_domain"] = True
    assert headline(report).sentence == "The enrolled images do not support a statement about this scan."


def test_a_copy_is_pointed_out() -> None:
    said = "Nearly the same picture is enrolled: that links the two whatever they show."
    assert said not in headline(sample_report()).details
    assert said in headline(sample_report(copy_enrolled=True)).details
    report = sample_report()
    report["matches"][0]["near_duplicate"] = True
    assert said in headline(report).details


def test_the_record_of_such_probabilities_is_told() -> None:
    said = headline(sample_report()).details
    assert said[2] == "Of 74 trials with such a probability, 91 % (84 to 96 %) were truly re-identified."
    assert len(headline(sample_report(band=None)).details) == len(said) - 1


def test_the_population_is_the_assumed_one() -> None:
    report = sample_report()
    report["assumptions"] = {"prior_enrolled": 0.1, "population": 5000}
    assert headline(report).details[:2] == [
        "Hides among 1.3 of 5\u00a0000 people.",
        "Assumes a chance of 10 % beforehand that the patient is one of these 5\u00a0000, and an attacker who holds what "
        "is enrolled.",
    ]
    report["assumptions"] = {"prior_enrolled": 0.1}
    assert "332" in headline(report).details[0]


def test_rows_of_matches() -> None:
    report = {
        "scan": {"modality": "CFP", "laterality": "L"},
        "matches": [
            {"rank": 1, "subject_id": "A", "similarity": 0.98765, "p_same": 0.999, "near_duplicate": True,
             "same_session": True, "laterality": "L"},
            {"rank": 2, "subject_id": "b", "similarity": 0.5, "p_same": None, "identical": True, "laterality": "R"},
            {"rank": 3},
        ],
    }  # fmt: skip
    assert match_rows(report) == [
        ["1", "A", "0.988", "> 99 %", "near-duplicate, same session, same eye"],
        ["2", "b", "0.500", "–", "the same picture"],
        ["3", "–", "–", "–", ""],
    ]
    assert match_keys(report) == [
        [1.0, "a", 0.98765, 0.999, "near-duplicate, same session, same eye"],
        [2.0, "b", 0.5, None, "the same picture"],
        [3.0, "–", None, None, None],
    ]
    report["scan"]["modality"] = "CXR"  # a side there is no eye
    assert match_rows(report)[0][4] == "near-duplicate, same session"


def test_leaks() -> None:
    report = {
        "leakage": [
            {"attribute": "sex", "prediction": "M", "p": 0.7, "prior": 0.5, "bits": 0.1187, "probe_auc": 0.88,
             "p_chance": 0.001},
            {"attribute": "smoking_status", "prediction": "never", "p": 0.6, "prior": 0.6, "bits": 0.0,
             "probe_auc": 0.5, "probe_auc_ci95": [0.4, 0.6], "p_chance": 0.4},
            {"attribute": "age", "prediction": 63.4, "bits": 0.2, "probe_mae": 8.25, "probe_mae_ci95": [7.0, 9.5],
             "chance": 13.94},
            {"attribute": "race", "prediction": "b"},
        ]
    }  # fmt: skip
    assert [tuple(leak) for leak in leaks(report)] == [
        ("sex", "male", 0.7, 0.5, "0.12",
         "Tells a woman from a man among other patients in 88 of 100 pairs; guessing does in 50."),
        ("smoking status", "never", 0.6, 0.6, "0.00",
         "Tells other patients apart by this in 50 of 100 pairs (40 to 60); guessing does in 50. That may be mere chance."),
        ("age", "63", None, None, "0.20",
         "On other patients it is off by 8.2 (7.0–9.5) on average; without the image by 13.9."),
        ("race", "b", None, None, "–", "How good such guesses are is not known."),
    ]  # fmt: skip


def test_what_is_not_known_is_named() -> None:
    report = {"leakage_unknown": [{"attribute": "smoking_status", "reason": "only 3 subjects\nhave it"}, None]}
    assert not_known(report) == "smoking status: not known, as only 3 subjects have it"
    assert not_known({}) == not_known({"leakage_unknown": 7}) == ""


def test_below_the_tables() -> None:
    report = sample_report()
    report["caveats"] = ["one", "two\nlines"]
    assert caveats(report) == "• one\n• two lines"
    assert source(report) == (
        "Modality CXR (judged from the image, 93 %) · gallery of 332 subjects, 1\u00a0204 images"
        " · encoder efficientnet-lite0"
    )
    report["scan"] = {"modality": "CT", "modality_source": "caller"}
    report["encoder"] = report["gallery"] = {}
    assert source(report) == "Modality CT"


def test_words_do_not_change_the_report() -> None:
    report = sample_report()
    before = copy.deepcopy(report)
    (
        headline(report),
        match_rows(report),
        leaks(report),
        match_keys(report),
        not_known(report),
        caveats(report),
        source(report),
    )
    assert report == before
    assert count(None) == "–"
