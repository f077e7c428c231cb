"""NIfTI and NRRD against ITK, and files as other writers make them."""

import bz2
import gzip
import struct

import numpy as np
import pytest
from dicom_files import grey8, grey16, picture

from reid_engine.errors import ScanError
from reid_engine.readers.nifti import read_nifti
from reid_engine.readers.nrrd import read_nrrd
from reid_engine.scan import read_scan

TYPES = [np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.float32, np.float64]
NIFTI_CODES = {"u1": 2, "i2": 4, "i4": 8, "f4": 16, "f8": 64, "i1": 256, "u2": 512, "u4": 768, "i8": 1024, "u8": 1280}


def volume(kind=np.uint8, slices=5):
    return np.stack([np.rint(picture(seed=s) * 250).astype(kind) for s in range(slices)])


def raw_of(path):
    read = read_nrrd if path.suffix == ".nrrd" else read_nifti
    return read(path, path.read_bytes())


def write_nifti(path, values, *, sizes=None, order="<", version=1, code=None, slope=0.0, intercept=0.0, units=2):
    """Write a NIfTI file by hand; values in storage order."""
    kind = values.dtype.str[1:]
    sizes = sizes or values.shape[::-1]
    code = code or NIFTI_CODES[kind]
    dims = (len(sizes), *sizes, *[1] * (7 - len(sizes)))
    head = bytearray(352 if version == 1 else 544)
    if version == 1:
        struct.pack_into(order + "i", head, 0, 348)
        struct.pack_into(order + "8h", head, 40, *dims)
        struct.pack_into(order + "2h", head, 70, code, 8 * values.itemsize)
        struct.pack_into(order + "8f", head, 76, 1, 0.5, 0.75, 3, 0, 0, 0, 0)
        struct.pack_into(order + "3f", head, 108, 352, slope, intercept)
        head[123] = units
        head[344:348] = b"n+1\0"
    else:
        struct.pack_into(order + "i", head, 0, 540)
        head[4:12] = b"n+2\0\r\n\x1a\n"
        struct.pack_into(order + "2h", head, 12, code, 8 * values.itemsize)
        struct.pack_into(order + "8q", head, 16, *dims)
        struct.pack_into(order + "8d", head, 104, 1, 0.5, 0.75, 3, 0, 0, 0, 0)
        struct.pack_into(order + "q2d", head, 168, 544, slope, intercept)
        struct.pack_into(order + "i", head, 500, units)
    data = bytes(head) + values.astype(values.dtype.newbyteorder(order)).tobytes()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def write_nrrd(path, values, *lines, encoding="raw", pack=bytes):
    names = {"u1": "unsigned char", "u2": "unsigned short", "f4": "float"}
    head = [
        "NRRD0005",
        "# made by hand",
        f"type: {names[values.dtype.str[1:]]}",
        f"dimension: {values.ndim}",
        "sizes: " + " ".join(str(n) for n in values.shape[::-1]),
        f"encoding: {encoding}",
        *lines,
    ]
    path.write_bytes("\n".join(head).encode() + b"\n\n" + pack(values.tobytes()))
    return path


@pytest.mark.parametrize("suffix", ["nii", "nii.gz", "nrrd"])
@pytest.mark.parametrize("kind", TYPES, ids=lambda k: np.dtype(k).name)
def test_values_order_and_spacing_are_itks(tmp_path, kind, suffix):
    import itk

    image = itk.image_from_array(volume(kind))
    image.SetSpacing((0.5, 0.75, 3.0))
    direction = np.array([[0, 0, -1], [-1, 0, 0], [0, 1, 0]], float)  # storage order counts, whatever the patient
    image.SetDirection(direction)
    path = tmp_path / f"x.{suffix}"
    itk.imwrite(image, str(path))
    raw = raw_of(path)
    np.testing.assert_array_equal(raw.values, volume(kind))
    np.testing.assert_array_equal(raw.values, itk.array_from_image(itk.imread(str(path))))
    assert raw.spacing == pytest.approx((3.0, 0.75, 0.5))


@pytest.mark.parametrize("suffix", ["nii", "nrrd"])
def test_two_dimensions(tmp_path, suffix):
    import itk

    path = tmp_path / f"x.{suffix}"
    itk.imwrite(itk.image_from_array(grey8()), str(path))
    scan = read_scan(path)
    np.testing.assert_array_equal(scan.pixels, grey8()[np.newaxis] / np.float32(255))


