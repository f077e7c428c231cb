"""The gate against tables worked out by hand."""

import json

import pytest

from reid_engine.errors import ReidError
from reid_engine.evaluation.gate import OPTIONS, apply_gate, gate_line, parse_limit


def row(metric="rank-1", high=0.1, **changed):
    """A row of the long table whose interval ends at `high`."""
    return {
        "dataset": None,
        "modality": "CXR",
        "encoder": "net",
        "kind": "encoder",
        "attacker": "cosine",
        "stratum": "all",
        "level": "image",
        "metric": metric,
        "value": None if high is None else high - 0.02,
        "ci95": None if high is None else [high - 0.04, high],
        "chance": 0.01,
        "subjects": 40,
        "images": 90,
        "note": None,
    } | changed


def probe(high=0.7, **changed):
    return row(high=high, **{"metric": "auc", "attribute": "sex", "level": None, "attacker": None} | changed)


def gate(results, *limits, probes=()):
    return apply_gate(results, list(probes), [parse_limit(*limit) for limit in limits])


def test_without_limits_there_is_no_gate():
    assert gate([row()]) == {"passed": None, "limits": []}
    assert gate_line(gate([row()])) == "no limit was set"


@pytest.mark.parametrize(("limit", "passed"), [("0.0999", False), ("0.1", True), ("0.2", True)])
def test_the_upper_end_decides(limit, passed):
    found = gate([row(high=0.1)], ("--max-rank1", limit))
    assert found["passed"] is passed
    (one,) = found["limits"]
    assert (one["measured"], one["value"], one["limit"]) == (0.1, pytest.approx(0.08), float(limit))
    assert one["by"] == pytest.approx(0.1 - float(limit))
    assert (one["metric"], one["attacker"], one["subjects"], one["reason"]) == ("rank-1", "cosine", 40, None)


def test_the_strongest_attacker_decides_and_baselines_do_not_count():
    results = [
        row(high=0.1),
        row(high=0.3, attacker="whitened"),
        row(high=0.2, attacker="plda"),
        row(high=0.9, encoder="pixels", kind="baseline"),
        row(high=0.9, stratum="same device"),
        row("rank-5", high=0.9),
        row(high=0.8, level="subject-any"),
    ]
    (one,) = gate(results, ("max-rank1", "0.25"))["limits"]
    assert (one["attacker"], one["measured"], one["passed"]) == ("whitened", 0.3, False)
    (one,) = gate(results, ("max-rank1-subject", "0.85"))["limits"]
    assert (one["level"], one["measured"], one["passed"]) == ("subject-any", 0.8, True)


def test_every_set_modality_and_encoder_has_to_pass():
    results = [
        row(high=0.1),
        row(high=0.1, modality="OCT"),
        row(high=0.6, encoder="strong"),
        row(high=0.1, dataset="B"),
    ]
    found = gate(results, ("max-rank1", "0.2"))
    assert [(one["dataset"], one["modality"], one["encoder"], one["passed"]) for one in found["limits"]] == [
        (None, "CXR", "net", True),
        (None, "OCT", "net", True),
        (None, "CXR", "strong", False),
        ("B", "CXR", "net", True),
    ]
    assert found["passed"] is False
    assert gate(results[:2], ("max-rank1", "0.2"))["passed"] is True


def test_what_cannot_be_estimated_does_not_pass_and_says_why():
    why = "cannot be estimated: no subject has two images"
    for results, reason in [
        ([row(high=None, note=why)], why),
        ([row(ci95=None, note="no interval: fewer than 5 subjects")], "no interval: fewer than 5 subjects"),
        ([row("auc")], "cannot be estimated: rank-1 was not measured"),
        ([], "cannot be estimated: rank-1 was not measured"),
    ]:
        found = gate(results, ("max-rank1", "0.99"))
        (one,) = found["limits"]
        assert found["passed"] is one["passed"] is False
        assert (one["measured"], one["by"], one["reason"]) == (None, None, reason)
        assert reason in gate_line(found)


