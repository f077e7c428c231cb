"""Where the voxels of a scan's file lie, and what is laid on them: maps and changed copies, written as NIfTI.

The geometry of a NIfTI file is taken over field by field, not by way of a matrix: whatever a viewer makes of the file's
own header, it makes of the map's. Nothing else of the header is.
"""

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from reid_engine.errors import ReidError
from reid_engine.readers.nrrd import read_affine
from reid_engine.readers.sniff import sniff
from reid_engine.scan import Scan

LONGEST_SIDE = 32767
"""Most voxels along a side that the header of NIfTI-1 can say."""

_GEOMETRY = (
    "qform_code", "sform_code", "quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z",
    "srow_x", "srow_y", "srow_z",
)  # fmt: skip
_LENGTH_UNIT = 7  # bits of xyzt_units
_MILLIMETRES = 2
_RGB = 128
_HEADER_BYTES = 540
_NRRD_HEADER_BYTES = 2**16  # `sniff` refuses one that is longer
_QUICK = 1  # a map is mostly zeros; of a copy, the time of a better level costs more than its bytes


@dataclass(frozen=True)
class Grid:
    """The voxel grid of one volume.

    Parameters
    ----------
    header
        The geometry alone, as NIfTI-1 says it.
    flat
        Whether the file has two axes and no third.
    """

    header: nib.Nifti1Header
    flat: bool = False

    def moved(self, rows: int, columns: int) -> "Grid":
        """Give the grid that begins so many rows and columns further in: that of a crop."""
        if not rows and not columns:
            return self
        header = self.header.copy()
        if not header["qform_code"] and not header["sform_code"]:  # such a file has no origin that could move
            header = _header_of(_upright(header["pixdim"][1:4]))
        step = np.array([columns, rows, 0.0])
        turned = _turned(header)
        for number, name in enumerate(("x", "y", "z")):
            header[f"srow_{name}"][3] += header[f"srow_{name}"][:3] @ step
            header[f"qoffset_{name}"] += turned[number] @ step
        return Grid(header, self.flat)

    def write(self, values: NDArray[Any]) -> bytes:
        """Give a gzipped NIfTI file.

        Parameters
        ----------
        values
            (S, H, W) of 8 or 16 bits, int32 or float32; or (S, H, W, 3) uint8, colours.

        Raises
        ------
        ReidError
            A side is longer than :data:`LONGEST_SIDE`.
        """
        sides = values.shape[2::-1]
        if max(sides) > LONGEST_SIDE:
            raise ReidError(f"the scan has a side of more than {LONGEST_SIDE} voxels, too many to lay anything over it")
        header = self.header.copy()
        header.set_data_shape(sides[:2] if self.flat and sides[2] == 1 else sides)
        if values.ndim == 4:
            header["datatype"], header["bitpix"] = _RGB, 24
        else:
            header.set_data_dtype(values.dtype)
        header["vox_offset"], header["scl_slope"], header["scl_inter"] = 352, 1, 0
        packer = zlib.compressobj(_QUICK, wbits=zlib.MAX_WBITS | 16)
        pieces = [packer.compress(header.binaryblock + bytes(4))]
        pieces += [packer.compress(np.ascontiguousarray(plane).tobytes()) for plane in values]
        return b"".join([*pieces, packer.flush()])


def read_grid(path: Path, scan: Scan) -> Grid:
    """Give the grid on which a scan lies.

    Parameters
    ----------
    path
        The file that it was read from. NIfTI and NRRD say where their voxels lie; anything else gets the scan's
        spacing, and the orientation that 3D Slicer gives to a picture.
    scan
        What `reid_engine.scan.read_scan` gave.

    Raises
    ------
    ScanError
        The file cannot be read any more.
    """
    kind = sniff(path)
    if kind == "nifti":
        return _read_nifti(path) or _plain(scan)
    if kind == "nrrd":
        with path.open("rb") as file:
            affine = read_affine(path, file.read(_NRRD_HEADER_BYTES))
        return _plain(scan) if affine is None else Grid(_header_of(affine))
    return _plain(scan)


def picture_grid(spacing: tuple[float, float, float] | None) -> Grid:
    """Give the grid that 3D Slicer gives to a picture of this spacing in mm (slices, rows, columns; 1 if unknown)."""
    planes, rows, columns = spacing or (1.0, 1.0, 1.0)
    return Grid(_header_of(_upright((columns, rows, planes))))


def _plain(scan: Scan) -> Grid:
    return picture_grid(scan.spacing)


def _upright(steps: Any) -> NDArray[np.float64]:
    """Give the affine whose axes go to the patient's left, back and head: rows go down in an axial view."""
    columns, rows, planes = (abs(float(step)) or 1.0 for step in steps)
    return np.diag([-columns, -rows, planes, 1.0])


def _read_nifti(path: Path) -> Grid | None:
    """Take the geometry over; None where it is not of finite numbers."""
    with path.open("rb") as plain:
        packed = plain.read(2) == b"\x1f\x8b"
    with gzip.open(path) if packed else path.open("rb") as file:
        block = file.read(_HEADER_BYTES)
    kind = nib.Nifti2Header if block[4:7] == b"n+2" else nib.Nifti1Header
    source = kind(block[: kind.sizeof_hdr], check=False)
    header = nib.Nifti1Header()
    with np.errstate(over="ignore", invalid="ignore"):
        for name in _GEOMETRY:
            header[name] = source[name]
        header["pixdim"][:4] = source["pixdim"][:4]
    header["xyzt_units"] = int(source["xyzt_units"]) & _LENGTH_UNIT
    finite = all(np.isfinite(header[name]).all() for name in (*_GEOMETRY, "pixdim"))
    return Grid(header, flat=int(source["dim"][0]) == 2) if finite else None


def _header_of(affine: NDArray[np.float64]) -> nib.Nifti1Header:
    """Say an affine (voxel to RAS, mm) in both of the ways that NIfTI has; one that is sheared in the one that can."""
    header = nib.Nifti1Header()
    header["xyzt_units"] = _MILLIMETRES
    header.set_sform(affine, code=1)
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    if np.allclose(axes.T @ axes, np.eye(3), atol=1e-4):
        header.set_qform(affine, code=1)
    else:
        header["pixdim"][1:4] = np.linalg.norm(affine[:3, :3], axis=0)
    return header


def _turned(header: nib.Nifti1Header) -> NDArray[np.float64]:
    """Give the qform's axes times the spacing, (3, 3); zeros where the header has none that makes sense."""
    try:
        return np.asarray(header.get_qform(coded=False)[:3, :3], dtype=np.float64)
    except (ValueError, HeaderDataError):
        return np.zeros((3, 3))
