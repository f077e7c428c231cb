"""What strangers are told by: what the encoder keeps beside embeddings, and embeddings in galleries without it."""

import json
from dataclasses import replace

import numpy as np
import pytest
import skimage.data
from PIL import Image

from reid_engine.cohort import Cohort, read_cohort
from reid_engine.domain import Domain
from reid_engine.fitting import fit_gallery, load_attack
from reid_engine.matcher.enrolment import enrol
from reid_engine.matcher.gallery import Gallery
from reid_engine.risk import RiskAssessor
from reid_engine.scan import read_scan

WORDS = "trained to tell people apart"


@pytest.fixture(scope="module")
def chests(phantom_cohort):
    cohort = read_cohort(phantom_cohort)
    return Cohort(cohort.root, tuple(one for one in cohort.samples if one.modality == "CXR"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    path = tmp_path_factory.mktemp("stranger") / "cat.png"
    Image.fromarray(skimage.data.chelsea()).save(path)
    return read_scan(path, modality="CXR")


def test_what_is_kept_comes_back_whole_after_changes(chests, encoder, tmp_path):
    gallery = Gallery.create(tmp_path / "gallery", encoder.identity)
    enrol(chests, gallery, encoder)
    names = gallery.table["sample_id"].tolist()
    scans = {one.sample_id: read_scan(one.path, modality="CXR") for one in chests.samples[:4]}
    for leaving in (chests.samples[0].subject_id, None):
        opened = Gallery.open(gallery.path)
        assert opened.vectors.shape == (len(names), 1280)
        assert opened.appearances_of("CXR").shape == (len(names), 120)
        assert opened.appearances_of("OCT").shape == (0, 120)
        for name in scans.keys() & set(names):
            seen, row = encoder.take_in(scans[name]), names.index(name)
            np.testing.assert_allclose(opened.vectors_of("CXR")[row], seen[:1280], rtol=1e-3, atol=1e-3)
            np.testing.assert_allclose(opened.appearances_of("CXR")[row], seen[1280:], rtol=1e-3, atol=1e-3)
        if leaving:
            gallery.remove_subjects([leaving])
            gallery.consolidate(limit=0)
            names = gallery.table["sample_id"].tolist()
    assert scans.keys() - set(names)


def test_strangers_are_told_by_it(phantom_gallery, encoder, stranger):
    gallery = Gallery.open(phantom_gallery)
    for modality in ("CXR", "OCT", "CFP"):
        domain = load_attack(gallery, modality).domain
        assert domain.by_appearance
        assert Domain.from_arrays(domain.to_arrays()).by_appearance
    report = RiskAssessor(gallery, encoder).assess(stranger).to_json()
    assert report["scan"]["in_domain"] is False
    assert report["risk"]["level"] == "unknown"
    assert not any(WORDS in line for line in report["caveats"])


def test_a_gallery_of_an_older_version_goes_on_without_it_and_says_so(chests, encoder, tmp_path):
    old = replace(encoder.identity, appearance=0)
    gallery = Gallery.create(tmp_path / "gallery", old)
    ledger = tmp_path / "gallery" / "manifest.json"
    document = json.loads(ledger.read_text())
    del document["encoder"]["appearance"]
    ledger.write_text(json.dumps({**document, "version": 1}))
    gallery = Gallery.open(tmp_path / "gallery", encoder=encoder.identity)
    assert enrol(chests, gallery, encoder).added == len(chests.samples)
    assert gallery.appearances_of("CXR").shape == (len(chests.samples), 0)
    fit_gallery(gallery)
    assert not load_attack(gallery, "CXR").domain.by_appearance
    report = RiskAssessor(gallery, encoder).assess(read_scan(chests.samples[0].path, modality="CXR")).to_json()
    assert report["scan"]["in_domain"] is True
    assert any(WORDS in line for line in report["caveats"])