def test_an_attacker_that_cannot_be_had_is_left_aside_one_without_interval_is_not():
    results = [row(high=0.1), row(high=None, attacker="plda", subjects=0, note="cannot be estimated: too few")]
    assert gate(results, ("max-rank1", "0.2"))["passed"] is True
    results = [row(high=0.1), row(attacker="whitened", ci95=None, note="no interval")]
    (one,) = gate(results, ("max-rank1", "0.2"))["limits"]
    assert (one["passed"], one["measured"], one["reason"]) == (False, None, "no interval")


def test_share_of_exposed_images():
    results = [row(), row("share-above-0.5", 0.02, stratum="near-duplicates removed"), row("share-above-0.9", 0.001)]
    found = gate(results, ("max-share-above", "0.5:0.01"), ("max-share-above", "0.90:0.01"))
    assert [(one["metric"], one["measured"], one["passed"]) for one in found["limits"]] == [
        ("share-above-0.5", 0.02, False),
        ("share-above-0.9", 0.001, True),
    ]
    assert parse_limit("max-share-above", "0.90:0.01").p == 0.9


def test_leakage_is_looked_up_among_the_probes():
    probes = [
        probe(0.7),
        probe(0.95, stratum="re-identified"),
        probe(0.99, encoder="pixels"),
        probe(0.9, attribute="race"),
    ]
    found = gate([row()], ("max-leakage", "SEX:0.75"), ("max-leakage", "race:0.75"), probes=probes)
    assert [(one["attribute"], one["measured"], one["passed"]) for one in found["limits"]] == [
        ("SEX", 0.7, True),
        ("race", 0.9, False),
    ]
    found = gate([row()], ("max-leakage", "age:0.75"), probes=[probe(3.0, attribute="age", metric="mae")])
    assert "the AUC of age was not measured" in gate_line(found)


def test_the_line_says_the_worst_first_and_how_many_more():
    results = [row(high=0.1, dataset="hospital\nA"), row(high=0.52, modality="OCT", attacker="plda")]
    found = gate(results, ("max-rank1", "0.05"), ("max-rank1-subject", "0.5"))
    assert gate_line(found) == (
        "the gate failed: rank-1 (OCT, net, plda) may be up to 0.52, 0.47 over the limit of 0.05; and 3 more"
    )
    found = gate(results[:1], ("max-rank1", "0.05"))
    assert gate_line(found) == (
        "the gate failed: rank-1 (hospital A, CXR, net, cosine) may be up to 0.1, 0.05 over the limit of 0.05"
    )
    assert gate_line(gate(results, ("max-rank1", "0.6"))) == "the gate passed"


def test_a_gate_is_plain_json():
    found = gate([row(), row(high=None, modality="OCT")], ("max-rank1", "0.05"), ("max-leakage", "sex:0.6"))
    assert json.loads(json.dumps(found, allow_nan=False)) == found


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("--max-rank1", "lots"),
        ("--max-rank1", "5"),
        ("--max-rank1", "-0.1"),
        ("--max-rank1", "nan"),
        ("--max-rank1", "0.5:0.1"),
        ("--max-rank1-subject", ""),
        ("--max-share-above", "0.5"),
        ("--max-share-above", "0.5:"),
        ("--max-share-above", "1.5:0.1"),
        ("--max-share-above", "0:0.1"),
        ("--max-share-above", "0.1:0.2:0.3"),
        ("--max-leakage", "sex"),
        ("--max-leakage", ":0.6"),
        ("--max-leakage", "sex:0.4"),
        ("--max-leakage", "sex:yes\nno"),
        ("--max-everything", "0.1"),
    ],
)
def test_nonsense_is_refused_in_one_line_that_names_the_option(option, text):
    with pytest.raises(ReidError) as refused:
        parse_limit(option, text)
    assert option in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", OPTIONS)
def test_the_example_of_an_option_is_one(name):
    limit = parse_limit(f"--{name}", OPTIONS[name][1])
    assert (limit.option, limit.text) == (name, OPTIONS[name][1])
