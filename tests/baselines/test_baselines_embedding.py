"""Baselines take an encoder's place: any scan, the same vector each time, a gallery of their own."""

import numpy as np
import pytest
from made import odd_scans, phantom

import reid_engine.baselines
from reid_engine.baselines import BorderEncoder, PixelEncoder, load_untrained
from reid_engine.cohort import read_cohort
from reid_engine.encoder.pooling import pool_batches
from reid_engine.errors import GalleryError
from reid_engine.matcher.enrolment import enrol
from reid_engine.matcher.gallery import Gallery
from reid_engine.phantom import write_phantom_cohort
from reid_engine.phantom.scan import MODALITIES
from reid_engine.scan import read_scan

MAKERS = {"pixels": PixelEncoder, "border-exposure": BorderEncoder, "untrained": load_untrained}
HAND_MADE = (PixelEncoder, BorderEncoder)


@pytest.fixture(scope="module", params=MAKERS)
def baseline(request):
    return MAKERS[request.param]()


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort")
    write_phantom_cohort(folder, subjects=3, sessions=2, size=96, seed=5)
    return read_cohort(folder)


def test_every_public_name_leads_somewhere():
    for name in reid_engine.baselines.__all__:
        assert getattr(reid_engine.baselines, name) is not None
    with pytest.raises(AttributeError, match="nothing_such"):
        getattr(reid_engine.baselines, "nothing_" + "such")


def test_phantoms_of_each_modality_have_finite_and_different_vectors(baseline):
    for modality in MODALITIES:
        vectors = np.stack([baseline.embed(phantom(modality, subject)) for subject in range(3)])
        assert vectors.shape == (3, baseline.identity.dim)
        assert vectors.dtype == np.float32
        assert np.isfinite(vectors).all()
        assert len(np.unique(vectors, axis=0)) == 3


def test_odd_scans_have_finite_vectors(baseline):
    for name, scan in odd_scans().items():
        vector = baseline.embed(scan)
        assert vector.shape == (baseline.identity.dim,), name
        assert np.isfinite(vector).all(), name


@pytest.mark.parametrize("name", MAKERS)
def test_two_of_a_kind_agree_in_identity_and_vector(name):
    one, other = MAKERS[name](), MAKERS[name]()
    assert one.identity == other.identity
    assert one.identity.name == name
    scan = phantom("CFP")
    assert np.array_equal(one.embed(scan), other.embed(scan))


def test_identities_differ_between_baselines():
    assert len({make().identity.fingerprint for make in MAKERS.values()}) == len(MAKERS)


@pytest.mark.parametrize("make", HAND_MADE)
def test_the_batch_size_does_not_matter(make):
    baseline = make()
    scans = [phantom(modality, subject, size=96) for subject in range(3) for modality in MODALITIES]
    scans.append(odd_scans()["grey volume"])
    expected = np.stack([baseline.embed(scan) for scan in scans])
    for size in (1, 2, 5, 64):
        items = [(None, baseline.prepare(scan)) for scan in scans]
        pooled = np.stack([vector for _, vector in pool_batches(baseline.perceive, items, size)])
        assert np.array_equal(pooled, expected)


@pytest.mark.parametrize("make", HAND_MADE)
def test_a_volume_is_the_mean_of_the_slices_that_an_encoder_is_shown(make):
    baseline = make()
    volume = odd_scans()["grey volume"]
    chosen = [4, 6, 7, 9, 11, 13, 14, 16]  # eight, evenly over the middle three fifths of 21, by hand
    slices = np.stack([baseline.features(volume.pixels[place], "CT") for place in chosen])
    assert np.allclose(baseline.embed(volume), slices.mean(axis=0), rtol=1e-4, atol=1e-4)


def test_enrolled_once_never_embedded_again(baseline, cohort, tmp_path, monkeypatch):
    gallery = Gallery.create(tmp_path / "gallery", baseline.identity)
    assert enrol(cohort, gallery, baseline, batch_size=4).added == len(cohort.samples)
    stored = dict(zip(gallery.table["sample_id"], gallery.vectors, strict=True))
    for sample in cohort.samples:
        vector = baseline.embed(read_scan(sample.path, modality=sample.modality))
        assert np.allclose(stored[sample.sample_id], vector, rtol=1e-4, atol=1e-4)

    def refuse(*_):
        raise AssertionError("embedded again")

    monkeypatch.setattr(baseline, "prepare", refuse)
    monkeypatch.setattr(baseline, "perceive", refuse)
    again = Gallery.open(tmp_path / "gallery", encoder=baseline.identity)
    assert enrol(cohort, again, baseline).skipped == len(cohort.samples)


def test_a_gallery_of_one_baseline_refuses_another(cohort, tmp_path):
    pixels, border = PixelEncoder(), BorderEncoder()
    gallery = Gallery.create(tmp_path / "gallery", pixels.identity)
    with pytest.raises(GalleryError, match="pixels"):
        enrol(cohort, gallery, border)
    with pytest.raises(GalleryError, match="border-exposure"):
        Gallery.open(tmp_path / "gallery", encoder=border.identity)
    assert len(gallery) == 0
