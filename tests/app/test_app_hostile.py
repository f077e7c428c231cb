"""Requests that must not get what they ask for, over HTTP from a real server."""

import json
import socket

import pytest
from samples import nifti, picture, pixels
from serving import CHECK, MEASURES, parts


@pytest.fixture(scope="module")
def scan():
    return picture(pixels())


def refused(response, *statuses):
    """Assert one sentence without a path, and return it."""
    assert response.status_code in statuses, response.text
    body = response.json()
    assert set(body) == {"detail"}
    sentence = body["detail"]
    assert "\n" not in sentence
    assert "Traceback" not in sentence
    assert "/tmp" not in sentence
    assert 10 < len(sentence) < 300
    return sentence


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "file:///etc/passwd",
     "cxr_P003_s2.png/../../x", "./cxr_P003_s2.png", "manifest.csv", "http://127.0.0.1/x", "%00", "a%0d%0ab",
     "~root/.bashrc", "C:%5Cx.png", "x" * 3000],
)  # fmt: skip
def test_no_path_is_taken_for_an_image(served, name):
    for ask, output in ((served.check, "json"), (served.check, "all"), (served.measure, "json")):
        sentence = refused(ask(query=f"output={output}&image={name}"), 404)
        assert "passwd" not in sentence


@pytest.mark.parametrize(
    "key",
    ["image", "model", "device", "path", "label", "session", "save_label", "file", "result", "progress", "description"],
)
def test_no_parameter_overrides_the_request(served, scan, key):
    refused(served.check(scan, params={key: "/etc/passwd"}), 400, 422)
    refused(served.check(scan, params={key: "/etc/passwd"}, query="output=all"), 400, 422)
    refused(served.measure(scan, params={key: "/etc/passwd"}), 400, 422)
    assert served.left_behind() == []


@pytest.mark.parametrize(
    "subject", ["/etc/passwd", "../../x", "x" * 1000, "\0", "'; DROP TABLE subjects; --", "P003\n", "\u202eP003"]
)
def test_no_subject_but_an_enrolled_one_is_explained(served, scan, subject):
    params = {"modality": "CXR", "explain_subject": subject}
    sentence = refused(served.check(scan, params=params, query="output=all"), 400)
    assert "passwd" not in sentence
    assert "DROP" not in sentence


@pytest.mark.parametrize("name", ["/etc/passwd", "blur; rm -rf ~", "__class__", "", "BLUR", "blur\0", "x" * 9000])
def test_no_measure_but_a_known_one_is_taken(served, scan, name):
    for query in ("output=json", "output=all"):
        sentence = refused(served.measure(scan, params={"measures": [name]}, query=query), 422)
        assert "passwd" not in sentence


@pytest.mark.parametrize("params", ["[]", "{", "null,", '{"top": NaN}', b"\xff\xfe", '{"a":' * 3000, "x" * 20000])
def test_damaged_parameters_are_refused(served, scan, params):
    refused(served.check(scan, params=params), 400, 413, 422)
    refused(served.measure(scan, params=params), 400, 413, 422)


@pytest.mark.parametrize(
    "query",
    [
        "session_id=abc",
        "output=image",
        "output=dicom_seg",
        "output=",
        "device=cuda",
        "top=3",
        "params=%7B%7D",
    ],
)
def test_other_parts_of_the_address_are_refused(served, scan, query):
    refused(served.check(scan, query=query), 400, 422)
    refused(served.measure(scan, query=query), 400, 422)


def test_a_scan_and_an_image_are_not_taken_together(served, scan):
    refused(served.check(scan, query="image=cxr_P003_s2.png"), 400)
    refused(served.measure(scan, query="image=cxr_P003_s2.png"), 400)


def test_nothing_at_all_is_refused(served):
    refused(served.check(query="output=json"), 400)


@pytest.mark.parametrize("model", ["other", "gallery", "..%2f", "reidentification_risk2", "reidentification"])
def test_there_is_no_other_model(served, scan, model):
    url = f"{served.url}/infer/{model}"
    refused(served.session.post(url, files={"file": ("a.png", scan)}, timeout=60), 404)


HOSTILE_NAMES = [
    "../../evil.sh", "/etc/cron.d/evil", "..\\..\\evil.exe", "%2e%2e%2fevil", "evil\0.png", "." * 300,
    "a" * 5000, "con.nii.gz", "Müller Hans.png", '"; rm -rf ~; ".png', "\u202egnp.exe", "",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_the_name_of_an_upload_decides_nothing(served, scan, name):
    body = raw_form(scan, name.encode("utf-8", "replace"))
    response = served.session.post(served.url + CHECK, data=body, headers=FORM, timeout=60)
    # A header line that is too long is a damaged form; any other name is ignored.
    assert response.status_code == (400 if len(name) > 4000 else 200), response.text
    assert "evil" not in response.text
    assert served.left_behind() == []


FORM = {"content-type": "multipart/form-data; boundary=XX"}


def raw_form(data, name, part=b"file"):
    head = b'--XX\r\nContent-Disposition: form-data; name="' + part + b'"; filename="' + name + b'"\r\n\r\n'
    return head + data + b"\r\n--XX--\r\n"


@pytest.mark.parametrize("part", [b"label", b"image", b"upload", b"", b"file\0"])
def test_other_parts_of_the_form_are_refused(served, scan, part):
    refused(
        served.session.post(served.url + CHECK, data=raw_form(scan, b"a", part), headers=FORM, timeout=60),
        400,
    )


def test_a_second_scan_is_refused(served, scan):
    files = [("file", ("a.png", scan)), ("file", ("b.png", scan))]
    refused(served.session.post(served.url + CHECK, files=files, timeout=60), 400)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"--XX\r\nnonsense", FORM["content-type"]),
        (b"--XX\r\n" + b"A: b\r\n" * 5000, FORM["content-type"]),
        (raw_form(b"x" * 100, b"a.png")[:-12], FORM["content-type"]),
        (b"", FORM["content-type"]),
        (raw_form(b"x", b"a"), "multipart/form-data"),
        (raw_form(b"x", b"a"), "multipart/form-data; boundary=" + "Y" * 500),
        (b"\x89PNG", "image/png"),
        (b"params=%7B%7D&image=%2Fetc%2Fpasswd", "application/x-www-form-urlencoded"),
        (json.dumps({"image": "/etc/passwd"}).encode(), "application/json"),
    ],
)
def test_a_body_of_another_kind_or_damaged_is_refused(served, body, kind):
    for address in (CHECK, f"{CHECK}?output=all", MEASURES):
        response = served.session.post(served.url + address, data=body, headers={"content-type": kind}, timeout=60)
        refused(response, 400, 413, 415)
    assert served.left_behind() == []


