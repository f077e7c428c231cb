"""A gallery as one commit left it: what readers hold while others write."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from reid_engine.errors import GalleryError
from reid_engine.matcher.ledger import Ledger, parse_ledger, read_ledger_bytes
from reid_engine.matcher.rows import join, to_pandas
from reid_engine.matcher.segment import Segment, open_segment

_OPEN_TRIES = 50


class Snapshot:
    """Table, vectors and thumbnails that belong together, whatever is committed meanwhile.

    Parameters
    ----------
    path
        The gallery's folder.
    ledger
        The commit.
    segments
        Its open segments.
    """

    def __init__(self, path: Path, ledger: Ledger, segments: Sequence[Segment]) -> None:
        self.path = path
        self.ledger = ledger
        self.segments = tuple(segments)

    def __len__(self) -> int:
        return self.ledger.rows

    @cached_property
    def records(self) -> pa.Table:
        """N rows with everything that is stored of a sample."""
        return join(segment.records for segment in self.segments)

    @cached_property
    def _table(self) -> pd.DataFrame:
        return to_pandas(self.records)

    @property
    def table(self) -> pd.DataFrame:
        """N rows: the gallery's columns, then further attributes; missing is None, or NaN in ``age``."""
        return self._table.copy(deep=False)

    @cached_property
    def vectors(self) -> NDArray[np.float32]:
        """Raw features (N, D), read-only: mapped where the gallery is one segment, else in memory."""
        return self._kept[:, : self.ledger.encoder.dim]

    @cached_property
    def _kept(self) -> NDArray[np.float32]:
        return _joined([segment.vectors for segment in self.segments], self.ledger.encoder.width)

    @cached_property
    def thumbnails(self) -> NDArray[np.int8]:
        """Thumbnails (N, T) for the search for near-duplicates, read-only."""
        return _joined([segment.thumbnails for segment in self.segments], 0)

    @cached_property
    def modalities(self) -> tuple[str, ...]:
        """Modalities that are enrolled, sorted."""
        return tuple(sorted(set(self.records.column("modality").unique().to_pylist())))

    def positions_of(self, modality: str) -> NDArray[np.int64]:
        """Give the rows (n,) of one modality, ascending."""
        masks = [segment.mask("modality", [modality]) for segment in self.segments]
        return np.flatnonzero(np.concatenate(masks)) if masks else np.empty(0, dtype=np.int64)

    def vectors_of(self, modality: str) -> NDArray[np.float32]:
        """Give the raw features (n, D) of one modality in the order of :meth:`positions_of`, copied once."""
        return _joined(list(self._blocks_of(modality, slice(0, self.ledger.encoder.dim))), self.ledger.encoder.dim)

    def appearances_of(self, modality: str) -> NDArray[np.float32]:
        """Give what is kept beside them (n, A), as :meth:`vectors_of` does; A is 0 where nothing is."""
        beside = slice(self.ledger.encoder.dim, None)
        return _joined(list(self._blocks_of(modality, beside)), self.ledger.encoder.appearance)

    def _blocks_of(self, modality: str, part: slice) -> Iterator[NDArray[np.float32]]:
        for segment in self.segments:
            rows = segment.mask("modality", [modality])
            if rows.any():
                yield segment.vectors[:, part] if rows.all() else segment.vectors[rows, part]


def _joined(arrays: list[Any], width: int) -> NDArray[Any]:
    joined: NDArray[Any] = np.empty((0, width), dtype=np.float32)
    if len(arrays) == 1:
        joined = arrays[0].view(np.ndarray)
    elif arrays:
        joined = np.concatenate(arrays)
    joined.flags.writeable = False
    return joined


def read_snapshot(path: Path, previous: Snapshot | None = None) -> Snapshot:
    """Open what was committed last, without a lock.

    A writer may remove files between the reading of the ledger and the opening of what it names; then the
    ledger has changed, and the newer one is opened.

    Raises
    ------
    GalleryError
        There is no gallery, or it is damaged.
    """
    for _ in range(_OPEN_TRIES):
        data = read_ledger_bytes(path)
        if previous is not None and data == previous.ledger.to_bytes():
            return previous
        ledger = parse_ledger(data, path)
        known = {segment.entry: segment for segment in previous.segments} if previous else {}
        width = ledger.encoder.width
        try:
            opened = [known.get(entry) or open_segment(path, entry, width) for entry in ledger.segments]
            return Snapshot(path, ledger, opened)
        except FileNotFoundError as error:
            if read_ledger_bytes(path) == data:
                raise _missing(path, error) from error
    raise GalleryError(f"{path}: the gallery changes faster than it can be opened; try again later")


def _missing(path: Path, error: FileNotFoundError) -> GalleryError:
    name = Path(error.filename).name
    return GalleryError(f"{path}: {name} is missing; restore the gallery from a backup, or enrol into a new folder")
