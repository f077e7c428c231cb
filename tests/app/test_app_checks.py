"""What a check answers, over HTTP from a real server with the real engine."""

import json
import math

import pytest
from samples import SUBJECT, every_format, picture, pixels, subject_id
from serving import parts

FIELDS = {"schema", "scan", "encoder", "gallery", "assumptions", "risk", "matches", "leakage", "controls"}
FIELDS |= {"leakage_unknown", "caveats", "timing_ms"}


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    return every_format(pixels(), tmp_path_factory.mktemp("scans"))


def finite(value):
    if isinstance(value, dict):
        return all(map(finite, value.values()))
    if isinstance(value, list):
        return all(map(finite, value))
    return value is None or isinstance(value, str | bool | int) or math.isfinite(value)


def without_times(report):
    return {key: value for key, value in report.items() if key != "timing_ms"}


def test_a_report_is_as_the_contract_says(served, scans):
    response = served.check(scans["scan.png"], params={"modality": "CXR"})
    assert response.status_code == 200, response.text
    report = response.json()
    assert report.keys() >= FIELDS
    assert report["schema"] == "reid-risk/1"
    assert report["scan"]["modality"] == "CXR"
    assert report["gallery"]["subjects"] == 24
    assert report["risk"]["level"] in ("high", "elevated", "low", "unknown")
    assert report["matches"][0].keys() >= {"rank", "subject_id", "sample_id", "similarity", "llr", "p_same"}
    assert [match["rank"] for match in report["matches"]] == list(range(1, len(report["matches"]) + 1))
    assert finite(report)
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("modality", ["CXR", "CFP"])
def test_a_person_is_found_by_a_new_visit(served, modality):
    # A held-out visit of each of six people: by chance one in 24 is found.
    people = [1, SUBJECT, 8, 12, 17, 21]
    found = 0
    for person in people:
        scan = picture(pixels(modality, person))
        report = served.check(scan, params={"modality": modality, "top": 1}).json()
        found += report["matches"][0]["subject_id"] == subject_id(person)
    assert found >= 4


@pytest.mark.parametrize("name", ["scan.jpg", "scan.tif", "scan.nii", "scan.nii.gz", "scan.nrrd", "scan.dcm",
                                  "no_suffix", "lies_about_its_type.dcm"])  # fmt: skip
def test_every_format_gives_the_pictures_matches(served, scans, name):
    params = {"modality": "CXR", "top": 3}
    expected = served.check(scans["scan.png"], params=params).json()["matches"][0]
    response = served.check(scans[name], name=name, params=params)
    assert response.status_code == 200, response.text
    got = response.json()["matches"][0]
    assert got["subject_id"] == expected["subject_id"]
    tolerance = 1e-6 if name not in ("scan.jpg", "scan.dcm") else 0.1
    assert got["similarity"] == pytest.approx(expected["similarity"], abs=tolerance)


def test_an_image_of_the_studies_gives_the_same_report_as_its_upload(served, phantom_cohort):
    name = "cxr_P003_s2.png"
    stored = served.check(query=f"output=json&image={name}", params={"modality": "CXR"})
    sent = served.check((phantom_cohort / name).read_bytes(), params={"modality": "CXR"})
    assert stored.status_code == 200, stored.text
    assert without_times(stored.json()) == without_times(sent.json())
    assert stored.json()["matches"][0]["near_duplicate"]


def test_output_all_answers_the_same_report_and_an_explanation(served, scans):
    params = {"modality": "MG"}
    plain = served.check(scans["scan.png"], params=params, query="")
    assert plain.headers["content-type"] == "application/json"
    whole, _ = parts(served.check(scans["scan.png"], params=params, query="output=all"))
    assert whole.pop("explanation")
    assert without_times(whole) == without_times(plain.json())


def test_the_scan_comes_after_the_parameters_too(served, scans):
    body = [("params", (None, '{"modality": "CXR", "top": 2}')), ("file", ("scan.png", scans["scan.png"]))]
    url = f"{served.url}/infer/reidentification_risk"
    for form in (body, body[::-1]):
        assert len(served.session.post(url, files=form, timeout=60).json()["matches"]) == 2


def test_parameters_reach_the_engine(served, scans):
    def ask(**params):
        response = served.check(scans["scan.png"], params={"modality": "CXR", **params})
        assert response.status_code == 200, response.text
        return response.json()

    assert len(ask(top=2)["matches"]) == 2
    assert ask(prior_enrolled=0.1)["assumptions"]["prior_enrolled"] == 0.1
    assert ask(population=100_000)["assumptions"]["population"] == 100_000
    assert ask(invert=True)["matches"][0]["similarity"] < ask()["matches"][0]["similarity"]


def test_a_window_reaches_the_reader(served):
    wide = pixels().astype("uint16") * 100
    shown = served.check(picture(wide), params={"modality": "CXR", "window": [12750, 25500]}).json()
    plain = served.check(picture(pixels()), params={"modality": "CXR"}).json()
    assert shown["matches"][0]["similarity"] == pytest.approx(plain["matches"][0]["similarity"], abs=1e-3)


def test_info_says_what_is_checked_with_and_names_nobody(served):
    info = served.get("/info/").json()
    model = info["models"]["reidentification_risk"]
    assert model["state"] == "ready"
    assert model["description"]
    assert model["encoder"]["name"] == "reid-lite0"
    assert model["gallery"]["subjects"] == 24
    assert model["gallery"]["by_modality"]["CXR"] == {"subjects": 24, "samples": 72}
    assert info["datastore"]["total"] == 216
    assert "gallery" in info["trainers"]
    text = json.dumps(info)
    assert "P003" not in text
    assert str(served.temporary) not in text


def test_the_page_of_the_interface_and_its_schema_are_there(served):
    assert "swagger" in served.get("/").text
    schema = served.get("/openapi.json").json()
    tasks = {"/train/", "/train/{model}", "/scoring/", "/scoring/{method}"}
    images = {"/datastore/", "/datastore/enrolled"}
    assert set(schema["paths"]) == {"/info/", "/infer/{model}", *images, *tasks, "/activelearning/{strategy}"}
