"""What a file is, judged from its first bytes with the standard library alone.

A file is read by what it is, not by what its name says. Everything that can be refused from a header is
refused here, before a heavy package is imported: missing, empty, unknown, too large, a header that claims
more pixels than any scan has, a header that points at another file.
"""

import gzip
import os
import struct
import zlib
from pathlib import Path
from typing import Literal

from reid_engine.errors import ScanError

Kind = Literal["dicom", "nifti", "nrrd", "png", "jpeg", "tiff", "folder"]

MAX_BYTES = 4 * 2**30
"""Largest file that is opened, in bytes."""

MAX_PLANE = 2**26
"""Most pixels of one plane, rows times columns (67 million; a wide-field fundus photo has 16 million)."""

MAX_VALUES = 2**28
"""Most values of a scan: slices times rows times columns times channels (a chest CT has 100 million)."""

MIN_SIDE = 32
"""Fewest rows and columns; below that there is no picture to recognise."""

SERIES_MARK = "#series-"
"""How the last part of a path begins that means one DICOM series of a folder with several."""

_HEAD = 4096
_SUPPORTED = "DICOM, NIfTI, NRRD, PNG, JPEG or TIFF"
_KNOWN_OTHERS = (
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"GIF8", "a GIF image"),
    (b"BM", "a BMP image"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x00\x00\x00\x0cjP  ", "a bare JPEG 2000 file"),
)


def sniff(path: str | os.PathLike[str]) -> Kind:
    """Tell what kind of scan a path holds.

    Parameters
    ----------
    path
        A file, or a folder with the slices of one DICOM series.

    Returns
    -------
    Kind
        ``"folder"`` for a folder, else the file's format.

    Raises
    ------
    ScanError
        If the path is missing, empty, too large, of another format, or its header makes it unfit to be read.
    """
    path = Path(path)
    try:
        if path.is_dir() or (path.name.startswith(SERIES_MARK) and path.parent.is_dir()):
            return "folder"
        size = path.stat().st_size
        head = _read_head(path, size)
    except FileNotFoundError:
        raise ScanError(f"{path}: there is no such file; check the path") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "the path is not valid"
        raise ScanError(f"{path}: cannot be opened ({reason}); check the path and its permissions") from None
    kind = _kind(path, head)
    if kind == "png":
        _check_png(path, head)
    elif kind == "nifti":
        _check_nifti(path, head)
    elif kind == "nrrd":
        _check_nrrd(path, head)
    return kind


