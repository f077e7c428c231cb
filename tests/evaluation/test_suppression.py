"""What a shareable report may not say."""

import copy
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reid_engine.evaluation.suppression import FEWEST, SIBLING, SMALL_SET, SUPPRESSED, shareable
from reid_engine.report.evaluation_html import render_evaluation

HEADING = {"dataset": None, "modality": "CXR", "encoder": "net", "kind": "encoder", "attacker": "cosine"}


def result(subjects=243, **changed):
    return {
        **HEADING, "stratum": "all", "level": "image", "metric": "rank-1", "value": 3 / 7, "ci95": [0.4011, 0.51239],
        "chance": 0.0017312, "subjects": subjects, "images": 3 * subjects, "note": None,
    } | changed  # fmt: skip


def probe(stratum, subjects, **changed):
    return {
        "dataset": None, "modality": "CXR", "encoder": "net", "attribute": "sex", "stratum": stratum, "metric": "auc",
        "value": 0.71234, "ci95": [0.61234, 0.81234], "chance": 0.5, "p_value": 0.0123, "subjects": subjects,
        "images": 3 * subjects, "note": None,
    } | changed  # fmt: skip


def curve(kind, x, series, **changed):
    return {**HEADING, "kind": kind, "stratum": "all", "x": x, "series": series, "note": None} | changed


def report(**parts):
    return {
        "schema": "reid-evaluation/1", "results": [], "probes": [], "audit": [], "curves": [], "examples": [],
        "gate": {"passed": None, "limits": []}, "environment": {"seed": 1}, "refused": [], "shareable": False,
    } | parts  # fmt: skip


def only(shared, part):
    (row,) = shared[part]
    return row


def test_values_lose_digits_and_counts_are_rounded_down_to_tens():
    row = only(shareable(report(results=[result(243)])), "results")
    assert row == result(243) | {
        "value": 0.429, "ci95": [0.401, 0.512], "chance": 0.00173, "subjects": 240, "images": 720,
    }  # fmt: skip


@pytest.mark.parametrize("subjects", [1, 5, 9])
def test_a_small_group_shows_nothing(subjects):
    row = only(shareable(report(results=[result(subjects)])), "results")
    for name in ("value", "ci95", "chance", "subjects", "images"):
        assert row[name] is None
    assert row["note"] == SUPPRESSED
    assert (row["stratum"], row["metric"]) == ("all", "rank-1")
    assert only(shareable(report(results=[result(10)])), "results")["value"] == 0.429


def test_no_subject_at_all_is_no_small_group():
    why = "cannot be estimated: no subject has two images"
    row = only(shareable(report(results=[result(0, value=None, ci95=None, chance=None, note=why)])), "results")
    assert (row["subjects"], row["images"], row["note"]) == (0, 0, why)


def test_counts_do_not_betray_a_small_group_by_their_difference():
    rows = shareable(report(results=[result(300), result(295, stratum="near-duplicates removed")]))["results"]
    assert [row["subjects"] for row in rows] == [300, 290]  # between 1 and 19 subjects apart
    rows = shareable(report(results=[result(309), result(303, stratum="near-duplicates removed")]))["results"]
    assert [row["subjects"] for row in rows] == [300, 300]


def test_the_parts_of_a_probe_do_not_betray_each_other():
    split = [probe("all", 60), probe("re-identified", 6), probe("not re-identified", 54), probe("difference", 60)]
    other = [row | {"attribute": "age"} for row in split[:1]] + [probe("re-identified", 30, attribute="age")]
    shown = shareable(report(results=[result()], probes=split + other))["probes"]
    assert [(row["value"], row["subjects"], row["note"]) for row in shown] == [
        (0.712, 60, None),
        (None, None, SUPPRESSED),
        (None, None, SIBLING),
        (None, None, SIBLING),
        (0.712, 60, None),
        (0.712, 30, None),
    ]


def test_groups_of_the_audit_are_counted_and_no_more():
    group = {
        "kind": "near", "dataset": None, "modality": "CXR", "sample_ids": ["a.png", "b.png"], "subject_ids": ["Q", "R"],
        "similarity": 0.8, "note": "nearly the same picture under 2 subject ids",
    }  # fmt: skip
    large = group | {"sample_ids": [f"{n}.png" for n in range(25)], "subject_ids": ["Q"] * 25}
    empty = {"sample_ids": [], "subject_ids": [], "similarity": None, "note": None, "subjects": None}
    head = {"kind": "near", "dataset": None, "modality": "CXR"}
    assert shareable(report(audit=[group, large]))["audit"] == [
        head | empty | {"images": None},
        head | empty | {"images": 20},
    ]


