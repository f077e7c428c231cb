"""Explanations over HTTP: the report, and a map that lies over the scan in 3D Slicer."""

import io
import socket
import time

import numpy as np
import pytest
from lib.desk import Desk
from lib.options import Options
from lib.params import CheckParams
from lib.studies import StudiesFolder
from lib.study_ids import StudyIds
from PIL import Image
from samples import SUBJECT, picture, pixels, subject_id
from serving import ANOTHER_NOW, CHECK, parts
from slicer_files import OBLIQUE, export, load

from reid_engine.cohort import read_cohort
from reid_engine.encoder.model import load_spec
from reid_engine.encoder.trained import read_description
from reid_engine.explanation import SamplePictures, explain
from reid_engine.matcher.gallery import Gallery
from reid_engine.risk import RiskAssessor
from reid_engine.scan import read_scan


def test_a_map_lies_over_a_picture_that_slicer_exported(served, tmp_path, _phantom_gallery, encoder):  # noqa: PT019 - read only
    data = export(pixels("CFP")[np.newaxis], tmp_path / "scan.nii.gz")
    other = subject_id(SUBJECT + 1)
    params = {"modality": "CFP", "top": 3, "explain_subject": other}
    report, map_ = parts(served.check(data, name="scan.nii.gz", params=params, query="output=all"))
    assert report["schema"] == "reid-risk/1"
    assert len(report["matches"]) == 3
    voxels, place = load(map_, tmp_path)
    np.testing.assert_allclose(place, OBLIQUE, atol=1e-5)
    scan = read_scan(tmp_path / "scan.nii.gz", modality="CFP")
    assessor = RiskAssessor(Gallery.open(_phantom_gallery, encoder=encoder.identity), encoder)
    found = explain(assessor, scan, other)
    np.testing.assert_allclose(voxels, found.map, atol=1e-3)
    assert 0 < voxels.max() <= 1
    told = report["explanation"]
    assert told.keys() == {"subject_id", "sample_id", "similarity", "most_lost", "method"}
    assert (told["subject_id"], told["sample_id"], told["method"]) == (other, found.sample_id, "occlusion")
    assert told["similarity"] == pytest.approx(found.similarity, abs=1e-5)
    assert told["most_lost"] == pytest.approx(float(voxels.max()), abs=1e-6)
    assert served.left_behind() == []


def by_patches(assessor, studies, scan, subject):
    """Explain as the library does with the studies at hand."""
    samples = {one.sample_id: one for one in read_cohort(studies).samples}
    return explain(assessor, scan, subject, enrolled=SamplePictures(samples.get))


@pytest.fixture(scope="module")
def vit(vit_place):
    gallery, encoder = vit_place
    encoder = load_spec(read_description(encoder), device="cpu")
    return RiskAssessor(Gallery.open(gallery, encoder=encoder.identity), encoder)


def test_a_transformers_patches_are_compared_with_the_pictures_of_the_studies(guarded, vit, phantom_cohort, tmp_path):
    data = export(pixels("CXR")[np.newaxis], tmp_path / "scan.nii.gz")
    params = {"modality": "CXR", "explain_subject": subject_id()}
    report, map_ = parts(guarded.check(data, name="scan.nii.gz", params=params, query="output=all"))
    voxels, place = load(map_, tmp_path)
    np.testing.assert_allclose(place, OBLIQUE, atol=1e-5)
    found = by_patches(vit, phantom_cohort, read_scan(tmp_path / "scan.nii.gz", modality="CXR"), subject_id())
    np.testing.assert_allclose(voxels, found.map, atol=1e-3)
    told = report["explanation"]
    assert told.keys() == {"method", "subject_id", "sample_id", "similarity", "most_lost", "margin", "others"}
    assert (told["method"], told["most_lost"]) == ("patch correspondence", None)
    assert (told["sample_id"], told["others"]) == (found.sample_id, found.others)
    assert told["margin"] == pytest.approx(float(voxels.max()), abs=1e-6)
    assert guarded.left_behind() == []


def test_a_picture_that_is_not_the_enrolled_one_any_more_is_not_compared_with(guarded, vit, phantom_cohort):
    """Its scan, sent anew, is most alike to the row that it once made."""
    data = (phantom_cohort / ANOTHER_NOW).read_bytes()
    params = {"modality": "CXR", "explain_subject": "P007"}
    report, map_ = parts(guarded.check(data, params=params, query="output=all"))
    told = report["explanation"]
    assert (told["sample_id"], told["method"]) == (ANOTHER_NOW, "occlusion")
    assert "not the one that was enrolled" in told["note"]
    assert map_ is not None


