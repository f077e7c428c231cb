"""PNG, JPEG and TIFF, in every depth and colour they come in."""

import struct
import zlib

import numpy as np
import pytest
from dicom_files import grey8, grey16, rgb8
from PIL import Image

from reid_engine.errors import ScanError
from reid_engine.scan import read_scan


def as_float(eight_bits):
    return eight_bits[np.newaxis].astype(np.float32) / np.float32(255)


def write_png16(path, pixels):
    """Write 16-bit RGB or RGBA with the standard library, for Pillow cannot."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    height, width, channels = pixels.shape
    head = struct.pack(">IIBBBBB", width, height, 16, {3: 2, 4: 6}[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


def write_tiff(path, *pages, photometric=1, thumbnails=()):
    """Write uncompressed pages of any depth, one strip each, for Pillow writes no 16-bit colour."""
    body, offsets = bytearray(b"II*\0\0\0\0\0"), [4]
    for number, page in enumerate(pages):
        samples = 1 if page.ndim == 2 else page.shape[2]
        bits, strip = 8 * page.itemsize, len(body)
        body += page.astype(page.dtype.newbyteorder("<")).tobytes()
        body += b"\0" * (len(body) % 2)
        depth = len(body)
        body += struct.pack("<4H", *[bits] * 4)
        entries = [
            (254, 4, 1, int(number in thumbnails)),
            (256, 4, 1, page.shape[1]),
            (257, 4, 1, page.shape[0]),
            (258, 3, samples, bits if samples == 1 else depth),
            (259, 3, 1, 1),
            (262, 3, 1, 2 if samples == 3 else photometric),
            (273, 4, 1, strip),
            (277, 3, 1, samples),
            (278, 4, 1, page.shape[0]),
            (279, 4, 1, page.nbytes),
        ]
        struct.pack_into("<I", body, offsets[-1], len(body))
        body += struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *e) for e in entries)
        offsets.append(len(body))
        body += bytes(4)
    path.write_bytes(bytes(body))
    return path


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("pixels", [grey8(), rgb8()], ids=["grey", "rgb"])
def test_8_bit_values_are_divided_by_255(tmp_path, pixels, suffix):
    path = tmp_path / f"x.{suffix}"
    Image.fromarray(pixels).save(path)
    scan = read_scan(path)
    np.testing.assert_array_equal(scan.pixels, as_float(pixels))
    assert scan.pixels.dtype == np.float32
    assert scan.pixels.flags.c_contiguous
    assert scan.is_colour == (pixels.ndim == 3)
    assert not scan.is_volume


def test_jpeg_is_read_as_pillow_decodes_it(tmp_path):
    path = tmp_path / "x.jpg"
    Image.fromarray(rgb8()).save(path, quality=92)
    np.testing.assert_array_equal(read_scan(path).pixels, as_float(np.asarray(Image.open(path))))


def test_alpha_is_dropped_and_not_blended(tmp_path):
    path = tmp_path / "x.png"
    Image.fromarray(np.dstack([rgb8(), grey8() // 2])).save(path)
    np.testing.assert_array_equal(read_scan(path).pixels, as_float(rgb8()))
    Image.merge("LA", [Image.fromarray(grey8()), Image.fromarray(grey8() // 3)]).save(path)
    np.testing.assert_array_equal(read_scan(path).pixels, as_float(grey8()))


def test_a_palette_is_looked_up(tmp_path):
    path = tmp_path / "x.png"
    indexed = Image.fromarray(rgb8()).quantize(32)
    indexed.save(path)
    table = np.array(indexed.getpalette(), np.uint8).reshape(-1, 3)
    np.testing.assert_array_equal(read_scan(path).pixels, as_float(table[np.asarray(indexed)]))


def test_one_bit_becomes_black_and_white(tmp_path):
    for suffix in ("png", "tif"):
        path = tmp_path / f"x.{suffix}"
        Image.fromarray(grey8() > 128).save(path)
        np.testing.assert_array_equal(read_scan(path).pixels, (grey8() > 128)[np.newaxis].astype(np.float32))


def test_colour_with_equal_channels_becomes_grey_and_keeps_the_digest(tmp_path):
    Image.fromarray(grey8()).save(tmp_path / "grey.png")
    Image.fromarray(np.dstack([grey8()] * 3)).save(tmp_path / "colour.png")
    grey, colour = read_scan(tmp_path / "grey.png"), read_scan(tmp_path / "colour.png")
    assert colour.pixels.shape == grey.pixels.shape == (1, 90, 70)
    assert colour.pixel_digest == grey.pixel_digest
    assert colour.file_digest != grey.file_digest


def test_one_differing_pixel_keeps_the_colour(tmp_path):
    pixels = np.dstack([grey8()] * 3)
    pixels[37, 41, 2] ^= 1
    Image.fromarray(pixels).save(tmp_path / "x.png")
    assert read_scan(tmp_path / "x.png").is_colour


def test_cmyk_jpeg_becomes_rgb(tmp_path):
    path = tmp_path / "x.jpg"
    Image.fromarray(rgb8()).convert("CMYK").save(path, quality=95)
    assert np.abs(read_scan(path).pixels - as_float(rgb8())).mean() < 0.02


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_honoured(tmp_path, orientation):
    path = tmp_path / "x.jpg"
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(grey8()).save(path, quality=100, exif=exif)
    stored = np.asarray(Image.open(path))
    upright = {
        1: stored,
        2: stored[:, ::-1],
        3: stored[::-1, ::-1],
        4: stored[::-1],
        5: stored.T,
        6: np.rot90(stored, -1),
        7: np.rot90(stored.T, 2),
        8: np.rot90(stored),
    }[orientation]
    np.testing.assert_array_equal(read_scan(path).pixels, as_float(upright))


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_grey_gets_the_percentile_window(tmp_path, suffix):
    path = tmp_path / f"x.{suffix}"
    Image.fromarray(grey16()).save(path)
    low, high = np.percentile(grey16(), (0.5, 99.5))
    expected = np.clip((grey16() - low) / (high - low), 0, 1)
    np.testing.assert_allclose(read_scan(path).pixels[0], expected, atol=1e-6)


@pytest.mark.parametrize("kind", ["png", "png with alpha", "tif"])
def test_16_bit_colour_keeps_its_depth(tmp_path, kind):
    pixels = np.random.default_rng(2).integers(0, 65536, (40, 50, 3)).astype(np.uint16)
    if kind == "tif":
        path = write_tiff(tmp_path / "x.tif", pixels)
    else:
        alpha = np.full((40, 50, 1), 60000, np.uint16)
        path = write_png16(tmp_path / "x.png", np.dstack([pixels, alpha]) if "alpha" in kind else pixels)
    low, high = np.percentile(pixels, (0.5, 99.5))
    expected = np.clip((pixels - low) / (high - low), 0, 1)
    np.testing.assert_allclose(read_scan(path).pixels[0], expected, atol=1e-6)


def test_float_tiff_with_nan_and_infinity(tmp_path):
    pixels = np.random.default_rng(3).normal(size=(40, 50)).astype(np.float32)
    pixels[3, 4], pixels[5, 6], pixels[7, 8] = np.nan, np.inf, -np.inf
    Image.fromarray(pixels).save(tmp_path / "x.tif")
    shown = read_scan(tmp_path / "x.tif").pixels[0]
    finite = np.isfinite(pixels)
    low, high = np.percentile(pixels[finite], (0.5, 99.5))
    np.testing.assert_allclose(shown[finite], np.clip((pixels[finite] - low) / (high - low), 0, 1), atol=1e-5)
    assert (shown[~finite] == 0).all()


def test_pages_of_a_tiff_file_are_slices(tmp_path):
    pages = [grey8(seed=s) for s in (1, 2, 3)]
    first, *rest = [Image.fromarray(page) for page in pages]
    first.save(tmp_path / "x.tif", save_all=True, append_images=rest)
    scan = read_scan(tmp_path / "x.tif")
    assert scan.is_volume
    np.testing.assert_array_equal(scan.pixels, np.stack(pages).astype(np.float32) / np.float32(255))


def test_pages_of_differing_sizes_are_refused(tmp_path):
    first, second = Image.fromarray(grey8()), Image.fromarray(grey8(height=80))
    first.save(tmp_path / "x.tif", save_all=True, append_images=[second])
    with pytest.raises(ScanError, match="differ in size"):
        read_scan(tmp_path / "x.tif")


def test_thumbnails_inside_a_tiff_file_are_left_out(tmp_path):
    write_tiff(tmp_path / "x.tif", grey8(), grey8(height=45, width=35), thumbnails=[1])
    np.testing.assert_array_equal(read_scan(tmp_path / "x.tif").pixels, as_float(grey8()))


@pytest.mark.parametrize("pixels", [grey8(), grey16()], ids=["8 bits", "16 bits"])
def test_white_is_zero_is_shown_the_right_way(tmp_path, pixels):
    write_tiff(tmp_path / "black.tif", pixels, photometric=1)
    write_tiff(tmp_path / "white.tif", pixels, photometric=0)
    black, white = read_scan(tmp_path / "black.tif"), read_scan(tmp_path / "white.tif")
    np.testing.assert_allclose(white.pixels, 1 - black.pixels, atol=1e-6)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
@pytest.mark.parametrize("share", [0.15, 0.5, 0.95])
def test_truncated_pictures_are_refused(tmp_path, suffix, share):
    path = tmp_path / f"x.{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (90, 70)).astype(np.uint8)
    Image.fromarray(noise).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ScanError, match="damaged, cut short") as caught:
        read_scan(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert caught.value.__cause__ is None


def test_blank_and_tiny_pictures_are_refused(tmp_path):
    Image.new("L", (64, 64), 77).save(tmp_path / "blank.png")
    with pytest.raises(ScanError, match="is blank"):
        read_scan(tmp_path / "blank.png")
    Image.new("L", (1, 1), 77).save(tmp_path / "pixel.jpg")
    with pytest.raises(ScanError, match="1 x 1 pixels"):
        read_scan(tmp_path / "pixel.jpg")


def test_a_picture_with_a_wrong_suffix_is_read_as_what_it_is(tmp_path):
    Image.fromarray(rgb8()).save(tmp_path / "x.nii.gz", format="PNG")
    np.testing.assert_array_equal(read_scan(tmp_path / "x.nii.gz").pixels, as_float(rgb8()))