@pytest.mark.parametrize("suffix", ["nii.gz", "nrrd"])
def test_real_mr_volumes_are_read_as_itk_reads_them(tmp_path, shared_data, suffix):
    import itk

    for path in sorted((shared_data / "openms_mr").glob("patient01_study1*.nii.gz")):
        image = itk.imread(str(path))
        theirs = itk.array_from_image(image)
        copy = tmp_path / f"x.{suffix}"
        itk.imwrite(image, str(copy))
        for one in (path, copy):
            raw = raw_of(one)
            np.testing.assert_array_equal(raw.values, theirs)
            assert raw.spacing == pytest.approx(tuple(itk.spacing(image))[::-1])
        assert read_scan(copy).pixel_digest == read_scan(path).pixel_digest


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("kind", NIFTI_CODES)
def test_nifti_types_versions_and_byte_orders(tmp_path, kind, version, order):
    values = volume(np.dtype(kind)) if kind != "i1" else (volume() // 2).astype("i1")
    path = write_nifti(tmp_path / "x.nii", values, order=order, version=version)
    raw = raw_of(path)
    np.testing.assert_array_equal(raw.values, values)
    assert raw.values.dtype.isnative
    assert raw.spacing == pytest.approx((3.0, 0.75, 0.5))


def test_nifti_slope_and_intercept(tmp_path):
    raw = raw_of(write_nifti(tmp_path / "x.nii", volume(np.int16), slope=0.5, intercept=-20))
    np.testing.assert_array_equal(raw.values, volume(np.int16) * 0.5 - 20)
    raw = raw_of(write_nifti(tmp_path / "y.nii", volume(np.int16), slope=1.0, intercept=0.0))
    assert raw.values.dtype == np.int16
    raw = raw_of(write_nifti(tmp_path / "z.nii", volume(np.int16), slope=np.nan, intercept=3))
    np.testing.assert_array_equal(raw.values, volume(np.int16))


def test_nifti_colours_and_vectors(tmp_path):
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (2, 40, 50, 3)).astype(np.uint8)
    rgba = np.concatenate([rgb, rgb[..., :1]], axis=-1)
    sizes = (50, 40, 2)
    for values, code in ((rgb, 128), (rgba, 2304)):
        raw = raw_of(write_nifti(tmp_path / "x.nii", values, sizes=sizes, code=code))
        np.testing.assert_array_equal(raw.values, rgb)
    deep = rng.integers(0, 60000, (3, 1, 2, 40, 50)).astype(np.uint16)
    raw = raw_of(write_nifti(tmp_path / "x.nii", deep, sizes=(50, 40, 2, 1, 3)))
    np.testing.assert_array_equal(raw.values, np.moveaxis(deep[:, 0], 0, -1))


