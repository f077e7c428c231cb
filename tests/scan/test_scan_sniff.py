"""What a file is, told by its first bytes, quickly and with the standard library alone."""

import gzip
import struct
import subprocess
import sys
import time

import pytest
from dicom_files import grey8, write_dicom
from PIL import Image

from reid_engine.errors import ScanError
from reid_engine.readers.sniff import MAX_PLANE, MAX_VALUES, check_size, is_dicom, sniff

NRRD = b"NRRD0004\ntype: uchar\ndimension: 2\nsizes: 40 50\nencoding: raw\n"


def nifti_head(sizes=(40, 50, 1), *, magic=b"n+1\0", order="<", count=None):
    head = bytearray(352)
    struct.pack_into(order + "i", head, 0, 348)
    dims = (count if count is not None else len(sizes), *sizes)
    struct.pack_into(f"{order}{len(dims)}h", head, 40, *dims)
    struct.pack_into(order + "2h", head, 70, 2, 8)
    struct.pack_into(order + "f", head, 108, 352.0)
    head[344:348] = magic
    return bytes(head)


@pytest.mark.parametrize("suffix", ["", ".png", ".dcm", ".nii.gz", ".txt"])
def test_kind_is_that_of_the_bytes_whatever_the_name(tmp_path, suffix):
    made = {}
    for kind, form in (("png", "PNG"), ("jpeg", "JPEG"), ("tiff", "TIFF")):
        made[kind] = tmp_path / f"{kind}{suffix}"
        Image.fromarray(grey8()).save(made[kind], format=form)
    made["dicom"] = write_dicom(tmp_path / f"dicom{suffix}", grey8())
    made["nrrd"] = tmp_path / f"nrrd{suffix}"
    made["nrrd"].write_bytes(NRRD + b"\n" + bytes(2000))
    for name, data in (("nifti", nifti_head()), ("gzipped", gzip.compress(nifti_head(), mtime=0))):
        made[name] = tmp_path / f"{name}{suffix}"
        made[name].write_bytes(data)
    expected = {kind: "nifti" if kind == "gzipped" else kind for kind in made}
    assert {kind: sniff(path) for kind, path in made.items()} == expected
    assert sniff(str(tmp_path)) == "folder"
    assert [kind for kind, path in made.items() if is_dicom(path)] == ["dicom"]


def test_dicom_wins_over_what_its_preamble_pretends(tmp_path):
    path = write_dicom(tmp_path / "both.tif", grey8())
    path.write_bytes(b"II*\0" + path.read_bytes()[4:])
    assert sniff(path) == "dicom"


@pytest.mark.parametrize(
    ("name", "data", "match"),
    [
        ("empty.dcm", b"", "is empty"),
        ("letter.png", b"Dear colleague, " * 40, "is not an image"),
        ("paper.dcm", b"%PDF-1.7 and so on", "PDF"),
        ("slices.zip", b"PK\x03\x04" + bytes(60), "ZIP"),
        ("moving.png", b"GIF89a" + bytes(60), "GIF"),
        ("log.nii.gz", gzip.compress(b"a log file" * 99, mtime=0), "holds no NIfTI"),
        ("cut.nii.gz", gzip.compress(nifti_head(), mtime=0)[:30], "holds no NIfTI"),
        ("short.png", b"\x89PNG\r\n\x1a\n\0\0", "ends in its header"),
        ("pair.hdr", nifti_head(magic=b"ni1\0"), "one half"),
        ("none.nii", nifti_head(sizes=(40, 0, 1)), "impossible size"),
        ("minus.nii", nifti_head(sizes=(40, -50, 1)), "impossible size"),
        ("many.nii", nifti_head(sizes=(40, 50, 1), count=99), "impossible size"),
        ("odd.nii", b"\1\2\3\4" + nifti_head()[4:], "damaged"),
        ("line.nii", nifti_head(sizes=(40, 1, 1)), "fewer than 32"),
        ("bomb.nii", nifti_head(sizes=(30000, 30000, 30)), "more than is read"),
        ("endless.nrrd", NRRD, "does not end"),
        ("sizeless.nrrd", b"NRRD0004\ntype: uchar\n\n\0", "gives no size"),
        ("zero.nrrd", NRRD.replace(b"40 50", b"40 0") + b"\n", "impossible size"),
        ("bomb.nrrd", NRRD.replace(b"40 50", b"60000 60000") + b"\n", "more than is read"),
    ],
)
def test_refusals_name_file_cause_and_remedy(tmp_path, name, data, match):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(ScanError, match=match) as caught:
        sniff(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "; " in message
    assert "\n" not in message


@pytest.mark.parametrize("field", ["data file: /etc/passwd", "datafile: /etc/passwd", "Data File: LIST"])
def test_a_header_that_points_at_another_file_is_refused(tmp_path, field):
    path = tmp_path / "pointer.nrrd"
    path.write_bytes(NRRD + field.encode() + b"\n\n" + bytes(2000))
    with pytest.raises(ScanError, match="points at another file"):
        sniff(path)


def test_missing_paths_and_devices(tmp_path):
    with pytest.raises(ScanError, match="no such file"):
        sniff(tmp_path / "missing.png")
    with pytest.raises(ScanError, match="not valid"):
        sniff("nul\0byte.png")
    with pytest.raises(ScanError, match="neither a file nor a folder"):
        sniff("/dev/null")


@pytest.mark.parametrize(
    ("size", "match"),
    [((1, 1, 1), "fewer than 32"), ((1, 31, 500), "fewer than 32"), ((1, 0, 40), "empty"), ((0, 40, 40), "empty")],
)
def test_small_and_empty_sizes(tmp_path, size, match):
    with pytest.raises(ScanError, match=match):
        check_size(tmp_path, *size)


def test_limits_are_inclusive(tmp_path):
    side = int(MAX_PLANE**0.5)
    check_size(tmp_path, MAX_VALUES // MAX_PLANE, side, side)
    with pytest.raises(ScanError, match="8193 x 8192"):
        check_size(tmp_path, 1, side + 1, side)
    with pytest.raises(ScanError, match="more than is read"):
        check_size(tmp_path, MAX_VALUES // MAX_PLANE, side, side, 3)


def test_sniffing_garbage_takes_a_fifth_of_a_second_with_the_interpreter(tmp_path):
    path = tmp_path / "garbage.png"
    path.write_bytes(b"garbage" * 1000)
    code = (
        "import sys\nfrom reid_engine.readers.sniff import sniff\nfrom reid_engine.errors import ScanError\n"
        f"try:\n    sniff({str(path)!r})\nexcept ScanError:\n    pass\nelse:\n    sys.exit(3)\n"
        "heavy = {'numpy', 'PIL', 'pydicom', 'itk', 'torch'} & set(sys.modules)\nsys.exit(4 if heavy else 0)"
    )
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
        seconds.append(time.perf_counter() - start)
    bare = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    assert min(seconds) < 0.2 + (time.perf_counter() - bare)
