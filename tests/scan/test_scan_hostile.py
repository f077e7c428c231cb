"""Damaged and hostile bytes: one ScanError comes out, soon, and the process lives."""

import struct
import time
import zlib

import numpy as np
import pytest
from dicom_files import compress, grey8, grey16, make_dicom, rgb8, save_dicom, write_dicom
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from reid_engine.errors import ScanError
from reid_engine.readers import gdcm_pool
from reid_engine.scan import Scan, read_scan

SIZE = {"height": 40, "width": 50}
SECONDS = 3.0
CODECS = [
    "JPEGLosslessProcess14_1",
    "JPEGLSLossless",
    "JPEG2000Lossless",
    "RLELossless",
    "DeflatedExplicitVRLittleEndian",
]


@pytest.fixture(scope="module")
def samples(tmp_path_factory) -> dict[str, bytes]:
    """Valid files of every kind."""
    import itk

    folder = tmp_path_factory.mktemp("valid")
    Image.fromarray(grey8(**SIZE)).save(folder / "a.png")
    Image.fromarray(rgb8(**SIZE)).save(folder / "a.jpg")
    Image.fromarray(rgb8(**SIZE)).save(folder / "a.tif", compression="tiff_lzw")
    for suffix in ("nii", "nii.gz", "nrrd"):
        itk.imwrite(itk.image_from_array(grey8(**SIZE)), str(folder / f"a.{suffix}"))
    plain = write_dicom(folder / "plain.dcm", grey16(**SIZE), WindowCenter=2000, WindowWidth=3000)
    for codec in CODECS:
        compress(plain, folder / f"{codec}.dcm", codec)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


KINDS = ["a.png", "a.jpg", "a.tif", "a.nii", "a.nii.gz", "a.nrrd", "plain.dcm", *(f"{codec}.dcm" for codec in CODECS)]


def read_or_refuse(path) -> Scan | None:
    start = time.perf_counter()
    try:
        return read_scan(path)
    except ScanError as error:
        message = str(error)
        assert message.startswith(f"{path}: ") and "\n" not in message  # noqa: PT018
        return None
    finally:
        assert time.perf_counter() - start < SECONDS


FUZZ = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)


@pytest.mark.parametrize("kind", KINDS)
@FUZZ
@given(share=st.floats(0, 1, exclude_max=True))
def test_cut_anywhere(tmp_path, samples, kind, share):
    path = tmp_path / "cut"
    path.write_bytes(samples[kind][: int(len(samples[kind]) * share)])
    read_or_refuse(path)


@pytest.mark.parametrize("kind", KINDS)
@FUZZ
@given(changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=12))
def test_changed_anywhere(tmp_path, samples, kind, changes):
    data = bytearray(samples[kind])
    for place, value in changes:
        data[int(place * len(data))] = value
    path = tmp_path / "changed"
    path.write_bytes(data)
    scan = read_or_refuse(path)
    if scan is not None:
        assert np.isfinite(scan.pixels).all()
        assert (scan.pixels.min() >= 0) & (scan.pixels.max() <= 1)


@FUZZ
@given(
    st.binary(max_size=600),
    st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"NRRD0004\n", b"\0" * 128 + b"DICM"]),
)
def test_rubbish_behind_a_right_start(tmp_path, rubbish, start):
    path = tmp_path / "rubbish"
    path.write_bytes(start + rubbish)
    assert read_or_refuse(path) is None