def test_notes_of_the_audit_keep_their_words():
    note = {
        "kind": "subject looks like two", "dataset": None, "modality": "CXR", "audited": 123, "found": 3,
        "note": "3 found among 123 subjects with three images or more; about one in 10 may be false",
    }  # fmt: skip
    shown = only(shareable(report(audit_notes=[note])), "audit_notes")
    assert (shown["audited"], shown["found"]) == (120, None)
    assert shown["note"] == (
        "fewer than 10 found among 120 subjects with three images or more; about one in 10 may be false"
    )
    assert "audit_notes" not in shareable(report())


@pytest.mark.parametrize(
    ("note", "shown"),
    [
        ("no interval: fewer than 5 subjects", "no interval: fewer than 5 subjects"),
        (
            "7 of 1,234 enrolled subjects have two images that can be compared, and it takes 10",
            "fewer than 10 of 1,230 enrolled subjects have two images that can be compared, and it takes 10",
        ),
        ("it takes 668 subjects, and there are 243", "it takes 668 subjects, and there are 240"),
        ("sex: 12 subjects have a value, and a probe needs 40", "sex: 10 subjects have a value, and a probe needs 40"),
        ("rank-1 at p=0.05 and 0.5, 95 % interval", "rank-1 at p=0.05 and 0.5, 95 % interval"),
        ("0 subjects of 20", "0 subjects of 20"),
    ],
)
def test_sentences_do_not_count_small_groups(note, shown):
    row = result(0, value=None, ci95=None, chance=None, note=note)
    assert only(shareable(report(results=[row])), "results")["note"] == shown
    again = row | {"note": shown}
    assert only(shareable(report(results=[again])), "results")["note"] == shown


def test_refused_files_have_no_name_and_their_reason_a_class():
    refused = [
        {"file": "Jane Doe.png", "reason": "/data/Jane Doe.png: the file is empty; copy or export it again"},
        {"file": "x.dcm", "reason": "/data/Jane: Doe/x.dcm: the DICOM file is damaged or cut short; export it again"},
        {"file": "y.png", "reason": "y.png: the modality cannot be told; give it in the manifest's column `modality`"},
        {"file": "z.png", "reason": "something about Jane"},
    ]
    shown = shareable(report(refused=refused))["refused"]
    assert shown == [
        {"file": None, "reason": name}
        for name in ("damaged or cut short", "empty or blank", "for another reason", "of an unknown modality")
    ]


def test_a_curve_of_a_small_group_is_empty():
    small = result(6, attacker="plda")
    curves = [
        curve("cmc", [1, 2], {"rate": [0.5, 1.0], "chance": [0.1, 0.2]}),
        curve("cmc", [1, 2], {"rate": [0.5, 1.0], "chance": [0.1, 0.2]}, attacker="plda"),
        curve("cmc", [1, 2], {"rate": [0.5, 1.0]}, attacker="nobody measured it"),
    ]
    large, hidden, unknown = shareable(report(results=[result(), small], curves=curves))["curves"]
    assert (large["x"], large["series"]) == ([1, 2], {"rate": [0.5, 1.0], "chance": [0.1, 0.2]})
    for empty in (hidden, unknown):
        assert empty["x"] == []
        assert not any(empty["series"].values())
        assert empty["note"] == SUPPRESSED


def test_points_of_a_curve_that_rest_on_a_small_group_are_left_out():
    calibration = curve("calibration", [0.1, 0.5, 0.9], {"observed": [0.2, 0.5, 0.8], "n": [34, 9, 120]})
    sweep = curve("near-threshold", [0.6, 0.7], {"rate": [0.1, 0.2], "removed": [12, 4], "subjects": [8, 40]})
    blind = curve("near-threshold", [0.6, 0.7], {"rate": [0.1, 0.2], "removed": [12, 4]})
    shown = shareable(report(results=[result()], curves=[calibration, sweep, blind]))["curves"]
    assert shown[0]["series"] == {"observed": [0.2, None, 0.8], "n": [30, None, 120]}
    assert shown[1]["series"] == {"rate": [None, 0.2], "removed": [None, None], "subjects": [None, 40]}
    assert shown[2]["series"] == {"rate": [None, None], "removed": [None, None]}


