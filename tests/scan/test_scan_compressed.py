"""Compressed DICOM: every usual transfer syntax, in depth, sign, colour and frames; damaged codestreams."""

import io
import struct

import numpy as np
import pytest
from dicom_files import compress, grey8, grey16, make_dicom, rgb8, save_dicom, write_dicom
from PIL import Image

from reid_engine.errors import ScanError
from reid_engine.readers.codec import FrameFormat, decode_frame, parse_codestream
from reid_engine.scan import read_scan

BASELINE = "1.2.840.10008.1.2.4.50"
LOSSLESS = (
    "JPEGLosslessProcess14",
    "JPEGLosslessProcess14_1",
    "JPEGLSLossless",
    "JPEG2000Lossless",
    "JPEG2000",
    "RLELossless",
    "DeflatedExplicitVRLittleEndian",
)
PIXELS = {
    "8 bits": grey8(),
    "16 bits": grey16(),
    "signed": grey16().astype(np.int16) - np.int16(2000),
    "colour": rgb8(),
}


@pytest.mark.parametrize("syntax", LOSSLESS)
@pytest.mark.parametrize("kind", PIXELS)
def test_lossless_gives_the_same_pixels(tmp_path, kind, syntax):
    plain = write_dicom(tmp_path / "plain.dcm", PIXELS[kind])
    packed = compress(plain, tmp_path / "packed.dcm", syntax)
    assert read_scan(packed).pixel_digest == read_scan(plain).pixel_digest


@pytest.mark.parametrize("syntax", ["JPEGLosslessProcess14_1", "JPEG2000Lossless", "JPEGLSLossless", "RLELossless"])
def test_lossless_frames(tmp_path, syntax):
    plain = write_dicom(tmp_path / "plain.dcm", np.stack([grey16(seed=s) for s in (1, 2, 3)]))
    packed = compress(plain, tmp_path / "packed.dcm", syntax)
    assert read_scan(packed).pixels.shape == (3, 90, 70)
    assert read_scan(packed).pixel_digest == read_scan(plain).pixel_digest


@pytest.mark.parametrize(
    ("syntax", "pixels", "tolerance"),
    [
        ("JPEGBaselineProcess1", grey8(), 2 / 255),
        ("JPEGExtendedProcess2_4", grey8(), 2 / 255),
        ("JPEGExtendedProcess2_4", grey16(), 0.002),
    ],
)
def test_lossy_grey_is_close(tmp_path, syntax, pixels, tolerance):
    tags = {"BitsStored": 12, "HighBit": 11} if pixels.itemsize == 2 else {}
    plain = write_dicom(tmp_path / "plain.dcm", pixels, **tags)
    packed = compress(plain, tmp_path / "packed.dcm", syntax, lossy=True)
    assert np.abs(read_scan(packed).pixels - read_scan(plain).pixels).max() < tolerance


def jpeg(pixels, **options) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", **options)
    return stream.getvalue()


def without(data: bytes, marker: int) -> bytes:
    """Drop an application segment, as scanners' JPEG often lacks it."""
    at = data.index(bytes([0xFF, marker]))
    (length,) = struct.unpack_from(">H", data, at + 2)
    return data[:at] + data[at + 2 + length :]


def encapsulated(pixels, frames: list[bytes], **tags):
    from pydicom.encaps import encapsulate

    data = make_dicom(pixels, syntax=BASELINE, **tags)
    data.PixelData = encapsulate(frames)
    data["PixelData"].VR = "OB"
    data["PixelData"].is_undefined_length = True
    return data


@pytest.mark.parametrize("photometric", ["YBR_FULL_422", "YBR_FULL", "RGB"])
def test_jpeg_with_its_own_colour_marker_is_believed(tmp_path, photometric):
    stream = jpeg(rgb8(), quality=95)
    data = encapsulated(rgb8(), [stream], PhotometricInterpretation=photometric)
    scan = read_scan(save_dicom(tmp_path / "x.dcm", data))
    np.testing.assert_array_equal(scan.pixels[0] * 255, np.asarray(Image.open(io.BytesIO(stream))))


