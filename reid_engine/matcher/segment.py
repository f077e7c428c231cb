"""One segment of a gallery: vectors, thumbnails and table of the same rows, never changed once written."""

import io
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from reid_engine.errors import GalleryError
from reid_engine.matcher.ledger import SegmentEntry, StoredFile
from reid_engine.matcher.rows import COLUMNS
from reid_engine.matcher.storage import npy_pieces, write_file

Thumbnails = NDArray[np.int8] | NDArray[np.float32]
Blocks = Iterable[NDArray[Any]]

FLOATS = np.dtype("<f4")
BYTES = np.dtype("|i1")

MAP_MODE: Literal["r"] | None = None if sys.platform == "win32" else "r"
"""Windows can't delete a file that is mapped, and what was removed must go: there it is read into memory."""

COPY_ROWS = 4096
"""Rows that are copied from segment to segment at a time."""


class Shape(NamedTuple):
    """Lengths D + A and T of a row's vector and thumbnail, and the thumbnails' type."""

    vector: int
    thumbnail: int
    dtype: np.dtype[Any]


@dataclass(frozen=True)
class Segment:
    """An open segment.

    Parameters
    ----------
    entry
        What the ledger says of it.
    vectors, thumbnails
        (n, D + A) float32 and (n, T) int8 or float32, memory-mapped where that is possible, read-only.
    records
        n rows: the gallery's columns, further attributes, and what is stored but not shown.
    """

    entry: SegmentEntry
    vectors: NDArray[np.float32]
    thumbnails: Thumbnails
    records: pa.Table

    @property
    def shape(self) -> Shape:
        """Lengths and type of the segment's rows."""
        return Shape(self.vectors.shape[1], self.thumbnails.shape[1], self.thumbnails.dtype)

    @cached_property
    def sample_ids(self) -> frozenset[str]:
        """Ids of the segment's samples."""
        return frozenset(self.records.column("sample_id").to_pylist())

    def mask(self, column: str, values: Iterable[str]) -> NDArray[np.bool_]:
        """Say which rows have one of `values` in a column."""
        wanted = frozenset(values)
        return np.fromiter((v in wanted for v in self.records.column(column).to_pylist()), dtype=bool)


def open_segment(gallery: Path, entry: SegmentEntry, width: int) -> Segment:
    """Map a segment's files.

    Raises
    ------
    FileNotFoundError
        A file is gone: removed, or replaced by a later commit.
    GalleryError
        A file is damaged.
    """
    try:
        vectors = _map(gallery, entry.vectors, entry.rows, (FLOATS,))
        thumbnails = _map(gallery, entry.thumbnails, entry.rows, (BYTES, FLOATS))
        records = _read_records(gallery, entry.table, entry.rows)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise GalleryError(f"{gallery}: the gallery cannot be read: {error.strerror}") from error
    if vectors.shape[1] != width:
        raise damaged(gallery, entry.vectors)
    return Segment(entry, vectors, thumbnails, records)


def damaged(gallery: Path, file: StoredFile) -> GalleryError:
    """Give the error for a file that is not as it was written."""
    return GalleryError(
        f"{gallery}: {file.name} is damaged; restore the gallery from a backup, or enrol into a new folder"
    )


def check_length(gallery: Path, file: StoredFile) -> Path:
    """Give the path of a file that has the length it was written with."""
    path = gallery / file.name
    if path.lstat().st_size != file.bytes or not path.is_file() or path.is_symlink():
        raise damaged(gallery, file)
    return path


def _map(gallery: Path, file: StoredFile, rows: int, dtypes: tuple[np.dtype[Any], ...]) -> NDArray[Any]:
    path = check_length(gallery, file)
    try:
        array = np.load(path, mmap_mode=MAP_MODE, allow_pickle=False)
    except (ValueError, EOFError, SyntaxError) as error:
        raise damaged(gallery, file) from error
    whole = array.dtype in dtypes and array.ndim == 2 and array.flags.c_contiguous
    if not whole or array.shape[0] != rows:
        raise damaged(gallery, file)
    return array  # type: ignore[no-any-return]


def _read_records(gallery: Path, file: StoredFile, rows: int) -> pa.Table:
    data = check_length(gallery, file).read_bytes()
    try:
        # Without Arrow's threads: one that still holds a Python buffer when the process ends aborts it (SIGABRT).
        table = pq.read_table(pa.BufferReader(data), use_threads=False, pre_buffer=False)
    except pa.ArrowException as error:
        raise damaged(gallery, file) from error
    types = {field.name: field.type for field in table.schema}
    expected = {name: pa.float64() if name == "age" else pa.string() for name in (*COLUMNS, *types)}
    if table.num_rows != rows or types != expected:
        raise damaged(gallery, file)
    return table


def write_segment(
    gallery: Path, stem: str, records: pa.Table, vectors: Blocks, thumbnails: Blocks, shape: Shape
) -> SegmentEntry:
    """Write three new files down to the disk.

    Parameters
    ----------
    stem
        What the files' names begin with.
    vectors, thumbnails
        Blocks of rows, (., D + A) and (., T).
    shape
        D + A, T and the thumbnails' type.
    """
    rows = records.num_rows

    def store(part: str, width: int, dtype: np.dtype[Any], blocks: Blocks) -> StoredFile:
        name = f"{stem}.{part}.npy"
        return StoredFile(name, write_file(gallery / name, npy_pieces((rows, width), dtype, blocks)))

    return SegmentEntry(
        rows,
        store("vectors", shape.vector, FLOATS, vectors),
        store("thumbnails", shape.thumbnail, shape.dtype, thumbnails),
        write_records(gallery, stem, records),
    )


def write_records(gallery: Path, stem: str, records: pa.Table) -> StoredFile:
    """Write a segment's table, uncompressed: who removed a person can search the folder for the id."""
    sink = io.BytesIO()
    pq.write_table(records.replace_schema_metadata(None), sink, compression="none")
    name = f"{stem}.table.parquet"
    return StoredFile(name, write_file(gallery / name, [sink.getbuffer()]))


def kept_blocks(array: NDArray[Any], keep: NDArray[np.bool_]) -> Blocks:
    """Give the rows to keep, some at a time."""
    for start in range(0, len(array), COPY_ROWS):
        yield array[start : start + COPY_ROWS][keep[start : start + COPY_ROWS]]


def with_changes(records: pa.Table, changes: Mapping[str, Mapping[str, object]]) -> pa.Table:
    """Give a segment's records after the rows of some samples got other values.

    Parameters
    ----------
    changes
        For a sample id, the new value of each column; columns that are not named keep theirs.
    """
    rows = records.to_pylist()
    for row in rows:
        row.update(changes.get(row["sample_id"], {}))
    others = {name for values in changes.values() for name in values} - set(records.column_names)
    names = [*records.column_names, *sorted(others)]
    columns = {name: [row.get(name) for row in rows] for name in names}
    return pa.table(
        {name: pa.array(values, pa.float64() if name == "age" else pa.string()) for name, values in columns.items()}
    )