def test_bins_of_scores_need_ten_subjects_or_their_pairs():
    # 40 subjects: 10 are a quarter of the mated votes, and 45 of their 780 pairs 5.8 %.
    scores = curve("scores", [-0.5, 0.0, 0.5], {"mated": [0.24, 0.26, 0.5], "other": [0.9, 0.057, 0.058]})
    shown = only(shareable(report(results=[result(43)], curves=[scores])), "curves")["series"]
    assert shown == {"mated": [None, 0.26, 0.5], "other": [0.9, None, 0.058]}


def test_a_limit_over_a_small_group_keeps_its_verdict_alone():
    limit = {
        "option": "--max-rank1 0.05", "limit": 0.05, "metric": "rank-1", "level": "image", "attribute": None, "dataset": None,
        "modality": "CXR", "encoder": "net", "attacker": "plda", "value": 0.41234, "measured": 0.54321, "by": 0.49321,
        "passed": False, "reason": None, "subjects": 40,
    }  # fmt: skip
    limits = [limit, limit | {"subjects": 4}]
    shown, hidden = shareable(report(gate={"passed": False, "limits": limits}))["gate"]["limits"]
    assert (shown["measured"], shown["by"], shown["limit"], shown["passed"]) == (0.543, 0.493, 0.05, False)
    assert (hidden["value"], hidden["measured"], hidden["by"], hidden["subjects"]) == (None, None, None, None)
    assert (hidden["passed"], hidden["reason"]) == (False, SUPPRESSED)


def test_the_name_of_a_small_set_is_kept_back():
    rows = [result(40, dataset="hospital"), result(3, dataset="Jane Doe")]
    shared = shareable(report(results=rows, probes=[probe("all", 30, dataset="Jane Doe")]))
    assert [row["dataset"] for row in shared["results"]] == ["hospital", SMALL_SET]
    assert only(shared, "probes")["dataset"] == SMALL_SET
    assert "Jane" not in json.dumps(shared)


def test_examples_and_what_nobody_vouched_for_are_left_out():
    shared = shareable(
        report(examples=[{"sample_id": "x"}], queries=[1], results=[result(secret="x", sample_ids=["x"])])
    )
    assert shared["shareable"] is True
    assert "examples" not in shared
    assert "queries" not in shared
    assert not {"secret", "sample_ids"} & only(shared, "results").keys()


IDS = st.integers(10_000_000, 99_999_999).map(lambda number: f"ID{number}")
COUNT = st.one_of(st.none(), st.integers(0, 40), st.integers(0, 5000))
SHARE = st.one_of(st.none(), st.floats(0, 1))
KEYS = st.fixed_dictionaries(
    {
        "dataset": st.one_of(st.none(), IDS),
        "modality": st.sampled_from(["CXR", "OCT"]),
        "encoder": st.just("net"),
        "attacker": st.sampled_from(["cosine", "plda"]),
    }
)
NOTES = st.one_of(
    st.none(), st.builds("cannot be estimated: {} of {} subjects".format, st.integers(0, 40), st.integers(0, 2000))
)


def rows(**more):
    figures = {"value": SHARE, "ci95": st.one_of(st.none(), st.lists(SHARE, min_size=2, max_size=2)), "chance": SHARE}
    counts = {"subjects": COUNT, "images": COUNT, "note": NOTES, "sample_id": IDS}
    parts = st.fixed_dictionaries({**figures, **counts, **more})
    return st.lists(st.builds(lambda keys, row: {**keys, **row}, KEYS, parts), max_size=6)


