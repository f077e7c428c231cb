"""Held-out scans of the phantoms' people, in every format that a client may send."""

import gzip
import io
import struct

import numpy as np
from PIL import Image

SEED, SIZE = 11, 160  # as tests/conftest.py makes its cohort
UNSEEN_SESSION = 7
SUBJECT = 4


def pixels(modality="CXR", subject=SUBJECT, session=UNSEEN_SESSION, size=SIZE):
    """Paint a scan that is not enrolled, of a person who is."""
    from reid_engine.phantom import phantom_scan

    return phantom_scan(modality, subject, session, SEED, size)


def subject_id(subject=SUBJECT):
    return f"P{subject + 1:03d}"


def picture(array, kind="PNG", **options):
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, kind, **options)
    return stream.getvalue()


def nifti(array):
    """Write a grey picture as a one-slice volume, as Slicer exports it, without any library."""
    rows, columns = array.shape
    header = bytearray(348)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, columns, rows, 1, 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, 2, 8)
    struct.pack_into("<8f", header, 76, 1, 1, 1, 1, 1, 1, 1, 1)
    struct.pack_into("<f", header, 108, 352)
    header[344:348] = b"n+1\0"
    return bytes(header) + bytes(4) + array.tobytes()


def nrrd(array):
    rows, columns = array.shape
    head = f"NRRD0004\ntype: unsigned char\ndimension: 3\nsizes: {columns} {rows} 1\nencoding: raw\n\n"
    return head.encode() + array.tobytes()


def dicom(array, name="Mueller^Hans", folder=None):
    """Write a chest x-ray with a full header."""
    from reid_engine.phantom.dicom import write_dicom

    row = {
        "file": "held_out.dcm", "subject_id": name, "session_id": "s8", "modality": "CXR", "laterality": "",
        "view": "PA", "sex": "F", "age": "61", "acquired": "2024-05-06", "device": "Radia 1",
    }  # fmt: skip
    path = folder / "held_out.dcm"
    write_dicom(path, array.astype(np.float64) / 255, row, SEED)
    return path.read_bytes()


def every_format(array, folder):
    """Give the same grey picture by file name."""
    volume = nifti(array)
    return {
        "scan.png": picture(array),
        "scan.jpg": picture(array, "JPEG", quality=95),
        "scan.tif": picture(array, "TIFF"),
        "scan.nii": volume,
        "scan.nii.gz": gzip.compress(volume),
        "scan.nrrd": nrrd(array),
        "scan.dcm": dicom(array, folder=folder),
        "no_suffix": picture(array),
        "lies_about_its_type.dcm": picture(array),
    }
