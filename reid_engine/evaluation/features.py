"""Features of a cohort by every encoder and baseline, each embedded once and kept in the store."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from reid_engine.encoder.stream import Refused
from reid_engine.errors import GalleryError
from reid_engine.matcher.gallery import Gallery
from reid_engine.matcher.ledger import LEDGER_NAME
from reid_engine.matcher.snapshot import Snapshot
from reid_engine.progress import Progress, silent

if TYPE_CHECKING:
    import pandas as pd

    from reid_engine.cohort import Cohort
    from reid_engine.encoder.embedder import Embedder
    from reid_engine.encoder.spec import EncoderSpec

STORE_FOLDER = "embeddings"
"""Folder of the embeddings inside the report's folder."""


@dataclass(frozen=True)
class Features:
    """What one encoder or baseline made of a cohort.

    Attributes
    ----------
    name
        Of the encoder or baseline.
    kind
        ``"encoder"`` or ``"baseline"``.
    snapshot
        Its embeddings.
    rows
        ``(N,)`` its row for each image that all encoders and baselines have, in one order.
    spec
        What the encoder is; None of a baseline.
    """

    name: str
    kind: str
    snapshot: Snapshot
    rows: NDArray[np.int64]
    spec: "EncoderSpec | None" = None

    def vectors(self, images: NDArray[np.int64]) -> NDArray[np.float32]:
        """Give the raw features ``(n, D)`` of images, by their numbers in the common order."""
        return np.asarray(self.snapshot.vectors[self.rows[images]])


@dataclass(frozen=True)
class FeatureSet:
    """All features of a cohort.

    Attributes
    ----------
    table
        ``(N,)`` rows, one an image.
    thumbnails
        ``(N, T)`` for the search for near-duplicates.
    features
        The encoders, then the baselines.
    refused
        Samples that could not be read, by the first encoder.
    """

    table: "pd.DataFrame"
    thumbnails: NDArray[np.int8]
    features: tuple[Features, ...]
    refused: tuple[Refused, ...]


def embed_cohort(
    cohort: "Cohort",
    embedders: Sequence[tuple[str, "Embedder"]],
    store: Path,
    *,
    batch_size: int = 16,
    progress: Progress = silent,
) -> FeatureSet:
    """Embed a cohort by each encoder and baseline; what the store has is not embedded again.

    Parameters
    ----------
    cohort
        Its samples.
    embedders
        Kind (``"encoder"`` or ``"baseline"``) and embedder, one or more.
    store
        The report's folder.
    batch_size, progress
        Of the embedding.

    Raises
    ------
    ReidError
        The store cannot be written.
    """
    from reid_engine.matcher.enrolment import enrol

    snapshots: list[Snapshot] = []
    refused: tuple[Refused, ...] = ()
    for number, (_, embedder) in enumerate(embedders):
        gallery = open_store(store / STORE_FOLDER / folder_of(embedder), embedder)
        done = enrol(cohort, gallery, embedder, batch_size=batch_size, progress=_named(progress, embedder))
        refused = done.refused if number == 0 else refused
        snapshots.append(gallery.snapshot())
    ids = _common({sample.sample_id for sample in cohort.samples}, snapshots)
    rows = [_rows(snapshot, ids) for snapshot in snapshots]
    features = tuple(
        Features(embedder.identity.name, kind, snapshot, place, getattr(embedder, "spec", None))
        for (kind, embedder), snapshot, place in zip(embedders, snapshots, rows, strict=True)
    )
    first = snapshots[0]
    table = first.table.iloc[rows[0]].reset_index(drop=True)
    return FeatureSet(table, np.asarray(first.thumbnails[rows[0]]), features, refused)


def open_store(path: Path, embedder: "Embedder") -> Gallery:
    """Open the gallery of a store, or make it."""
    if (path / LEDGER_NAME).exists():
        return Gallery.open(path, encoder=embedder.identity)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GalleryError(f"{path.parent}: cannot be made ({error.strerror}); give another folder") from error
    return Gallery.create(path, embedder.identity)


def folder_of(embedder: "Embedder") -> str:
    """Name the folder of an embedder's features: other weights or another preprocessing get another one."""
    return f"{re.sub(r'[^a-z0-9.-]+', '-', embedder.identity.name.lower())}-{embedder.identity.fingerprint[:12]}"


def _named(progress: Progress, embedder: "Embedder") -> Progress:
    def named(done: int, total: int, what: str) -> None:
        progress(done, total, f"{embedder.identity.name}: {what}")

    return named


def _common(wanted: set[str], snapshots: Sequence[Snapshot]) -> list[str]:
    for snapshot in snapshots:
        wanted = wanted & set(_ids(snapshot))
    return [name for name in _ids(snapshots[0]) if name in wanted]


def _rows(snapshot: Snapshot, ids: Sequence[str]) -> NDArray[np.int64]:
    place = {name: row for row, name in enumerate(_ids(snapshot))}
    return np.array([place[name] for name in ids], dtype=np.int64)


def _ids(snapshot: Snapshot) -> list[str]:
    names: list[str] = snapshot.records.column("sample_id").to_pylist()
    return names


@dataclass(frozen=True)
class Group:
    """Images that are compared with each other.

    Attributes
    ----------
    dataset
        Value of the column that separates sets, None without one.
    modality
        Of all of them.
    images
        ``(n,)`` their numbers in the common order.
    """

    dataset: str | None
    modality: str
    images: NDArray[np.int64]


def groups_of(table: "pd.DataFrame", separate: str | None) -> Iterator[Group]:
    """Part a cohort by modality, and by a column where one is given.

    Parameters
    ----------
    table
        One row an image.
    separate
        Column whose values are never compared with each other: the origin of an image would be a shortcut.
    """
    from reid_engine.scan import UNKNOWN

    parts = table["modality"].to_numpy(dtype=object)
    sets = table[separate].to_numpy(dtype=object) if separate else np.full(len(table), None, dtype=object)
    seen = dict.fromkeys(zip(sets.tolist(), parts.tolist(), strict=True))
    for dataset, modality in seen:
        if modality == UNKNOWN:
            continue
        same = np.array([value == dataset or (value is None and dataset is None) for value in sets.tolist()])
        yield Group(None if dataset is None else str(dataset), modality, np.flatnonzero(same & (parts == modality)))
