"""Numbers on the page are the report's, rounded and never made up."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reid_engine.report.page.numbers import (
    CANNOT,
    difference,
    difference_span,
    p_value,
    share,
    share_span,
    shown,
    span,
)

NOT_NUMBERS = (None, math.nan, math.inf, -math.inf, "0.5", True, [0.5])


def plain(text):
    return text.replace("\u00a0", " ").replace("\u2212", "-")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 %"),
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.463, "46.3 %"),
        (0.46349, "46.3 %"),
        (0.9994, "99.9 %"),
        (0.99996, "above 99.9 %"),
        (0.01, "1.0 %"),
        (0.00996, "1.0 %"),
        (0.0051, "0.51 %"),
        (0.00042, "0.042 %"),
        (0.000001, "below 0.001 %"),
    ],
)
def test_a_share_in_per_cent(value, text):
    assert plain(share(value)) == text


@given(st.floats(1e-5, 0.9994))
def test_a_share_is_within_half_a_digit_of_the_value(value):
    text = plain(share(value)).removesuffix(" %")
    digits = len(text.partition(".")[2])
    assert abs(float(text) - 100 * value) <= 0.5 * 10**-digits + 1e-9
    assert float(text) > 0


@given(st.floats(0, 10), st.sampled_from(["auc", "cllr", "min_cllr", "ece", "map@r", "precision@1"]))
def test_a_decimal_has_three_places(value, metric):
    text = shown(metric, value)
    assert re.fullmatch(r"\d+\.\d{3}", text)
    assert abs(float(text) - value) <= 0.00051


@pytest.mark.parametrize("value", NOT_NUMBERS)
@pytest.mark.parametrize("metric", ["rank-1", "auc", "mae", "something new"])
def test_what_is_no_number_cannot_be_estimated(value, metric):
    assert shown(metric, value) == CANNOT
    assert difference(metric, value) == CANNOT
    for ends in (None, [value, 0.5], [0.5, value], [0.5], "no", 3):
        assert span(metric, ends) == ""
        assert share_span(ends) == ""
        assert difference_span(metric, ends) == ""


def test_intervals():
    assert plain(span("rank-1", [0.412, 0.51])) == "41.2 to 51.0 %"
    assert plain(span("auc", [0.81234, 0.9])) == "0.812 to 0.900"
    assert plain(span("mae", [7.06, 8.84])) == "7.1 to 8.8"


def test_differences_have_a_sign():
    assert plain(difference("auc", 0.065)) == "+0.065"
    assert plain(difference("auc", -0.065)) == "-0.065"
    assert plain(difference("rank-1", -0.123)) == "-12.3 points"
    assert plain(difference_span("auc", [-0.1, 0.02])) == "-0.100 to +0.020"


def test_a_p_value_is_never_zero():
    assert plain(p_value(0.0)) == "< 0.001"
    assert plain(p_value(0.0004)) == "< 0.001"
    assert p_value(0.0214) == "0.021"
    assert p_value(None) == "–"


def test_the_probability_in_a_metrics_name_is_shown_in_per_cent():
    from reid_engine.report.page.numbers import metric

    assert plain(metric("share-above-0.5").label) == "images stated at 50 % or more"
    assert plain(shown("share-above-0.5", 0.313)) == "31.3 %"