def png_bomb(side: int) -> bytes:
    """A PNG of side x side black pixels in a few kB."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((side // 8 + 1) * 2000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def jpeg_bomb(side: int) -> bytes:
    data = bytearray(b"\xff\xd8\xff\xc0\0\x0b\x08" + struct.pack(">HH", side, side) + b"\x01\x01\x11\0")
    return bytes(data + b"\xff\xda\0\x08\x01\x01\0\0\x3f\0" + b"\0" * 500 + b"\xff\xd9")


def tiff_bomb(side: int) -> bytes:
    entries = [(256, 4, 1, side), (257, 4, 1, side), (258, 3, 1, 8), (262, 3, 1, 1), (273, 4, 1, 8), (279, 4, 1, 4)]
    body = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *e) for e in entries) + bytes(4)
    return b"II*\0" + struct.pack("<I", 8) + body


@pytest.mark.parametrize("bomb", [png_bomb, jpeg_bomb, tiff_bomb])
def test_a_header_that_claims_60000_pixels_a_side_is_refused_at_once(tmp_path, bomb):
    path = tmp_path / "bomb"
    path.write_bytes(bomb(60000))
    start = time.perf_counter()
    with pytest.raises(ScanError, match=r"header claims (60000 x 60000|more) pixels"):
        read_scan(path)
    assert time.perf_counter() - start < 1.0


def test_pages_of_a_tiff_file_count_together(tmp_path, monkeypatch):
    from reid_engine.readers import sniff

    monkeypatch.setattr(sniff, "MAX_VALUES", 3 * 90 * 70)
    pages = [Image.fromarray(grey8(seed=s)) for s in range(5)]
    pages[0].save(tmp_path / "x.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(ScanError, match="more than is read"):
        read_scan(tmp_path / "x.tif")


def test_a_worker_that_dies_over_a_frame_is_replaced(tmp_path):
    plain = write_dicom(tmp_path / "plain.dcm", grey16())
    packed = compress(plain, tmp_path / "packed.dcm", "JPEG2000Lossless")
    expected = read_scan(packed).pixel_digest
    for worker in gdcm_pool._idle:
        worker._process.kill()
        worker._process.wait()
    assert read_scan(packed).pixel_digest == expected


def test_a_worker_that_hangs_is_ended(tmp_path, monkeypatch):
    (tmp_path / "stuck.py").write_text("import sys, time\nsys.stdout.write('R')\nsys.stdout.flush()\ntime.sleep(60)\n")
    monkeypatch.setattr(gdcm_pool.gdcm_worker, "__file__", str(tmp_path / "stuck.py"))
    monkeypatch.setattr(gdcm_pool, "SECONDS", 0.5)
    monkeypatch.setattr(gdcm_pool, "_idle", [])
    start = time.perf_counter()
    with pytest.raises(ValueError, match="damaged"):
        gdcm_pool.decode_with_gdcm(b"data", {})
    assert time.perf_counter() - start < 10


def test_a_missing_decoder_is_told(tmp_path, monkeypatch):
    packed = compress(write_dicom(tmp_path / "a.dcm", grey8()), tmp_path / "b.dcm", "JPEG2000Lossless")
    (tmp_path / "absent.py").write_text("raise ImportError('no gdcm')\n")
    monkeypatch.setattr(gdcm_pool.gdcm_worker, "__file__", str(tmp_path / "absent.py"))
    monkeypatch.setattr(gdcm_pool, "_idle", [])
    with pytest.raises(ScanError, match="pip install python-gdcm"):
        read_scan(packed)


def test_threads_decode_side_by_side(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    plain = write_dicom(tmp_path / "plain.dcm", grey16())
    packed = compress(plain, tmp_path / "packed.dcm", "JPEGLSLossless")
    with ThreadPoolExecutor(4) as pool:
        digests = set(pool.map(lambda _: read_scan(packed).pixel_digest, range(24)))
    assert digests == {read_scan(plain).pixel_digest}


def test_a_message_never_quotes_the_header(tmp_path):
    data = make_dicom(grey16())
    data.PixelData = data.PixelData[:-100]
    path = save_dicom(tmp_path / "x.dcm", data)
    with pytest.raises(ScanError) as caught:
        read_scan(path)
    assert "Quasimodo" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_permissions(tmp_path, monkeypatch):
    from pathlib import Path

    path = write_dicom(tmp_path / "x.dcm", grey8())

    def refuse(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(ScanError, match=r"cannot be read \(Permission denied\)"):
        read_scan(path)
