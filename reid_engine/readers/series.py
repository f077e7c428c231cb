"""The DICOM series of a folder: which files belong together, and their slices in order."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reid_engine.errors import ScanError
from reid_engine.readers.dicom import check_sizes_agree, describe, parse, read_values, telling_damage
from reid_engine.readers.frames import NO_PICTURES
from reid_engine.readers.header import number, text
from reid_engine.readers.raw import Raw
from reid_engine.readers.sniff import SERIES_MARK, is_dicom

_TAGS = [
    "SeriesInstanceUID",
    "SOPInstanceUID",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "InstanceNumber",
    "Modality",
    "Rows",
]
_SAME_PLACE = 1e-3


@dataclass(frozen=True)
class Slice:
    """A file of a series and where it belongs."""

    path: Path
    series: str
    instance: str
    number: float
    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None


def series_path(folder: Path, series_uid: str) -> Path:
    """Name one series of a folder that holds several; :func:`reid_engine.scan.read_scan` reads such a path.

    The name holds a hash of the series' UID, not the UID.
    """
    return folder / f"{SERIES_MARK}{series_token(series_uid)}"


def series_token(series_uid: str) -> str:
    """Give the 16 hex digits that stand for a series in a path."""
    return hashlib.sha256(series_uid.encode()).hexdigest()[:16]


def find_series(path: Path) -> list[Path]:
    """Give the files of the series that a path means, its slices in order along the scan.

    Parameters
    ----------
    path
        A folder with one series, or a path of :func:`series_path`.

    Raises
    ------
    ScanError
        If there is no DICOM image, or a folder holds several series.
    """
    named = path.name.startswith(SERIES_MARK) and not path.is_dir()
    folder = path.parent if named else path
    groups: dict[str, list[Slice]] = {}
    for file in sorted(folder.iterdir()):
        found = _slice(file)
        if found is not None:
            groups.setdefault(found.series, []).append(found)
    if named:
        token = path.name.removeprefix(SERIES_MARK)
        groups = {uid: slices for uid, slices in groups.items() if series_token(uid) == token}
    if not groups:
        raise ScanError(f"{path}: holds no DICOM image; give a file, or a folder with the slices of one series")
    if len(groups) > 1:
        raise ScanError(f"{path}: holds {len(groups)} DICOM series; give a folder with the slices of one")
    return [s.path for s in sort_slices(next(iter(groups.values())))]


def sort_slices(slices: Iterable[Slice]) -> list[Slice]:
    """Sort by position along the slices' normal, or else by instance number; of one place keep the first.

    Several images at one place are time points, echoes or copies: the first of each place makes one volume.
    """
    ordered = sorted(slices, key=lambda s: (s.number, s.path.name))
    heights = [_height(s, ordered[0]) for s in ordered]
    if any(height is None for height in heights):
        return list({s.instance or s.path.name: s for s in reversed(ordered)}.values())[::-1]
    placed = sorted(zip(heights, range(len(ordered)), strict=True))
    kept: list[tuple[float, int]] = []
    for height, index in placed:
        if height is not None and (not kept or height - kept[-1][0] > _SAME_PLACE):
            kept.append((height, index))
    return [ordered[index] for _, index in kept]


def read_series(path: Path, files: list[tuple[Path, bytes]]) -> Raw:
    """Read the slices of one series, given in order with their bytes.

    Rescaling is each slice's own; window, spacing and facts are the first slice's.
    """
    first, parts = None, []
    for file, data in files:
        with telling_damage(file):
            dataset = parse(file, data)
            first = first or dataset
            parts.append(read_values(file, dataset))
    check_sizes_agree(path, parts)
    with telling_damage(files[0][0]):
        return describe(first, np.concatenate(parts))


def _slice(file: Path) -> Slice | None:
    import pydicom

    if not is_dicom(file):
        return None
    with telling_damage(file):
        dataset = pydicom.dcmread(file, force=True, stop_before_pixels=True, specific_tags=_TAGS)
        if not text(dataset, "Rows") or text(dataset, "Modality") in NO_PICTURES:
            return None
        return Slice(
            file,
            text(dataset, "SeriesInstanceUID"),
            text(dataset, "SOPInstanceUID"),
            number(dataset, "InstanceNumber") or 0.0,
            _numbers(dataset, "ImagePositionPatient", 3),
            _numbers(dataset, "ImageOrientationPatient", 6),
        )


def _numbers(dataset: Any, name: str, count: int) -> tuple[float, ...] | None:
    try:
        values = tuple(float(v) for v in dataset.get(name))
    except (TypeError, ValueError):
        return None
    return values if len(values) == count and all(np.isfinite(values)) else None


def _height(piece: Slice, first: Slice) -> float | None:
    """Give a slice's distance along the first slice's normal, in mm."""
    if piece.position is None or first.orientation is None or piece.orientation is None:
        return None
    if not np.allclose(piece.orientation, first.orientation, atol=1e-3):
        return None
    normal = np.cross(first.orientation[:3], first.orientation[3:])
    return float(np.dot(normal, piece.position))