def test_of_a_time_series_the_first_time_point_is_read(tmp_path):
    series = np.stack([volume(), 255 - volume(), volume() // 2])
    scan = read_scan(write_nifti(tmp_path / "x.nii.gz", series))
    np.testing.assert_array_equal(scan.pixels, volume() / np.float32(255))
    spatial = "kinds: domain domain domain time"
    scan = read_scan(write_nrrd(tmp_path / "x.nrrd", series, spatial))
    np.testing.assert_array_equal(scan.pixels, volume() / np.float32(255))
    listed = np.ascontiguousarray(np.moveaxis(series, 0, -1))
    raw = raw_of(write_nrrd(tmp_path / "y.nrrd", np.concatenate([listed] * 3, -1), "kinds: list domain domain domain"))
    np.testing.assert_array_equal(raw.values, volume())


@pytest.mark.parametrize(("units", "factor"), [(2, 1.0), (1, 1000.0), (3, 0.001), (0, 1.0)])
def test_nifti_units(tmp_path, units, factor):
    raw = raw_of(write_nifti(tmp_path / "x.nii", volume(), units=units))
    assert raw.spacing == pytest.approx((3.0 * factor, 0.75 * factor, 0.5 * factor))


@pytest.mark.parametrize(("encoding", "pack"), [("raw", bytes), ("gzip", gzip.compress), ("bzip2", bz2.compress)])
def test_nrrd_encodings(tmp_path, encoding, pack):
    path = write_nrrd(tmp_path / "x.nrrd", volume(), "spacings: 0.5 0.75 3", encoding=encoding, pack=pack)
    raw = raw_of(path)
    np.testing.assert_array_equal(raw.values, volume())
    assert raw.spacing == (3.0, 0.75, 0.5)


def test_nrrd_big_endian_and_windows_line_ends(tmp_path):
    path = write_nrrd(
        tmp_path / "x.nrrd", grey16(), "endian: big", pack=lambda b: np.frombuffer(b, "<u2").byteswap().tobytes()
    )
    np.testing.assert_array_equal(raw_of(path).values[0], grey16())
    head, body = path.read_bytes().split(b"\n\n", 1)
    path.write_bytes(head.replace(b"\n", b"\r\n") + b"\r\n\r\n" + body)
    np.testing.assert_array_equal(raw_of(path).values[0], grey16())


def test_nrrd_component_axis_first_last_or_without_direction(tmp_path):
    rgb = np.random.default_rng(0).integers(0, 256, (2, 40, 50, 3)).astype(np.uint8)
    first = raw_of(write_nrrd(tmp_path / "a.nrrd", rgb, "kinds: RGB-color domain domain domain"))
    last = raw_of(
        write_nrrd(
            tmp_path / "b.nrrd", np.ascontiguousarray(np.moveaxis(rgb, -1, 0)), "kinds: domain domain domain vector"
        )
    )
    plain = raw_of(write_nrrd(tmp_path / "c.nrrd", rgb, "space directions: none (2,0,0) (0,3,0) (0,0,4)"))
    for raw in (first, last, plain):
        np.testing.assert_array_equal(raw.values, rgb)
    assert plain.spacing == (4.0, 3.0, 2.0)


@pytest.mark.parametrize("suffix", ["nii", "nii.gz", "nrrd"])
@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_truncated_volumes_are_refused(tmp_path, suffix, share):
    import itk

    path = tmp_path / f"x.{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (3, 40, 50)).astype(np.uint8)
    itk.imwrite(itk.image_from_array(noise), str(path), compression=suffix == "nrrd")
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ScanError, match=r"cut short|damaged|ends in its header|holds no NIfTI"):
        read_scan(path)


@pytest.mark.parametrize(
    ("lines", "match"),
    [
        (["byte skip: -1"], "skips bytes"),
        (["line skip: 3"], "skips bytes"),
        (["encoding: ascii"], "is not read"),
        (["type: block"], "damaged"),
        (["encoding: gzip"], "damaged"),
        (["encoding: bzip2"], "damaged"),
        (["sizes: 50 many"], "gives no size"),
        (["sizes: 50 40 0"], "impossible size"),
        (["sizes: 50 41"], "cut short"),
    ],
)
def test_nrrd_refusals(tmp_path, lines, match):
    with pytest.raises(ScanError, match=match):
        read_scan(write_nrrd(tmp_path / "x.nrrd", grey8(height=40, width=50), *lines))


def test_nifti_refusals(tmp_path):
    with pytest.raises(ScanError, match="code 32"):
        read_scan(write_nifti(tmp_path / "x.nii", volume(), code=32))
    path = write_nifti(tmp_path / "x.nii", volume())
    data = bytearray(path.read_bytes())
    struct.pack_into("<f", data, 108, -5.0)
    path.write_bytes(data)
    with pytest.raises(ScanError, match="damaged"):
        read_scan(path)
    struct.pack_into("<f", data, 108, float("nan"))
    path.write_bytes(data)
    with pytest.raises(ScanError, match="damaged"):
        read_scan(path)


@pytest.mark.parametrize("suffix", ["nii.gz", "nrrd"])
def test_a_flipped_bit_fails_the_checksum(tmp_path, suffix):
    import itk

    path = tmp_path / f"x.{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (3, 40, 50)).astype(np.uint8)
    itk.imwrite(itk.image_from_array(noise), str(path), compression=True)
    data = bytearray(path.read_bytes())
    for at in (len(data) // 2, len(data) - 6):
        broken = data.copy()
        broken[at] ^= 4
        path.write_bytes(broken)
        with pytest.raises(ScanError, match="damaged"):
            read_scan(path)


def test_a_gzip_bomb_is_inflated_no_further_than_its_header_says(tmp_path):
    import tracemalloc

    path = write_nifti(tmp_path / "x.nii.gz", volume())
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()) + bytes(200_000_000)))
    tracemalloc.start()
    read_scan(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000
