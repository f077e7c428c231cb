"""Pictures of enrolled images: only where the operator allows it, and then pixels alone."""

import gzip

import numpy as np
import pytest
from lib.images import Images
from lib.options import Options
from lib.studies import StudiesFolder
from lib.study_ids import StudyIds
from PIL import Image
from serving import ANOTHER_NOW
from slicer_files import load
from test_app_hostile import refused

from reid_engine.scan import read_scan

LIST, ENROLLED = "/datastore/", "/datastore/enrolled?sample="


@pytest.mark.parametrize("path", [LIST, LIST + "?x=1", ENROLLED + "cxr_P003_s2.png", ENROLLED, "/datastore/enrolled"])
def test_images_are_shown_only_where_the_operator_allows_it(served, path):
    sentence = refused(served.get(path), 403)
    assert "--conf images yes" in sentence
    assert served.get("/info/").json()["server"]["images"] is False


def test_the_studies_are_listed_by_their_ids(guarded, phantom_cohort):
    assert guarded.get("/info/").json()["server"]["images"] is True
    answer = guarded.get(LIST)
    names = sorted(path.name for path in phantom_cohort.glob("*.png"))
    assert answer.json() == {"images": names, "total": len(names)}
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("name", ["cxr_P003_s2.png", "cfp_P003_s1_R.png"])
def test_an_enrolled_image_is_its_pixels(guarded, phantom_cohort, tmp_path, name):
    answer = guarded.get(ENROLLED + name)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["cache-control"] == "no-store"
    pixels = np.asarray(Image.open(phantom_cohort / name))
    voxels, place = load(answer.content, tmp_path, colour=pixels.ndim == 3)
    np.testing.assert_array_equal(voxels[0], pixels)
    np.testing.assert_allclose(np.abs(np.diag(place)), 1)
    assert (np.sign(np.diag(place)) == [-1, -1, 1, 1]).all()
    assert b"P003" not in gzip.decompress(answer.content)
    assert "P003" not in str(answer.headers)


def test_every_match_of_a_check_can_be_seen(guarded, phantom_cohort):
    report = guarded.check(query="image=cxr_P012_s2.png", params={"modality": "CXR", "top": 3}).json()
    for match in report["matches"]:
        assert guarded.get(ENROLLED + match["sample_id"]).status_code == 200


def test_a_picture_that_was_not_enrolled_is_not_shown_for_one_that_was(guarded):
    assert "not the one that was enrolled" in refused(guarded.get(ENROLLED + ANOTHER_NOW), 404)


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "../../etc/passwd", "..%2f..%2fetc%2fpasswd", "file:///etc/passwd", "./cxr_P003_s2.png",
     "manifest.csv", "cxr_P003_s2.png/../cxr_P003_s2.png", "%00", "a%0d%0ab", "P003", "x" * 3000, "%ff%fe", "*"],
)  # fmt: skip
def test_no_path_is_taken_for_an_enrolled_image(guarded, name):
    sentence = refused(guarded.get(ENROLLED + name), 404)
    assert "passwd" not in sentence


@pytest.mark.parametrize("query", ["", "sample=", "sample=" + "x" * 5000, "sample=a&image=b", "image=cxr_P003_s2.png"])
def test_other_parameters_are_refused(guarded, query):
    refused(guarded.get("/datastore/enrolled?" + query), 400, 422)
    refused(guarded.get("/datastore/?output=all"), 400)


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", [LIST, "/datastore/enrolled", "/datastore/label", "/datastore/image?image=x"])
def test_images_are_only_looked_at(guarded, method, path):
    refused(guarded.session.request(method, guarded.url + path, data=b"x", timeout=60), 404, 405)


def test_looking_names_nobody_in_the_log(guarded):
    guarded.get(ENROLLED + "cxr_P003_s2.png")
    guarded.get(ENROLLED + "cxr_Mueller.png")
    printed = guarded.printed()
    assert "a picture was answered" in printed
    assert "a picture was refused with 404" in printed
    for word in ("cxr_", "P003", "Mueller", ".png"):
        assert word not in printed


def test_a_series_is_shown_by_its_middle_slice_and_what_is_large_in_small(tmp_path):
    """Of a series the file in the studies is one slice; the sample is all of them."""
    from dicom_files import write_dicom

    rows, columns = np.mgrid[:1200, :1600]
    studies = tmp_path / "studies"
    studies.mkdir()
    for number in range(3):
        values = ((rows // 8 + columns // 8) % 200 + 20 * number).astype(np.uint8)
        tags = {"PatientID": "Mueller", "SeriesInstanceUID": "1.2.3", "SOPInstanceUID": f"1.2.3.{number}"}
        tags |= {"ImagePositionPatient": [0, 0, number], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}
        write_dicom(studies / f"{number}.dcm", values, number=number, Modality="MR", PixelSpacing=[0.2, 0.1], **tags)
    folder, ids = StudiesFolder(studies.resolve()), StudyIds()
    sample_id = next(iter(ids.of(folder)))
    sample = ids.sample(folder, sample_id)
    scan = read_scan(sample.path, modality=sample.modality)
    assert scan.shape == (3, 1200, 1600)

    class Gallery:
        def digest_of(self, asked):
            return scan.pixel_digest if asked == sample_id else None

    class App:
        def datastore(self):
            return folder

    images = Images(App(), Options(tmp_path, studies, images=True), Gallery(), ids)
    voxels, place = load(images._picture(sample_id).body, tmp_path)
    assert voxels.shape == (1, 768, 1024)
    assert voxels.mean() == pytest.approx(scan.eight_bit(1).mean(), abs=0.5)
    np.testing.assert_allclose(np.abs(np.diag(place)[:2]), [0.1 * 1600 / 1024, 0.2 * 1200 / 768], rtol=1e-5)
