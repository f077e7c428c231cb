"""NRRD files with their data attached, in the order in which the values are stored.

Read here for the reasons given in :mod:`reid_engine.readers.nifti`; the tests compare with ITK.
Format: https://teem.sourceforge.net/nrrd/format.html.
"""

import bz2
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reid_engine.errors import ScanError
from reid_engine.readers.inflate import inflate
from reid_engine.readers.raw import Raw
from reid_engine.readers.sniff import check_size

_TYPES = {
    "i1": ("signed char", "int8", "int8_t"),
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "i8": ("longlong", "long long", "long long int", "signed long long", "int64", "int64_t"),
    "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
    "f4": ("float",),
    "f8": ("double",),
}
_TYPE_OF = {name: code for code, names in _TYPES.items() for name in names}
_SPATIAL = ("domain", "space", "time", "???", "none", "")
_VECTOR = re.compile(r"none|\([^)]*\)", re.IGNORECASE)
_TO_RAS = {"right-anterior-superior": (1, 1, 1), "left-anterior-superior": (-1, 1, 1)}
_SHORT = {"ras": "right-anterior-superior", "las": "left-anterior-superior"}
_LPS_TO_RAS = (-1, -1, 1)


def read_nrrd(path: Path, data: bytes) -> Raw:
    """Read a file's bytes.

    Returns
    -------
    Raw
        (S, H, W): slices, rows and columns are the third, second and first spatial axis; a colour or vector
        axis goes last, and its alpha is dropped. Of a time series the first time point.
    """
    fields, start = _parse(path, data)
    try:
        sizes = [int(word) for word in fields["sizes"].split()]
        code = _TYPE_OF[fields["type"].lower()]
        encoding = fields["encoding"].lower()
    except (KeyError, ValueError):
        raise _damaged(path) from None
    axis = _component_axis(fields, len(sizes))
    spatial = [size for i, size in enumerate(sizes) if i != axis]
    components = sizes[axis] if axis is not None else 1
    if len(spatial) < 2:
        raise _damaged(path)
    columns, rows, planes, *later = (*spatial, 1) if len(spatial) == 2 else spatial
    check_size(path, planes * math.prod(later), rows, columns, components)
    order = ">" if fields.get("endian", "").lower() == "big" else "<"
    values = _values(path, data[start:], encoding, np.dtype(order + code), math.prod(sizes))
    values = values.reshape(sizes[::-1])
    if axis is not None:
        values = np.moveaxis(values, len(sizes) - 1 - axis, -1)
    values = values.reshape(-1, planes, rows, columns, components)[0, ..., :3]
    return Raw(values if components in (3, 4) else values[..., 0], _spacing(fields, axis))


def read_affine(path: Path, data: bytes) -> NDArray[np.float64] | None:
    """Give the matrix (4, 4) from voxels (column, row, slice) to RAS in mm; None where the header has none.

    A space that has no name counts as LPS, as it does for ITK and so for 3D Slicer.
    """
    fields, _ = _parse(path, data)
    axis = _component_axis(fields, len(fields.get("sizes", "").split()))
    words = [word for i, word in enumerate(_VECTOR.findall(fields.get("space directions", ""))) if i != axis]
    try:
        axes = np.array([_numbers(word) for word in words if word.lower() != "none"][:3], dtype=np.float64)
        origin = np.array(_numbers(fields.get("space origin", "(0,0,0)")), dtype=np.float64)
    except ValueError:
        return None
    if axes.shape != (3, 3) or origin.shape != (3,) or not np.isfinite(axes).all() or not np.isfinite(origin).all():
        return None
    if not np.linalg.norm(axes, axis=1).all() or not abs(np.linalg.det(axes)):
        return None
    space = fields.get("space", "").lower()
    signs = np.array(_TO_RAS.get(_SHORT.get(space, space), _LPS_TO_RAS), dtype=np.float64)
    affine = np.eye(4)
    affine[:3, :3] = signs[:, None] * axes.T
    affine[:3, 3] = signs * origin
    return affine


def _parse(path: Path, data: bytes) -> tuple[dict[str, str], int]:
    end = re.search(rb"\r?\n\r?\n", data)
    if end is None:
        raise _damaged(path)
    fields = {}
    for line in data[: end.start()].decode("latin-1").splitlines()[1:]:
        name, colon, value = line.partition(": ")
        if colon and not line.startswith("#"):
            fields[name.strip().lower()] = value.strip()
    if fields.get("line skip", "0") != "0" or fields.get("byte skip", "0") != "0":
        raise ScanError(f"{path}: the NRRD header skips bytes of its data; save the volume again as .nrrd")
    return fields, end.end()


def _component_axis(fields: dict[str, str], dimension: int) -> int | None:
    """Find the axis of a voxel's components: its kind is not spatial, or it has no direction."""
    kinds = fields.get("kinds", "").lower().split()
    if len(kinds) == dimension:
        found = [i for i, kind in enumerate(kinds) if kind not in _SPATIAL]
        return found[0] if found else None
    directions = _VECTOR.findall(fields.get("space directions", ""))
    if len(directions) == dimension:
        found = [i for i, direction in enumerate(directions) if direction.lower() == "none"]
        return found[0] if found else None
    return None


def _values(path: Path, body: bytes, encoding: str, dtype: np.dtype[Any], count: int) -> NDArray[Any]:
    size = count * dtype.itemsize
    try:
        if encoding in ("gzip", "gz"):
            body = inflate(body, size)
        elif encoding in ("bzip2", "bz2"):
            body = bz2.BZ2Decompressor().decompress(body, size)
        elif encoding != "raw":
            raise ScanError(f"{path}: the NRRD encoding '{encoding[:20]}' is not read; save it raw or gzipped")
    except (ValueError, OSError):
        raise _damaged(path) from None
    if len(body) < size:
        raise ScanError(f"{path}: the NRRD image is damaged or cut short; copy or export it again")
    values = np.frombuffer(body, dtype=dtype, count=count)
    return values if dtype.isnative else values.astype(dtype.newbyteorder("="))


def _spacing(fields: dict[str, str], axis: int | None) -> tuple[float, float, float] | None:
    """Give the lengths of the axes' directions, or the plain spacings."""
    words = _VECTOR.findall(fields.get("space directions", "")) or fields.get("spacings", "").split()
    steps = []
    for i, word in enumerate(words):
        if i == axis or word.lower() == "none":
            continue
        try:
            steps.append(math.hypot(*_numbers(word)))
        except ValueError:
            return None
    if len(steps) < 2 or not all(0 < step < math.inf for step in steps[:3]):
        return None
    return (steps[2] if len(steps) > 2 else 1.0, steps[1], steps[0])


def _numbers(word: str) -> list[float]:
    return [float(number) for number in word.strip("()").split(",")]


def _damaged(path: Path) -> ScanError:
    return ScanError(f"{path}: the NRRD file is damaged or cut short; copy or export it again")
