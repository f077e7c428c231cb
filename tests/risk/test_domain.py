"""What is not of the gallery's kind is said to be outside of its domain, whatever modality it is called."""

from dataclasses import replace

import numpy as np
import pytest
import skimage.data
from PIL import Image
from pydicom.data import get_testdata_file

from reid_engine.cohort import Cohort, read_cohort
from reid_engine.domain import fit_domain
from reid_engine.fitting import fit_gallery
from reid_engine.matcher.enrolment import enrol
from reid_engine.matcher.gallery import Gallery
from reid_engine.risk import RiskAssessor
from reid_engine.scan import read_scan

pytestmark = pytest.mark.slow

SETS = {"CXR": "kermany_cxr", "OCT": "octdl_oct", "CFP": "odir_cfp"}
IMAGES = 160


@pytest.fixture(scope="module")
def galleries(shared_data, encoder, tmp_path_factory):
    """Give an assessor of a small real gallery for each modality, and images that are not enrolled."""
    folder, found = tmp_path_factory.mktemp("domain"), {}
    for modality, name in SETS.items():
        cohort = read_cohort(shared_data / name)
        subjects = list(dict.fromkeys(sample.subject_id for sample in cohort.samples))
        chosen = set(subjects[: len(subjects) // 2])
        inside = tuple(sample for sample in cohort.samples if sample.subject_id in chosen)[:IMAGES]
        outside = tuple(sample for sample in cohort.samples if sample.subject_id not in chosen)[:40]
        gallery = Gallery.create(folder / name, encoder.identity)
        enrol(Cohort(cohort.root, inside), gallery, encoder)
        fit_gallery(gallery)
        found[modality] = RiskAssessor(gallery, encoder), outside
    return found


def saved(folder, name, pixels):
    path = folder / f"{name}.png"
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture(scope="module")
def strangers(tmp_path_factory, shared_data):
    """Give files that show no chest, no fundus and no retina."""
    folder, rng = tmp_path_factory.mktemp("strangers"), np.random.default_rng(0)
    normal = np.clip(rng.normal(128, 40, (300, 300)), 0, 255).astype(np.uint8)
    return {
        "cat": saved(folder, "cat", skimage.data.chelsea()),
        "page": saved(folder, "page", skimage.data.page()),
        "coins": saved(folder, "coins", skimage.data.coins()),
        "uniform noise": saved(folder, "uniform", rng.integers(0, 256, (300, 300), dtype=np.uint8)),
        "normal noise": saved(folder, "normal", normal),
        "CT": get_testdata_file("CT_small.dcm"),
        "MR": sorted((shared_data / "openms_mr").glob("*.nii.gz"))[0],
    }


@pytest.mark.parametrize("modality", SETS)
def test_strangers_are_outside_and_unknown(galleries, strangers, modality):
    assessor, _ = galleries[modality]
    for name, path in strangers.items():
        report = assessor.assess(replace(read_scan(path, modality=modality), facts={})).to_json()
        assert report["scan"]["in_domain"] is False, (modality, name, report["scan"]["domain_distance"])
        assert report["risk"]["level"] == "unknown"
        assert "does not look like" in report["risk"]["reason"]
        assert report["risk"]["p_reidentified"] is None
        assert report["leakage"] == []


def test_thirty_people_are_enough_to_tell_strangers(shared_data, encoder, strangers, tmp_path):
    """Intensive care, portable films: the widest of the chest sets, and the smallest."""
    gallery = Gallery.create(tmp_path / "gallery", encoder.identity)
    enrol(read_cohort(shared_data / "hannover_cxr"), gallery, encoder)
    fit_gallery(gallery)
    assessor = RiskAssessor(gallery, encoder)
    for name, path in strangers.items():
        report = assessor.assess(replace(read_scan(path, modality="CXR"), facts={})).to_json()
        assert report["scan"]["in_domain"] is False, (name, report["scan"]["domain_distance"])
        assert report["risk"]["level"] == "unknown"


@pytest.mark.parametrize(("modality", "other"), [("CXR", "OCT"), ("CXR", "CFP"), ("OCT", "CFP"), ("CFP", "CXR")])
def test_another_modality_under_this_ones_name_is_outside(galleries, modality, other):
    assessor, _ = galleries[modality]
    _, images = galleries[other]
    outside = [
        assessor.assess(read_scan(sample.path, modality=modality)).to_json()["scan"]["in_domain"] is False
        for sample in images[:10]
    ]
    assert all(outside)


@pytest.mark.parametrize("modality", SETS)
def test_new_people_of_the_same_kind_are_inside(galleries, modality):
    assessor, images = galleries[modality]
    inside = [
        assessor.assess(read_scan(sample.path, modality=modality)).to_json()["scan"]["in_domain"] for sample in images
    ]
    # One in a hundred is called a stranger by design; of 40 images of a few people, four or more would be 1 in 1,000.
    assert inside.count(False) <= 3


def test_no_more_than_one_in_a_hundred_new_people_is_called_a_stranger():
    from reid_engine.basis import fit_basis

    rng = np.random.default_rng(0)
    shares, found = [], []
    for _ in range(20):
        scale = rng.uniform(0.5, 2.0, 60)
        codes = np.repeat(np.arange(200), 2)
        vectors = (rng.normal(size=(200, 60))[codes] * scale + 0.3 * rng.normal(size=(400, 60))).astype(np.float32)
        folds = codes % 5
        bases = [fit_basis(vectors[folds != fold]) for fold in range(5)]
        domain = fit_domain(vectors, codes, folds, bases, fit_basis(vectors))
        fresh = (rng.normal(size=(500, 60)) * scale + 0.3 * rng.normal(size=(500, 60))).astype(np.float32)
        shares.append(np.mean([domain.distance(vector) > 1 for vector in fresh]))
        found.append(np.mean([domain.distance(vector) > 1 for vector in 3 * rng.normal(size=(100, 60)).astype("f4")]))
    assert np.mean(shares) <= 0.01  # a new person is judged by a basis of all others, the limit by four fifths of them
    assert np.mean(found) >= 0.99