def is_dicom(path: Path) -> bool:
    """Tell whether a file starts as DICOM does; False for what cannot be opened."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return False
    return head[128:132] == b"DICM" or _is_bare_dicom(head)


def check_size(path: Path, planes: int, rows: int, columns: int, channels: int = 1) -> None:
    """Refuse a picture that is empty, too small or too large, before its pixels are decoded.

    Parameters
    ----------
    path
        The file, for the message.
    planes, rows, columns, channels
        What the header claims.
    """
    size = " x ".join(str(n) for n in ((planes, rows, columns) if planes != 1 else (rows, columns)))
    if min(planes, rows, columns, channels) < 1:
        raise ScanError(f"{path}: the image is empty ({size} pixels); export it again from its source")
    if min(rows, columns) < MIN_SIDE:
        raise ScanError(
            f"{path}: the image has {size} pixels, and fewer than {MIN_SIDE} a side cannot be judged; "
            "give the scan at its own resolution"
        )
    if rows * columns > MAX_PLANE or planes * rows * columns * channels > MAX_VALUES:
        raise ScanError(
            f"{path}: the header claims {size} pixels, more than is read from one scan; "
            "check the file, or give a smaller one"
        )


def _read_head(path: Path, size: int) -> bytes:
    if not path.is_file():
        raise ScanError(f"{path}: is neither a file nor a folder; give a scan's file")
    if size == 0:
        raise ScanError(f"{path}: the file is empty; copy or export it again")
    if size > MAX_BYTES:
        raise ScanError(f"{path}: the file has more than {MAX_BYTES // 2**30} GiB; give a smaller scan")
    with path.open("rb") as file:
        return file.read(_HEAD)


def _kind(path: Path, head: bytes) -> Kind:
    if head[128:132] == b"DICM":  # first, for the 128 bytes before may be another format's start
        return "dicom"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "tiff"
    if head.startswith(b"NRRD000"):
        return "nrrd"
    if _is_bare_dicom(head):
        return "dicom"
    if _is_nifti(head) or (head.startswith(b"\x1f\x8b") and _is_nifti(_inflate(path))):
        return "nifti"
    what = next((f"is {name}" for magic, name in _KNOWN_OTHERS if head.startswith(magic)), "is not an image")
    if head.startswith(b"\x1f\x8b"):
        what = "is a gzip file that holds no NIfTI image or is damaged"
    raise ScanError(f"{path}: the file {what}; give {_SUPPORTED}")


def _is_bare_dicom(head: bytes) -> bool:
    """Tell whether a data set starts at once, as old files without the 128-byte preamble do."""
    if len(head) < 132:
        return False
    explicit = head[4:6].isalpha() and head[4:6].isupper()
    for order in "<>" if explicit else "<":
        group, element, length = struct.unpack_from(order + "HHI", head)
        if group in (0x0002, 0x0008) and element <= 0x0100 and (explicit or length < 256):
            return True
    return False


def _is_nifti(head: bytes) -> bool:
    return head[344:348] in (b"n+1\0", b"ni1\0") or head[4:8] in (b"n+2\0", b"ni2\0")


def _inflate(path: Path) -> bytes:
    try:
        with gzip.open(path) as file:
            return file.read(_HEAD)
    except (OSError, EOFError, zlib.error):
        return b""


def _check_png(path: Path, head: bytes) -> None:
    if len(head) < 33 or head[12:16] != b"IHDR":
        raise ScanError(f"{path}: the PNG image ends in its header; copy or export it again")
    columns, rows = struct.unpack_from(">II", head, 16)
    check_size(path, 1, rows, columns)


def _check_nifti(path: Path, head: bytes) -> None:
    head = head if _is_nifti(head) else _inflate(path)
    if b"ni" in (head[344:346], head[4:6]):
        raise ScanError(f"{path}: is one half of a NIfTI header and image pair; save the volume as one .nii.gz file")
    if len(head) < 352:
        raise ScanError(f"{path}: the NIfTI image ends in its header; copy or export it again")
    old = head[344:346] == b"n+"
    order = _byte_order(head, 348 if old else 540)
    if order is None:
        raise ScanError(f"{path}: the NIfTI header is damaged; copy or export it again")
    sizes = struct.unpack_from(order + ("8h" if old else "8q"), head, 40 if old else 16)
    count = sizes[0]
    if not 2 <= count <= 7 or min(sizes[1 : count + 1]) < 1:
        raise ScanError(f"{path}: the NIfTI header gives an impossible size; copy or export it again")
    planes = 1
    for size in sizes[3 : count + 1]:
        planes *= size
    check_size(path, planes, sizes[2], sizes[1])


def _byte_order(head: bytes, header_size: int) -> str | None:
    return next((o for o in "<>" if struct.unpack_from(o + "i", head)[0] == header_size), None)


def _check_nrrd(path: Path, head: bytes) -> None:
    """Refuse a header that names another file: reading it would open a path that the sender chose."""
    text, separator, _ = head.replace(b"\r\n", b"\n").partition(b"\n\n")
    if not separator:
        raise ScanError(f"{path}: the NRRD header does not end; copy or export it again")
    fields = {}
    for line in text.decode("latin-1").splitlines()[1:]:
        name, colon, value = line.partition(":")
        if colon and not value.startswith("=") and not line.startswith("#"):
            fields[name.strip().lower()] = value.strip()
    if "data file" in fields or "datafile" in fields:
        raise ScanError(
            f"{path}: the NRRD header points at another file; save the volume as one .nrrd file with its data"
        )
    try:
        sizes = [int(word) for word in fields["sizes"].split()]
    except (KeyError, ValueError):
        raise ScanError(f"{path}: the NRRD header gives no size; copy or export it again") from None
    total = 1
    for size in sizes:
        total *= max(size, 0)
    if len(sizes) < 2 or total < 1:
        raise ScanError(f"{path}: the NRRD header gives an impossible size; copy or export it again")
    if total > MAX_VALUES:
        check_size(path, 1, total, MIN_SIDE)
