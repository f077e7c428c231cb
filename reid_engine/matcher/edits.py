"""Changes of a gallery's rows: each writes the new files and gives the ledger that would make them count."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from reid_engine.errors import GalleryError
from reid_engine.matcher.commit import stem
from reid_engine.matcher.ledger import Ledger, SegmentEntry
from reid_engine.matcher.segment import (
    BYTES,
    FLOATS,
    Segment,
    Shape,
    Thumbnails,
    kept_blocks,
    with_changes,
    write_records,
    write_segment,
)
from reid_engine.matcher.snapshot import Snapshot


def add_rows(
    snapshot: Snapshot,
    records: pa.Table,
    vectors: NDArray[np.float32],
    thumbnails: Thumbnails,
    *,
    replacing: bool,
) -> Ledger:
    """Add a segment; rows of the same samples go, or are an error."""
    ids = frozenset(records.column("sample_id").to_pylist())
    shape = _shape_of(snapshot, thumbnails)
    if not replacing and any(ids & segment.sample_ids for segment in snapshot.segments):
        raise GalleryError(f"{snapshot.path}: a sample is enrolled already; replace it instead")
    kept = _all_without(snapshot, "sample_id", ids)
    added = write_segment(snapshot.path, _stem(snapshot), records, [vectors], [thumbnails], shape)
    return snapshot.ledger.with_samples((*kept, added))


def change_rows(snapshot: Snapshot, changes: Mapping[str, Mapping[str, Any]]) -> Ledger:
    """Change values in the tables of the segments that hold the samples named."""
    entries = (
        _rewritten(snapshot, segment, changes) if segment.sample_ids & changes.keys() else segment.entry
        for segment in snapshot.segments
    )
    return snapshot.ledger.with_samples(tuple(entries))


def drop_subjects(snapshot: Snapshot, ids: Iterable[str]) -> Ledger:
    """Leave out every row of some subjects."""
    return snapshot.ledger.with_samples(tuple(_all_without(snapshot, "subject_id", ids)))


def merge_segments(snapshot: Snapshot) -> Ledger:
    """Put all rows into one segment."""
    segments = snapshot.segments
    vectors = (segment.vectors for segment in segments)
    thumbnails = (segment.thumbnails for segment in segments)
    shape = segments[0].shape
    merged = write_segment(snapshot.path, _stem(snapshot), snapshot.records, vectors, thumbnails, shape)
    return snapshot.ledger.with_layout((merged,))


def check_rows(rows: int, vectors: NDArray[np.float32], thumbnails: Thumbnails, width: int) -> None:
    """Raise ValueError unless the arrays fit the rows and are finite."""
    if vectors.shape != (rows, width):
        raise ValueError(f"vectors of shape {vectors.shape} for {rows} samples, not {(rows, width)}")
    if thumbnails.ndim != 2 or len(thumbnails) != rows or (rows and not thumbnails.shape[1]):
        raise ValueError(f"thumbnails of shape {thumbnails.shape} for {rows} samples")
    if not (np.isfinite(vectors).all() and np.isfinite(thumbnails).all()):
        raise ValueError("a vector or thumbnail has values that are not finite")


def _shape_of(snapshot: Snapshot, thumbnails: Thumbnails) -> Shape:
    dtype = BYTES if thumbnails.dtype == BYTES else FLOATS
    shape = Shape(snapshot.ledger.encoder.width, thumbnails.shape[1], dtype)
    if snapshot.segments and snapshot.segments[0].shape != shape:
        raise GalleryError(
            f"{snapshot.path}: the thumbnails are of another kind than those enrolled; "
            "enrol all images again into a new folder"
        )
    return shape


def _all_without(snapshot: Snapshot, column: str, values: Iterable[str]) -> list[SegmentEntry]:
    wanted = frozenset(values)
    return [entry for segment in snapshot.segments for entry in _without(snapshot, segment, column, wanted)]


def _without(snapshot: Snapshot, segment: Segment, column: str, values: Iterable[str]) -> Iterator[SegmentEntry]:
    keep = ~segment.mask(column, values)
    if keep.all():
        yield segment.entry
    elif keep.any():
        records = segment.records.filter(pa.array(keep))
        vectors, thumbnails = kept_blocks(segment.vectors, keep), kept_blocks(segment.thumbnails, keep)
        yield write_segment(snapshot.path, _stem(snapshot), records, vectors, thumbnails, segment.shape)


def _rewritten(snapshot: Snapshot, segment: Segment, changes: Mapping[str, Mapping[str, Any]]) -> SegmentEntry:
    stored = write_records(snapshot.path, _stem(snapshot), with_changes(segment.records, changes))
    return SegmentEntry(segment.entry.rows, segment.entry.vectors, segment.entry.thumbnails, stored)


def _stem(snapshot: Snapshot) -> str:
    return stem("segment", snapshot.ledger.generation + 1)
