"""Every criterion of the level, at its edge."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reid_engine.level import HIGH, LOW, LOW_RATE, Evidence, judge
from reid_engine.matcher.trials import Band

QUIET = Band(0.0, 0.05, 0.02, 0.01, 0.04, 900, 200)
LOUD = Band(0.3, 0.5, 0.7, 0.55, 0.8, 200, 90)
SAFE = Evidence(None, 0.01, 0.02, QUIET, True, False)


def level(**changes):
    return judge(replace(SAFE, **changes))[0]


def test_low_needs_everything():
    assert judge(SAFE)[0] == "low"


@pytest.mark.parametrize(
    "change",
    [
        {"in_domain": None},
        {"copy_enrolled": True},
        {"band": None},
        {"band": replace(QUIET, reidentified=None, low=None, high=None)},
        {"band": replace(QUIET, high=LOW_RATE)},
        {"obstacle": "The modality is not known."},
    ],
)
def test_low_is_not_given_where_the_data_cannot_support_it(change):
    assert level(**change) == "unknown"


@pytest.mark.parametrize("change", [{"p": LOW}, {"high": LOW}, {"band": replace(QUIET, reidentified=LOW)}])
def test_elevated_from_one_in_twenty(change):
    assert level(**change) == "elevated"


def test_high_from_one_in_two():
    assert level(p=HIGH) == "high"
    assert level(p=HIGH - 1e-9, high=0.9) == "elevated"


def test_high_when_the_measured_rate_is_surely_above_one_in_two():
    assert level(p=0.4, high=0.45, band=LOUD) == "high"
    assert level(p=0.4, high=0.45, band=replace(LOUD, low=0.49)) == "elevated"


def test_an_obstacle_is_the_reason():
    assert judge(replace(SAFE, obstacle="No images.", p=math.nan)) == ("unknown", "No images.")


def test_every_reason_is_a_sentence():
    for case in (SAFE, replace(SAFE, p=0.9), replace(SAFE, p=0.1), replace(SAFE, in_domain=None)):
        reason = judge(case)[1]
        assert reason[0].isupper()
        assert reason.endswith(".")


SHARES = st.one_of(st.just(math.nan), st.floats(0, 1), st.sampled_from([LOW, LOW - 1e-9, LOW_RATE, HIGH]))
RATES = st.one_of(st.none(), st.floats(0, 1), st.sampled_from([LOW, LOW_RATE, HIGH]))
BANDS = st.one_of(st.none(), st.builds(lambda *rates: Band(0.0, 0.05, *rates, 900, 200), RATES, RATES, RATES))
CASES = st.builds(
    Evidence,
    obstacle=st.one_of(st.none(), st.none(), st.just("The modality is not known.")),
    p=SHARES,
    high=SHARES,
    band=BANDS,
    in_domain=st.sampled_from([True, True, False, None]),
    copy_enrolled=st.booleans(),
)


@given(CASES)
def test_low_says_that_everything_supports_it(case):
    if judge(case)[0] != "low":
        return
    assert case.obstacle is None
    assert case.in_domain is True
    assert not case.copy_enrolled
    assert case.p < LOW
    assert case.high < LOW
    assert case.band is not None
    assert case.band.reidentified is not None
    assert case.band.reidentified < LOW
    assert case.band.high is not None
    assert case.band.high < LOW_RATE


@pytest.mark.parametrize(
    "doubt",
    [{"p": math.nan}, {"high": math.nan}, {"in_domain": False}, {"band": Band(0.0, 0.05, None, 0.0, 0.02, 900, 200)}],
)
def test_what_is_not_known_is_never_low(doubt):
    """Comparisons with NaN are false, whichever way they are put."""
    sure = Evidence(None, 0.001, 0.01, Band(0.0, 0.05, 0.01, 0.0, 0.02, 900, 200), True, False)
    assert judge(sure)[0] == "low"
    assert judge(replace(sure, **doubt))[0] == "unknown"