@pytest.mark.parametrize(
    "data",
    [b"", b"x", b"not a scan" * 100, b"%PDF-1.7" + b"x" * 100, b"\x89PNG\r\n\x1a\n" + b"\0" * 100,
     b"\0" * 4096, b"NRRD0004\ndata file: /etc/passwd\nsizes: 9 9\n\n", b"\x1f\x8b\x08" + b"\0" * 50,
     b"\0" * 128 + b"DICM" + b"\xff" * 300],
)  # fmt: skip
def test_what_is_no_scan_is_told_in_a_sentence(served, data):
    refused(served.check(data), 422)
    refused(served.check(data, query="output=all"), 422)
    refused(served.measure(data), 422)
    refused(served.measure(data, params={"measures": ["blur"]}, query="output=all"), 422)
    assert served.left_behind() == []


def test_a_scan_cut_short_is_told_in_a_sentence(served, tmp_path):
    from samples import every_format

    for name, data in every_format(pixels(), tmp_path).items():
        refused(served.check(data[: len(data) // 2], name=name), 422)


@pytest.mark.parametrize(
    "place", [b"\xff\xff\xff\x7f", b"\0\0\xc0\x7f", b"\0\0\x80\xff"], ids=["huge", "nan", "infinite"]
)
@pytest.mark.parametrize("at", [76, 80, 88, 256, 268, 280, 292])  # pixdim, quaternion, offset, rows of the matrix
def test_a_nifti_of_no_place_gets_an_answer_all_the_same(served, at, place):
    data = bytearray(nifti(pixels()))
    data[252:256] = b"\1\0\1\0"
    data[at : at + 4] = place
    for measure in ("crop", "header-only"):
        params = {"modality": "CXR", "measures": [measure]}
        document, copied = parts(served.measure(bytes(data), name="x.nii", params=params, query="output=all"))
        assert document["measures"][0]["measure"] == measure
        assert copied


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/datastore/?image=x"),
        ("GET", "/datastore/image?image=cxr_P003_s2"), ("DELETE", "/datastore/?id=x"), ("GET", "/logs/"),
        ("GET", "/logs/gpu"), ("POST", "/reload"), ("GET", "/proxy/dicom/x"), ("PUT", "/session/"),
        ("POST", "/batch/infer/reidentification_risk"), ("POST", "/infer/wsi/reidentification_risk"),
        ("POST", "/infer/wsi_v2/reidentification_risk"), ("POST", "/scoring/x"),
        ("POST", "/activelearning/random"), ("GET", "/ohif/"), ("GET", "/model/reidentification_risk"),
        ("PUT", "/model/reidentification_risk"), ("GET", "/static/ohif/index.html"), ("GET", "/auth/token"),
        ("GET", "/infer/reidentification_risk"), ("DELETE", "/info/"), ("GET", "/%2e%2e/%2e%2e/etc/passwd"),
    ],
)  # fmt: skip
def test_addresses_that_the_product_does_not_need_are_not_there(served, method, path):
    response = served.session.request(method, served.url + path, timeout=60)
    refused(response, 404, 405)


@pytest.mark.parametrize("body", ['{"bundle_path": "/tmp"}', '{"gpus": "0"}', "[1]", "x" * 100_000])
def test_enrolling_takes_no_parameters(served, body):
    url = served.url + "/train/gallery"
    refused(
        served.session.post(url, data=body, headers={"content-type": "application/json"}, timeout=60),
        400,
        413,
    )


@pytest.mark.parametrize("model", ["other", "reidentification_risk"])
def test_there_is_no_other_train_task(served, model):
    refused(served.session.post(f"{served.url}/train/{model}", timeout=60), 404)


@pytest.mark.parametrize("path", ["/info/", "/openapi.json", "/"])
def test_a_borrowed_name_is_refused(served, path):
    refused(served.get(path, Host="evil.example"), 421)


def test_pages_of_other_sites_are_refused_and_get_no_permission(served, scan):
    response = served.check(scan, Origin="https://evil.example")
    refused(response, 403)
    assert "access-control-allow-origin" not in response.headers


def test_pages_of_this_machine_are_served_without_credentials(served):
    response = served.get("/info/", Origin="http://localhost:3000")
    assert response.headers["access-control-allow-origin"] == "http://localhost:3000"
    assert "access-control-allow-credentials" not in response.headers


def test_a_request_that_is_no_http_ends_quietly(served):
    with socket.create_connection(("127.0.0.1", served.server.port), timeout=10) as connection:
        connection.sendall(b"\x16\x03\x01nonsense\r\n\r\n")
        assert b"400" in connection.recv(1000)
    assert served.get("/info/").status_code == 200