def test_pictures_are_compared_though_the_server_shows_none(vit, vit_place, phantom_cohort, tmp_path, monkeypatch):
    """With `--conf images` left out, and without a file of the studies where there are none."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    scan = tmp_path / "scan.png"
    scan.write_bytes(picture(pixels()))
    (tmp_path / "empty").mkdir()
    for studies, method in ((phantom_cohort, "patch correspondence"), (tmp_path / "empty", "occlusion")):
        options = Options(vit_place[0], studies, encoder=str(vit_place[1]))
        assert options.images is False
        ids, folder = StudyIds(), StudiesFolder(studies)
        desk = Desk(options, lambda sample_id, ids=ids, folder=folder: ids.sample(folder, sample_id))
        document, volume = desk.explain(scan, CheckParams("CXR", explain_subject=subject_id()), lambda *told: None)
        assert document["explanation"]["method"] == method
        assert volume is not None
        assert str(tmp_path) not in str(document)


def test_a_map_of_a_volume_has_its_slices(served, tmp_path):
    values = np.stack([pixels(), pixels(session=6)])
    data = export(values, tmp_path / "scan.nrrd")
    report, map_ = parts(served.check(data, name="scan.nrrd", params={"modality": "CXR"}, query="output=all"))
    voxels, place = load(map_, tmp_path)
    np.testing.assert_allclose(place, OBLIQUE, atol=1e-5)
    assert voxels.shape == values.shape
    assert voxels.max(axis=(1, 2)).all()
    assert report["explanation"]["subject_id"] in {match["subject_id"] for match in report["matches"]}
    assert report["timing_ms"]["explain"] > 0


@pytest.mark.parametrize("modality", ["MG", "US"])
def test_where_nothing_can_be_explained_the_report_says_why(served, modality):
    answer = served.check(picture(pixels()), params={"modality": modality}, query="output=all")
    report, map_ = parts(answer)
    assert map_ is None
    assert report["schema"] == "reid-risk/1"
    assert report["risk"]["level"] == "unknown"
    assert report["explanation"].keys() == {"reason"}
    assert f"enrol {modality} images" in report["explanation"]["reason"]
    assert answer.headers["cache-control"] == "no-store"


def test_an_unknown_modality_is_asked_for(served):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
    report, map_ = parts(served.check(picture(noise), query="output=all"))
    assert report["scan"]["modality"] == "unknown"
    assert map_ is None
    assert "choose the scan's modality" in report["explanation"]["reason"]


def test_whoever_is_not_enrolled_is_not_repeated(served):
    params = {"modality": "CXR", "explain_subject": "Mueller, Hans"}
    answer = served.check(picture(pixels()), params=params, query="output=all")
    assert answer.status_code == 400
    assert "no such subject" in answer.json()["detail"]
    assert "Hans" not in answer.text


def test_a_map_is_not_made_unless_it_is_asked_for(served):
    params = {"modality": "CXR", "explain_subject": subject_id()}
    report = served.check(picture(pixels()), params=params).json()
    assert "explanation" not in report


def long_to_explain():
    """Give a volume of eight slices, the most that are looked at."""
    slices = [Image.fromarray(pixels("CXR", session=session)) for session in range(8)]
    stream = io.BytesIO()
    slices[0].save(stream, "TIFF", save_all=True, append_images=slices[1:])
    return stream.getvalue()


def send(served, data, query):
    head = b'--XX\r\nContent-Disposition: form-data; name="file"; filename="a.tif"\r\n\r\n'
    params = b'\r\n--XX\r\nContent-Disposition: form-data; name="params"\r\n\r\n{"modality": "CXR"}\r\n--XX--\r\n'
    body = head + data + params
    connection = socket.create_connection(("127.0.0.1", served.server.port), timeout=60)
    connection.sendall(
        f"POST {CHECK}?{query} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n"
        "Content-Type: multipart/form-data; boundary=XX\r\n\r\n".encode()
        + body
    )
    return connection


def unanswered(connection):
    connection.setblocking(False)
    try:
        return connection.recv(1, socket.MSG_PEEK) is None
    except BlockingIOError:
        return True


def within(seconds, holds):
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.05)
    return holds()


def times_given_up(served):
    return served.server.log.read_text().count("an explanation was given up")


def test_checks_do_not_wait_for_explanations_and_whoever_leaves_is_not_worked_for(served):
    given_up = times_given_up(served)
    scan, connections = long_to_explain(), []
    try:
        connections.append(send(served, scan, "output=all"))
        assert within(20, lambda: served.left_behind())
        connections.append(send(served, scan, "output=all"))  # waits for its turn
        assert within(20, lambda: len(served.left_behind()) == 2)
        for _ in range(3):
            assert served.check(picture(pixels()), params={"modality": "CXR"}).status_code == 200
        assert all(map(unanswered, connections)), "the explanation was too quick to show anything"
        connections[1].close()
        assert within(20, lambda: len(served.left_behind()) == 1)
        connections[0].close()
        assert within(20, lambda: served.left_behind() == [])
        assert within(10, lambda: times_given_up(served) == given_up + 1)
    finally:
        for connection in connections:
            connection.close()


def test_more_explanations_than_can_wait_are_told_to_come_back(served):
    scan, connections = long_to_explain(), []
    try:
        for count in range(1, 6):
            connections.append(send(served, scan, "output=all"))
            assert within(20, lambda: len(served.left_behind()) == count)  # noqa: B023
        answer = served.check(picture(pixels()), params={"modality": "MG"}, query="output=all")
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert served.check(picture(pixels()), params={"modality": "MG"}).status_code == 200
    finally:
        for connection in connections:
            connection.close()
    assert within(20, lambda: served.left_behind() == [])