STRATA = st.sampled_from(["all", "re-identified", "not re-identified", "difference", "near-duplicates removed"])
CURVES = st.builds(
    lambda keys, kind, stratum, points: {
        **keys, "kind": kind, "stratum": stratum, "x": [one[0] for one in points], "note": None,
        "series": {name: [one[place] for one in points] for place, name in enumerate(("rate", "n", "subjects"))},
    },
    KEYS, st.sampled_from(["cmc", "calibration", "near-threshold", "scores"]), STRATA,
    st.lists(st.tuples(SHARE, COUNT, COUNT), max_size=4),
)  # fmt: skip
REPORTS = st.builds(
    report,
    results=rows(stratum=STRATA, metric=st.just("rank-1"), level=st.just("image")),
    probes=rows(stratum=STRATA, attribute=st.just("sex"), metric=st.just("auc")),
    audit=st.lists(
        st.fixed_dictionaries(
            {
                "kind": st.just("near"), "modality": st.just("CXR"), "sample_ids": st.lists(IDS, max_size=30),
                "subject_ids": st.lists(IDS, max_size=30), "similarity": SHARE, "note": NOTES,
            }
        ),
        max_size=3,
    ),
    curves=st.lists(CURVES, max_size=4),
    examples=st.lists(st.fixed_dictionaries({"sample_id": IDS}), max_size=2),
    gate=st.fixed_dictionaries(
        {
            "passed": st.booleans(),
            "limits": rows(measured=SHARE, by=SHARE, passed=st.booleans(), reason=NOTES, limit=st.just(0.05)),
        }
    ),
    refused=st.lists(
        st.builds(lambda one: {"file": f"{one}.png", "reason": f"/data/{one}.png: the file is empty; again"}, IDS),
        max_size=3,
    ),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(given_report=REPORTS)
def test_whatever_the_report_nothing_small_and_nobody_is_shown(given_report):
    before = copy.deepcopy(given_report)
    shared = shareable(given_report)
    assert given_report == before
    assert shareable(shared) == shared
    assert json.loads(json.dumps(shared, allow_nan=False)) == shared
    large = {}
    for row in before["results"]:
        large[row["dataset"]] = max(large.get(row["dataset"], 0), row["subjects"] or 0)
    for name in re.findall(r"ID\d+", json.dumps(shared)):
        assert large[name] >= FEWEST  # the name of a set that enough subjects share, and of nothing else
    for row in (*shared["results"], *shared["probes"], *shared["gate"]["limits"]):
        assert row["subjects"] is None or row["subjects"] % FEWEST == 0
        if not row["subjects"]:
            assert all(row.get(name) is None for name in ("value", "ci95", "chance", "measured", "by"))
        for text in (row["note"], row.get("reason")):
            assert not re.search(r"(?<!\d)[1-9] of|of [1-9] ", text or "")
    for one in shared["curves"]:
        if one["kind"] in ("calibration", "near-threshold"):
            sizes = one["series"]["n" if one["kind"] == "calibration" else "subjects"]
            assert all(size or rate is None for size, rate in zip(sizes, one["series"]["rate"], strict=True))


@pytest.mark.parametrize("subjects", [5, 60])
def test_the_page_can_be_made_of_it(subjects):
    kinds = {
        "cmc": ([1, 2], {"rate": [0.5, 0.6], "low": [0.4, 0.5], "high": [0.6, 0.7], "chance": [0.1, 0.2]}),
        "det": ([0.01, 0.1], {"miss": [0.5, 0.2]}),
        "scores": ([0.0, 0.5], {"mated": [0.2, 0.8], "other": [0.9, 0.1]}),
        "calibration": ([0.1, 0.9], {"observed": [0.1, 0.8], "low": [0, 0.7], "high": [0.2, 0.9], "n": [30, 7]}),
        "gallery-size": ([10, 60], {"rate": [0.6, 0.5], "low": [0.5, 0.4], "high": [0.7, 0.6], "chance": [0.1, 0.02]}),
        "near-threshold": ([0.6, 0.7], {"rate": [0.1, 0.2], "low": [0, 0.1], "high": [0.2, 0.3], "removed": [12, 4]}),
    }  # fmt: skip
    document = report(
        results=[result(subjects), result(subjects, stratum="near-duplicates removed", metric="auc")],
        probes=[probe("all", subjects), probe("re-identified", 6)],
        audit=[
            {"kind": "identical", "modality": "CXR", "sample_ids": ["a", "b"], "subject_ids": ["Q", "R"], "note": ""}
        ],
        curves=[curve(kind, x, series) for kind, (x, series) in kinds.items()],
        refused=[{"file": "a.png", "reason": "a.png: the file is empty; again"}],
    )
    page = render_evaluation(shareable(document))
    assert page.startswith("<!")
    assert "a.png" not in page
