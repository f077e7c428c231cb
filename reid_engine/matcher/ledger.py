"""The gallery's manifest: which files make up the gallery, and nothing else."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from reid_engine.encoder.identity import EncoderIdentity
from reid_engine.errors import GalleryError

LEDGER_NAME = "manifest.json"
LOCK_NAME = "gallery.lock"
FORMAT = "reid-gallery"
VERSION = 2
"""Goes up when older programs could not read what is written. With 1, nothing was kept beside embeddings."""

OWN_NAME = re.compile(
    r"(?:segment-\d{8,20}-[0-9a-f]{8}\.(?:vectors\.npy|thumbnails\.npy|table\.parquet)"
    r"|model-\d{8,20}-[0-9a-f]{8}\.npz|manifest-\d{8,20}-[0-9a-f]{8}\.tmp)"
)
"""Names of files that belong to a gallery; any other file in the folder is left alone."""


@dataclass(frozen=True)
class StoredFile:
    """A file in the gallery's folder and its length in bytes."""

    name: str
    bytes: int


@dataclass(frozen=True)
class SegmentEntry:
    """Three files that hold the same rows."""

    rows: int
    vectors: StoredFile
    thumbnails: StoredFile
    table: StoredFile


@dataclass(frozen=True)
class ModelEntry:
    """A fitted model and the generation of samples that it was fitted on."""

    file: StoredFile
    samples_generation: int


@dataclass(frozen=True)
class Ledger:
    """What one commit made of the gallery.

    Parameters
    ----------
    gallery_id
        Random, so that a gallery made anew in the same folder is told apart.
    generation
        Goes up with every commit.
    samples_generation
        The generation that last changed a row; models fitted on an earlier one are stale.
    """

    gallery_id: str
    encoder: EncoderIdentity
    generation: int = 0
    samples_generation: int = 0
    segments: tuple[SegmentEntry, ...] = ()
    models: Mapping[str, ModelEntry] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "models", MappingProxyType(dict(self.models)))

    @property
    def rows(self) -> int:
        """Number N of enrolled samples."""
        return sum(segment.rows for segment in self.segments)

    def files(self) -> Iterator[StoredFile]:
        """Give every file that belongs to the gallery."""
        for segment in self.segments:
            yield from (segment.vectors, segment.thumbnails, segment.table)
        for model in self.models.values():
            yield model.file

    def has_rows_of(self, other: "Ledger") -> bool:
        """Whether the rows are those of another ledger, in the same order."""
        return (self.gallery_id, self.samples_generation) == (other.gallery_id, other.samples_generation)

    def with_samples(self, segments: tuple[SegmentEntry, ...]) -> "Ledger":
        """Give the next ledger after rows changed: models fitted on the former rows are gone."""
        following = self.generation + 1
        return replace(self, generation=following, samples_generation=following, segments=segments, models={})

    def with_layout(self, segments: tuple[SegmentEntry, ...]) -> "Ledger":
        """Give the next ledger after the same rows were put into other files."""
        return replace(self, generation=self.generation + 1, segments=segments)

    def with_model(self, name: str, file: StoredFile) -> "Ledger":
        """Give the next ledger after a model was saved."""
        models = {**self.models, name: ModelEntry(file, self.samples_generation)}
        return replace(self, generation=self.generation + 1, models=models)

    def to_bytes(self) -> bytes:
        """Serialise as JSON."""
        document = {
            "format": FORMAT,
            "version": VERSION,
            "gallery_id": self.gallery_id,
            "generation": self.generation,
            "samples_generation": self.samples_generation,
            "encoder": asdict(self.encoder),
            "segments": [asdict(segment) for segment in self.segments],
            "models": {name: asdict(model) for name, model in self.models.items()},
        }
        return json.dumps(document, indent=1, ensure_ascii=False).encode() + b"\n"


def read_ledger_bytes(path: Path) -> bytes:
    """Read the bytes of a gallery's ledger."""
    try:
        return (path / LEDGER_NAME).read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise GalleryError(f"{path}: there is no gallery here; make one with `reid-engine enrol`") from error
    except OSError as error:
        raise GalleryError(f"{path}: the gallery cannot be read: {error.strerror}; check its permissions") from error


def parse_ledger(data: bytes, gallery: Path) -> Ledger:
    """Read a ledger back.

    Raises
    ------
    GalleryError
        It is no gallery manifest, is damaged, is of a newer version, or names a file outside the gallery.
    """
    try:
        document = json.loads(data)
        version = document["version"] if document["format"] == FORMAT else None
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise _damaged(gallery) from error
    if not isinstance(version, int):
        raise _damaged(gallery)
    if version > VERSION:
        raise GalleryError(
            f"{gallery}: the gallery has format version {version}, this program knows version {VERSION}; "
            "install a newer reid-engine"
        )
    try:
        return _build(document)
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise _damaged(gallery) from error


def _damaged(gallery: Path) -> GalleryError:
    return GalleryError(f"{gallery}: {LEDGER_NAME} is damaged; restore it from a backup, or enrol into a new folder")


def _build(document: dict[str, Any]) -> Ledger:
    return Ledger(
        gallery_id=_text(document["gallery_id"]),
        encoder=_encoder(document["encoder"]),
        generation=_count(document["generation"]),
        samples_generation=_count(document["samples_generation"]),
        segments=tuple(_segment(entry) for entry in document["segments"]),
        models={
            name: ModelEntry(_file(entry["file"]), _count(entry["samples_generation"]))
            for name, entry in document["models"].items()
        },
    )


def _encoder(entry: dict[str, Any]) -> EncoderIdentity:
    appearance = _count(entry.get("appearance", 0))
    return EncoderIdentity(_text(entry["name"]), _count(entry["dim"]), _text(entry["fingerprint"]), appearance)


def _segment(entry: dict[str, Any]) -> SegmentEntry:
    files = (_file(entry[part]) for part in ("vectors", "thumbnails", "table"))
    return SegmentEntry(_count(entry["rows"]), *files)


def _file(entry: dict[str, Any]) -> StoredFile:
    name = _text(entry["name"])
    if not OWN_NAME.fullmatch(name):
        raise ValueError("a name that no gallery gives to its files")
    return StoredFile(name, _count(entry["bytes"]))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError("not a count")
    return value
