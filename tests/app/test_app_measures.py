"""Measures over HTTP: what they do to the risk, small pictures, and copies that lie over the scan in 3D Slicer."""

import base64
import gzip
import io

import numpy as np
import pytest
from PIL import Image
from samples import dicom, picture, pixels
from serving import parts
from slicer_files import OBLIQUE, export, load

from reid_engine.measures import MEASURES, measures_for
from reid_engine.scan import read_scan


def seen(text):
    with Image.open(io.BytesIO(base64.b64decode(text, validate=True))) as image:
        assert image.format == "PNG"
        return np.asarray(image)


def test_every_measure_that_suits_is_compared(served, tmp_path):
    image = "cxr_P003_s2.png"
    answer = served.measure(params={"modality": "CXR", "prior_enrolled": 0.9}, query=f"output=json&image={image}")
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert document["schema"] == "reid-measures/1"
    assert document.keys() == {"schema", "before", "measures", "caveats", "preview_before"}
    (tmp_path / "scan.png").write_bytes(picture(pixels()))
    expected = [measure.name for measure in measures_for(read_scan(tmp_path / "scan.png", modality="CXR"))]
    assert [row["measure"] for row in document["measures"]] == expected
    assert document["before"]["level"] == "high"
    before = seen(document["preview_before"])
    assert before.shape == (160, 160)
    kept = next(row for row in document["measures"] if row["measure"] == "header-only")
    np.testing.assert_array_equal(seen(kept["preview"]), before)
    assert kept["p_reidentified"] == document["before"]["p_reidentified"]
    blurred = next(row for row in document["measures"] if row["measure"] == "blur")
    assert (seen(blurred["preview"]) != before).any()
    assert answer.headers["cache-control"] == "no-store"


def test_only_the_measures_that_are_named_are_compared_and_pictures_are_small(served):
    scan = picture(pixels("CFP", size=400))
    params = {"modality": "CFP", "measures": ["crop", "optic-disc"]}
    document = served.measure(scan, params=params).json()
    assert [row["measure"] for row in document["measures"]] == ["crop", "optic-disc"]
    assert max(seen(document["preview_before"]).shape) == 256
    assert all(max(seen(row["preview"]).shape) == 256 for row in document["measures"])
    assert document["measures"][0]["ssim"] is None
    assert document["measures"][0]["kept"] < 1
    assert served.left_behind() == []


def copy(served, data, measure, name="scan.nii.gz", **params):
    answer = served.measure(data, name=name, params={**params, "measures": [measure]}, query="output=all")
    return parts(answer)


@pytest.mark.parametrize("name", ["scan.nii.gz", "scan.nrrd"])
def test_a_copy_lies_over_the_scan_with_a_planted_mark_painted_over(served, tmp_path, name):
    values = np.stack([pixels(), pixels(session=6)]) // 2
    values[:, 10:16, 140:146] = 255  # as a letter that was burnt in
    data = export(values, tmp_path / name)
    document, painted = copy(served, data, "marks", name=name, modality="CXR")
    assert [row["measure"] for row in document["measures"]] == ["marks"]
    voxels, place = load(painted, tmp_path)
    np.testing.assert_allclose(place, OBLIQUE, atol=1e-5)
    assert voxels.dtype == np.uint8
    assert voxels[:, 10:16, 140:146].max() < 200
    unchanged = np.ones(values.shape[1:], dtype=bool)
    unchanged[8:18, 138:148] = False
    np.testing.assert_array_equal(voxels[:, unchanged], values[:, unchanged])
    assert served.left_behind() == []


@pytest.mark.parametrize("colour", [False, True], ids=["grey", "colour"])
def test_a_crop_lies_where_it_was_cut(served, tmp_path, colour):
    values = pixels("CFP")[np.newaxis]
    values = values if colour else values[..., 1].copy()
    data = export(values, tmp_path / "scan.nii.gz")
    document, cut = copy(served, data, "crop", modality="CFP")
    voxels, place = load(cut, tmp_path, colour=colour)
    rows, columns = voxels.shape[1:3]
    assert rows * columns == pytest.approx(document["measures"][0]["kept"] * 160 * 160)
    step = np.linalg.inv(OBLIQUE) @ place
    np.testing.assert_allclose(step[:3, :3], np.eye(3), atol=1e-5)
    left, top, slice_ = (round(value) for value in step[:3, 3])
    assert (left > 0, top > 0, slice_) == (True, True, 0)
    np.testing.assert_array_equal(voxels, values[:, top : top + rows, left : left + columns])


def test_a_copy_of_a_dicom_file_is_without_its_header(served, tmp_path):
    document, whole = copy(served, dicom(pixels(), folder=tmp_path), "header-only", "scan.dcm", modality="CXR")
    voxels, place = load(whole, tmp_path)
    assert voxels.shape == (1, 160, 160)
    assert (np.sign(np.diag(place)) == [-1, -1, 1, 1]).all()
    assert "ueller" not in str(document)
    assert b"ueller" not in gzip.decompress(whole)


@pytest.mark.parametrize("measures", [None, ["blur", "crop"]])
def test_a_copy_is_made_by_one_measure(served, measures):
    params = {"modality": "CXR", **({} if measures is None else {"measures": measures})}
    answer = served.measure(picture(pixels()), params=params, query="output=all")
    assert answer.status_code == 422
    assert "exactly one" in answer.json()["detail"]


def test_a_measure_that_is_not_for_such_a_scan_is_refused(served):
    answer = served.measure(picture(pixels()), params={"modality": "CXR", "measures": ["optic-disc"]})
    assert answer.status_code == 400
    assert "optic-disc is not for such a CXR scan" in answer.json()["detail"]


def test_a_scan_of_an_unknown_kind_has_measures_too(served):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
    document = served.measure(picture(noise), params={"measures": ["blur"]}).json()
    assert document["before"]["level"] == "unknown"
    assert document["measures"][0]["lowers"] is None


def test_info_lists_the_measures_of_each_modality(served):
    info = served.get("/info/").json()
    offered = info["models"]["reidentification_measures"]["measures"]
    titles = {measure.name: measure.title for measure in MEASURES}
    assert {row["name"] for row in offered["CXR"]} == titles.keys() - {"optic-disc", "average"}
    assert {row["name"] for row in offered["CFP"]} == titles.keys() - {"marks", "average"}
    assert {row["name"]: row["title"] for row in offered["OCT"]}["average"] == titles["average"]
    assert [row["name"] for row in offered["OCT"] if row["volumes_only"]] == ["average"]
    assert info["models"]["reidentification_risk"]["explains"] is True
    assert info["server"] == {"images": False, "studies": True, "sign_in": None, "gallery_state": "ready"}
