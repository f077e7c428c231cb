import json

import pytest
from lib.failures import Refusal
from lib.params import CheckParams, MeasureParams


def test_nothing_given_is_the_librarys_defaults():
    assert CheckParams.parse("") == CheckParams.parse("{}") == CheckParams()
    assert CheckParams().as_request() == {
        "modality": None, "prior_enrolled": 0.5, "population": None,
        "top": 10, "window": None, "invert": False, "explain_subject": None,
    }  # fmt: skip


def test_each_parameter_is_read():
    given = {
        "modality": "cxr", "prior_enrolled": 1, "population": 5000,
        "top": 3, "window": [40, 400.5], "invert": True, "explain_subject": "P001",
    }  # fmt: skip
    params = CheckParams.parse(json.dumps(given))
    assert params == CheckParams("CXR", 1.0, 5000, (40.0, 400.5), True, 3, "P001")
    assert CheckParams.of({**params.as_request(), "image": "/x", "device": "cuda"}) == params


def test_null_and_an_unknown_modality_mean_find_it_out():
    assert CheckParams.parse('{"modality": null, "top": null}') == CheckParams()
    assert CheckParams.parse('{"modality": "unknown"}') == CheckParams()


@pytest.mark.parametrize(
    "key",
    ["image", "model", "device", "path", "session_id", "label", "result_write_to_file", "Top", "__class__"],
)
def test_other_keys_are_refused_without_being_repeated(key):
    with pytest.raises(Refusal, match="a key that is not taken") as caught:
        CheckParams.parse(json.dumps({key: "/etc/passwd"}))
    assert caught.value.status == 400
    assert "passwd" not in caught.value.sentence


@pytest.mark.parametrize(
    "values",
    [
        {"modality": 3}, {"modality": "XYZ"}, {"modality": ["CXR"]},
        {"prior_enrolled": 0}, {"prior_enrolled": 1.1}, {"prior_enrolled": "1"}, {"prior_enrolled": True},
        {"population": 0}, {"population": 2.5}, {"population": 10**11}, {"population": "many"},
        {"top": 0}, {"top": 101}, {"top": 1e400}, {"top": [1]},
        {"window": 3}, {"window": [1]}, {"window": [1, 0]}, {"window": [1, -5]}, {"window": ["a", 1]},
        {"window": [1, 2, 3]}, {"window": {"centre": 1}}, {"window": [10**400, 1]},
        {"invert": 1}, {"invert": "yes"},
        {"explain_subject": ""}, {"explain_subject": 3}, {"explain_subject": ["P001"]}, {"explain_subject": "x" * 1001},
    ],
)  # fmt: skip
def test_values_out_of_range_are_refused_by_name(values):
    text = json.dumps(values).replace("Infinity", "1e999")
    with pytest.raises(Refusal) as caught:
        CheckParams.parse(text)
    assert caught.value.status == 422
    assert next(iter(values)) in caught.value.sentence


@pytest.mark.parametrize(
    "text", ["[]", "3", "nonsense", '{"top": NaN}', '{"top": 1, "top": 2}', '{"a":' * 5000, "\x00", '"' * 9]
)
def test_what_is_no_json_object_is_refused(text):
    with pytest.raises(Refusal) as caught:
        CheckParams.parse(text)
    assert caught.value.status in (400, 413)


def test_a_very_long_text_is_refused():
    with pytest.raises(Refusal, match="too long"):
        CheckParams.parse('{"modality": "' + "x" * 20000 + '"}')


def test_measures_are_read_by_name_and_each_once():
    params = MeasureParams.parse('{"measures": ["blur", "crop", "blur"], "modality": "cxr", "population": 60}')
    assert params == MeasureParams("CXR", population=60, measures=("blur", "crop"))
    assert MeasureParams.parse("") == MeasureParams.parse('{"measures": null}') == MeasureParams()


@pytest.mark.parametrize("given", [[], "blur", {"blur": 1}, ["sharpen"], [3], [None], [["blur"]], ["blur"] * 11])
def test_other_measures_are_refused_without_being_repeated(given):
    with pytest.raises(Refusal, match="measures must be a list of some of header-only, crop") as caught:
        MeasureParams.parse(json.dumps({"measures": given}))
    assert caught.value.status == 422
    assert "sharpen" not in caught.value.sentence


@pytest.mark.parametrize("key", ["top", "explain_subject", "result", "progress", "image"])
def test_measures_take_their_own_parameters_alone(key):
    with pytest.raises(Refusal, match="a key that is not taken"):
        MeasureParams.parse(json.dumps({key: 1}))
