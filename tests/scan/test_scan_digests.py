"""Digests that are taken aside are those that were always taken, and mistakes in there are not lost."""

import hashlib
import threading
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from reid_engine import scan as scans
from reid_engine.aside import Aside
from reid_engine.errors import ScanError
from reid_engine.scan import Scan, digest_pixels, read_scan


@pytest.fixture
def picture(tmp_path):
    values = np.random.default_rng(4).integers(0, 255, (700, 600), dtype=np.uint8)
    Image.fromarray(values).save(tmp_path / "scan.png")
    return tmp_path / "scan.png"


@pytest.mark.parametrize("least", [1, 2**40], ids=["aside", "at once"])
def test_digests_are_those_of_bytes_and_pixels(monkeypatch, picture, least):
    monkeypatch.setattr(scans, "_WORTH_A_THREAD", least)
    scan = read_scan(picture, modality="CXR")
    assert scan.file_digest == hashlib.sha256(picture.read_bytes()).hexdigest()
    assert scan.pixel_digest == digest_pixels(scan.values) == scan.pixel_digest
    assert scan.pixel_digest in repr(scan)
    assert replace(scan, modality="CT").pixel_digest == scan.pixel_digest
    assert replace(scan, pixel_digest="other").pixel_digest == "other"


def test_a_scan_that_is_made_by_hand_has_no_digest_unless_it_is_given():
    values = np.zeros((1, 40, 40), dtype=np.uint8)
    assert Scan(values).pixel_digest == ""
    assert Scan(values, pixel_digest="abc").pixel_digest == "abc"
    with pytest.raises(AttributeError):
        Scan(values).pixel_digest = "abc"


def test_a_digest_is_not_waited_for_before_it_is_asked_for(monkeypatch, picture):
    let_go = threading.Event()

    def slow(eight):
        assert let_go.wait(60)
        return digest_pixels(eight)

    monkeypatch.setattr(scans, "digest_pixels", slow)
    scan = read_scan(picture, modality="CXR")
    let_go.set()
    assert scan.pixel_digest == digest_pixels(scan.values)


def test_a_damaged_file_is_refused_while_its_digest_is_taken(monkeypatch, picture):
    monkeypatch.setattr(scans, "_WORTH_A_THREAD", 1)
    picture.write_bytes(picture.read_bytes()[:200_000])
    with pytest.raises(ScanError, match="damaged, cut short"):
        read_scan(picture, modality="CXR")


def test_what_work_raises_aside_is_raised_where_its_result_is_wanted():
    def fail():
        raise MemoryError("too much")

    work = Aside(fail)
    for _ in range(2):
        with pytest.raises(MemoryError, match="too much"):
            work.result()
    assert Aside(lambda: None).result() is None
