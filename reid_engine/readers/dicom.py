"""DICOM images: a file with one or more frames, or the files of one series, through pydicom."""

import io
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reid_engine.errors import ScanError
from reid_engine.readers.frames import read_frames
from reid_engine.readers.header import functional_groups, items, number, read_header
from reid_engine.readers.raw import Raw
from reid_engine.readers.sniff import MAX_VALUES, check_size
from reid_engine.readers.voi import header_voi, look_up, read_table

_DEFLATED = "1.2.840.10008.1.2.1.99"
_TRANSFER_SYNTAX = b"\x02\x00\x10\x00UI"
_PREAMBLE = 132
_MAX_META = 2**16
_MAX_WHOLE = 2**15  # 16-bit values times that, plus that, fit into 32 bits


def read_dicom(path: Path, data: bytes) -> Raw:
    """Read one file's bytes.

    Returns
    -------
    Raw
        One slice for each frame; grey values rescaled as the header says (CT: Hounsfield units), colours RGB.

    Raises
    ------
    ScanError
        If the file is damaged, holds no image, or its pixels cannot be decoded.
    """
    with telling_damage(path):
        dataset = parse(path, data)
        return describe(dataset, read_values(path, dataset))


@contextmanager
def telling_damage(path: Path) -> Iterator[None]:
    """Turn what pydicom raises, of any kind and as late as when a value is asked for, into a ScanError."""
    try:
        yield
    except (ScanError, MemoryError):
        raise
    except Exception:
        raise ScanError(f"{path}: the DICOM file is damaged or cut short; copy or export it again") from None


def parse(path: Path, data: bytes) -> Any:
    """Parse a file's bytes into a pydicom data set."""
    import pydicom

    _check_deflated(path, data)
    return pydicom.dcmread(io.BytesIO(data), force=True)


def read_values(path: Path, dataset: Any) -> NDArray[Any]:
    """Decode a data set's frames and rescale grey values: (S, H, W) or (S, H, W, 3)."""
    values = read_frames(path, dataset)
    return values if values.ndim == 4 else _rescale(values, dataset)


def describe(dataset: Any, values: NDArray[Any]) -> Raw:
    """Put values and header together."""
    header = read_header(dataset)
    grey = values.ndim == 3
    return Raw(
        values,
        spacing=header.spacing,
        voi=header_voi(dataset) if grey else None,
        inverted=grey and str(dataset.get("PhotometricInterpretation", "")).strip() == "MONOCHROME1",
        hounsfield=header.modality == "CT" and grey and bool(_slopes(dataset)),
        modality=header.modality,
        radiograph=header.radiograph,
        laterality=header.laterality,
        view=header.view,
        facts=header.facts,
    )


def check_sizes_agree(path: Path, parts: Sequence[NDArray[Any]]) -> None:
    """Refuse slices of differing sizes, and more of them than one scan has."""
    shapes = {part.shape[1:] for part in parts}
    if len(shapes) > 1:
        sizes = " and ".join(sorted(f"{shape[0]} x {shape[1]}" for shape in shapes))
        raise ScanError(f"{path}: its slices differ in size or colour ({sizes}); give the files of one series")
    rows, columns = parts[0].shape[1:3]
    check_size(path, sum(len(part) for part in parts), rows, columns, parts[0][0, 0, 0].size)


def _check_deflated(path: Path, data: bytes) -> None:
    """Refuse a deflated data set that would fill the memory; pydicom inflates without a limit."""
    if data[128:_PREAMBLE] != b"DICM" or _transfer_syntax(data) != _DEFLATED:
        return
    start = _PREAMBLE + 12 + int.from_bytes(data[_PREAMBLE + 8 : _PREAMBLE + 12], "little")
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    inflater.decompress(data[start:], 2 * MAX_VALUES)
    if inflater.unconsumed_tail:
        raise ScanError(f"{path}: the deflated DICOM file is larger than any scan that is read; check the file")


def _transfer_syntax(data: bytes) -> str:
    """Give the UID in the file's meta group, which is always explicit and little-endian."""
    at = data.find(_TRANSFER_SYNTAX, _PREAMBLE, _PREAMBLE + _MAX_META)
    if at < 0:
        return ""
    length = int.from_bytes(data[at + 6 : at + 8], "little")
    return data[at + 8 : at + 8 + length].decode("latin-1").rstrip("\0 ")


def _rescale(values: NDArray[Any], dataset: Any) -> NDArray[Any]:
    table = next(items(dataset, "ModalityLUTSequence"), None)
    entries = read_table(table) if table is not None else None
    if entries is not None:
        return look_up(values, entries[0], entries[1])
    pairs = _slopes(dataset)
    if all(pair == (1.0, 0.0) for pair in pairs):
        return values
    whole = all(value.is_integer() and abs(value) < _MAX_WHOLE for pair in pairs for value in pair)
    kind: type[np.int32] | type[np.float64] = (
        np.int32 if whole and values.dtype.kind in "iu" and values.dtype.itemsize <= 2 else np.float64
    )
    pairs = pairs if len(pairs) == len(values) else pairs[:1]
    slope, intercept = (np.array(column, dtype=kind).reshape(-1, 1, 1) for column in zip(*pairs, strict=True))
    return np.add(np.multiply(values.astype(kind), slope), intercept)


def _slopes(dataset: Any) -> list[tuple[float, float]]:
    """Give slope and intercept, once for the image or for each frame; none where the header has none."""
    groups = [dataset, *functional_groups(dataset, "PixelValueTransformationSequence")]
    pairs = [(number(group, "RescaleSlope"), number(group, "RescaleIntercept")) for group in groups]
    return [(slope or 1.0, intercept) for slope, intercept in pairs if intercept is not None]