def test_jpeg_without_marker_is_what_the_header_says(tmp_path):
    stream = without(jpeg(rgb8(), quality=95, subsampling=0), 0xE0)
    components = Image.open(io.BytesIO(stream))
    components.draft("YCbCr", components.size)
    for photometric, expected in (
        ("YBR_FULL_422", np.asarray(Image.open(io.BytesIO(stream)))),
        ("RGB", np.asarray(components)),
    ):
        data = encapsulated(rgb8(), [stream], PhotometricInterpretation=photometric)
        scan = read_scan(save_dicom(tmp_path / "x.dcm", data))
        np.testing.assert_array_equal(scan.pixels[0] * 255, expected)


def test_jpeg_frames_in_fragments(tmp_path):
    from pydicom.encaps import encapsulate

    stacks = np.stack([rgb8(seed=s) for s in (1, 2, 3)])
    frames = [jpeg(frame, quality=90) for frame in stacks]
    data = encapsulated(stacks, frames)
    whole = read_scan(save_dicom(tmp_path / "x.dcm", data))
    data.PixelData = encapsulate(frames, fragments_per_frame=2)
    assert read_scan(save_dicom(tmp_path / "y.dcm", data)).pixel_digest == whole.pixel_digest
    assert whole.pixels.shape == (3, 90, 70, 3)


def test_missing_frames_are_told(tmp_path):
    data = encapsulated(np.stack([grey8()] * 3), [jpeg(grey8())] * 2)
    with pytest.raises(ScanError, match="damaged, cut short"):
        read_scan(save_dicom(tmp_path / "x.dcm", data))


def test_a_codestream_of_another_size_is_refused_before_it_is_decoded(tmp_path):
    for stream in (jpeg(grey8(height=900, width=700)), jpeg(rgb8())):
        data = encapsulated(grey8(), [stream])
        with pytest.raises(ScanError, match="damaged, cut short"):
            read_scan(save_dicom(tmp_path / "x.dcm", data))


def test_codestream_headers():
    found = parse_codestream(jpeg(rgb8()))
    assert (found.process, found.rows, found.columns, found.samples, found.bits) == (0xC0, 90, 70, 3, 8)
    assert found.colour_transform is True
    assert parse_codestream(jpeg(rgb8(), progressive=True)).process == 0xC2
    assert parse_codestream(without(jpeg(rgb8()), 0xE0)).colour_transform is None
    adobe = jpeg(np.asarray(Image.fromarray(rgb8())), keep_rgb=True)
    assert parse_codestream(adobe).colour_transform is False


@pytest.mark.parametrize("junk", [b"", b"\xff\xd8\xff", b"\xff\xd8\xff\xe0\x00", b"junk" * 20, b"\xff\x4f\xff\x51\x00"])
def test_damaged_codestream_headers(junk):
    with pytest.raises(ValueError, match="header is damaged"):
        parse_codestream(junk)


@pytest.mark.parametrize(
    "syntax", ["JPEGBaselineProcess1", "JPEGLosslessProcess14_1", "JPEGLSLossless", "JPEG2000Lossless", "RLELossless"]
)
@pytest.mark.parametrize("share", [0.1, 0.6])
def test_cut_codestreams_never_decode_in_silence(tmp_path, syntax, share):
    noise = np.random.default_rng(0).integers(0, 256, (90, 70)).astype(np.uint8)
    plain = write_dicom(tmp_path / "plain.dcm", noise)
    packed = compress(plain, tmp_path / "packed.dcm", syntax, lossy="Baseline" in syntax)
    data = packed.read_bytes()
    start = data.index(b"\xe0\x7f\x10\x00")
    packed.write_bytes(data[: start + int((len(data) - start) * share)])
    with pytest.raises(ScanError):
        read_scan(packed)


def test_one_frame_is_decoded_or_refused():
    form = FrameFormat(90, 70, 1, 8, 8, False, "MONOCHROME2", BASELINE)
    np.testing.assert_allclose(decode_frame(jpeg(grey8(), quality=100), form), grey8(), atol=2)
    with pytest.raises(ValueError, match="another size"):
        decode_frame(jpeg(grey8(width=71)), form)
