"""NIfTI-1 and NIfTI-2 files, gzipped or not, in the order in which the values are stored.

Read here in a few lines rather than through ITK: importing ITK's readers takes three seconds, its Python
wrapping has no 16-bit colour, and it prints file names to the terminal. The tests compare with ITK. Format:
https://nifti.nimh.nih.gov/nifti-1 (nifti1.h) and https://nifti.nimh.nih.gov/nifti-2.
"""

import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reid_engine.errors import ScanError
from reid_engine.readers.inflate import inflate
from reid_engine.readers.raw import Raw
from reid_engine.readers.sniff import check_size

_TYPES = {
    2: "u1",
    4: "i2",
    8: "i4",
    16: "f4",
    64: "f8",
    256: "i1",
    512: "u2",
    768: "u4",
    1024: "i8",
    1280: "u8",
}
_COLOURS = {128: 3, 2304: 4}
_MILLIMETRES = {1: 1000.0, 2: 1.0, 3: 0.001}
_HEADER_BYTES = 1024
_MAX_OFFSET = 2**24


@dataclass(frozen=True)
class _Header:
    order: str
    sizes: tuple[int, ...]
    type_code: int
    steps: tuple[float, ...]
    offset: int
    slope: float
    intercept: float
    units: int


def read_nifti(path: Path, data: bytes) -> Raw:
    """Read a file's bytes.

    Returns
    -------
    Raw
        (S, H, W): slices, rows and columns are the third, second and first stored axis, as Slicer shows them.
        Of a time series the first time point, of colour with alpha the colour.
    """
    start = _read(path, data, _HEADER_BYTES, whole=False)
    header = _parse(path, start)
    components = _components(header)
    planes, rows, columns = (*header.sizes, 1)[2::-1]
    check_size(path, planes, rows, columns, components)
    dtype = _dtype(path, header)
    count = planes * rows * columns * components
    values = _values(path, data, header, dtype, count)
    if header.type_code in _COLOURS or components == 1:
        values = values.reshape(planes, rows, columns, components)
    else:  # a vector's components are stored one whole volume after the other
        values = np.moveaxis(values.reshape(components, planes, rows, columns), 0, -1)
    return Raw(_scale(values[..., :3] if components > 1 else values[..., 0], header), _spacing(header))


def _read(path: Path, data: bytes, size: int, *, whole: bool) -> bytes:
    """Give the first ``size`` bytes of the volume, inflating no more than that."""
    if not data.startswith(b"\x1f\x8b"):
        return data[:size]
    try:
        return inflate(data, size, whole=whole)
    except ValueError:
        raise ScanError(f"{path}: the NIfTI image is damaged or cut short; copy or export it again") from None


def _parse(path: Path, head: bytes) -> _Header:
    old = head[344:348] == b"n+1\0"
    size = 348 if old else 540
    if len(head) < size:
        raise _damaged(path)
    order = "<" if struct.unpack_from("<i", head)[0] == size else ">"
    if old:
        dims = struct.unpack_from(order + "8h", head, 40)
        type_code, steps = (
            struct.unpack_from(order + "h", head, 70)[0],
            struct.unpack_from(order + "8f", head, 76),
        )
        offset, slope, intercept = struct.unpack_from(order + "3f", head, 108)
        units = head[123]
    else:
        type_code, dims = (
            struct.unpack_from(order + "h", head, 12)[0],
            struct.unpack_from(order + "8q", head, 16),
        )
        steps = struct.unpack_from(order + "8d", head, 104)
        offset, slope, intercept = struct.unpack_from(order + "q2d", head, 168)
        (units,) = struct.unpack_from(order + "i", head, 500)
    if not 2 <= dims[0] <= 7 or not size <= offset <= _MAX_OFFSET:
        raise _damaged(path)
    return _Header(order, dims[1 : dims[0] + 1], type_code, steps[1:4], int(offset), slope, intercept, units)


def _components(header: _Header) -> int:
    """Give the values of a voxel: the fifth axis holds a vector; time points are not components."""
    if header.type_code in _COLOURS:
        return _COLOURS[header.type_code]
    vector = header.sizes[4] if len(header.sizes) == 5 and header.sizes[3] == 1 else 1
    return vector if vector in (3, 4) else 1


def _dtype(path: Path, header: _Header) -> str:
    if header.type_code in _COLOURS:
        return "u1"
    if header.type_code not in _TYPES:
        raise ScanError(
            f"{path}: the NIfTI image's type (code {header.type_code}) is not an image's; save it as numbers"
        )
    return header.order + _TYPES[header.type_code]


def _values(path: Path, data: bytes, header: _Header, dtype: str, count: int) -> NDArray[Any]:
    size = header.offset + count * np.dtype(dtype).itemsize
    body = _read(path, data, size, whole=True)
    if len(body) < size:
        raise ScanError(f"{path}: the NIfTI image is damaged or cut short; copy or export it again")
    values = np.frombuffer(body, dtype=dtype, count=count, offset=header.offset)
    return values if values.dtype.isnative else values.astype(values.dtype.newbyteorder("="))


def _scale(values: NDArray[Any], header: _Header) -> NDArray[Any]:
    """Apply the header's slope and intercept; a slope of 0 means none."""
    if header.type_code in _COLOURS or header.slope == 0 or not math.isfinite(header.slope + header.intercept):
        return values
    if (header.slope, header.intercept) == (1, 0):
        return values
    return values.astype(np.float64) * header.slope + header.intercept


def _spacing(header: _Header) -> tuple[float, float, float] | None:
    unit = _MILLIMETRES.get(header.units & 7, 1.0)
    columns, rows, planes = (abs(step) * unit for step in header.steps)
    known = all(0 < step < math.inf for step in (rows, columns))
    return (planes if 0 < planes < math.inf else 1.0, rows, columns) if known else None


def _damaged(path: Path) -> ScanError:
    return ScanError(f"{path}: the NIfTI file is damaged; copy or export it again")
