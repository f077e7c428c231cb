"""Scans as small pictures: the middle slice, no metadata, unreadable ones left out."""

import io
import struct

import numpy as np
from PIL import Image, PngImagePlugin

from reid_engine.cohort import read_cohort
from reid_engine.report.pictures import data_uri, example_pictures, small_png
from reid_engine.scan import Scan


def chunks(png):
    """Names of a PNG's chunks, read from its bytes."""
    names, place = [], 8
    while place < len(png):
        (length,) = struct.unpack(">I", png[place : place + 4])
        names.append(png[place + 4 : place + 8].decode())
        place += 12 + length
    return names


def picture(path, shape, seed=0):
    told = PngImagePlugin.PngInfo()
    told.add_text("PatientName", "Doe^Jane")
    noise = np.random.default_rng(seed).integers(0, 255, shape, dtype=np.uint8)
    Image.fromarray(noise).save(path, pnginfo=told, dpi=(72, 72))


def test_pictures_of_a_cohort(tmp_path):
    picture(tmp_path / "wide.png", (200, 400))
    picture(tmp_path / "colour.png", (320, 240, 3))
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    lines = ["file,subject_id,modality", "wide.png,A,CXR", "colour.png,B,CFP", "broken.png,C,CXR"]
    (tmp_path / "manifest.csv").write_text("\n".join(lines) + "\n")
    found = example_pictures(read_cohort(tmp_path), ["wide.png", "broken.png", "colour.png", "absent.png"], side=160)
    assert set(found) == {"wide.png", "colour.png"}
    for name, size, mode in (("wide.png", (160, 80), "L"), ("colour.png", (120, 160), "RGB")):
        assert set(chunks(found[name])) == {"IHDR", "IDAT", "IEND"}
        assert b"Doe" not in found[name]
        image = Image.open(io.BytesIO(found[name]))
        assert (image.size, image.mode) == (size, mode)


def test_only_the_middle_slice_is_shown():
    pixels = np.zeros((5, 40, 60), dtype=np.float32)
    pixels[2] = np.linspace(0, 1, 60, dtype=np.float32)
    image = Image.open(io.BytesIO(small_png(Scan(pixels), side=160)))
    assert image.size == (60, 40)
    np.testing.assert_array_equal(np.asarray(image), np.rint(pixels[2] * 255).astype(np.uint8))


def test_a_picture_is_inline():
    import base64

    uri = data_uri(b"\x89PNG<>&\"'")
    assert uri.startswith("data:image/png;base64,")
    assert base64.b64decode(uri.partition(",")[2]) == b"\x89PNG<>&\"'"
