"""The gallery on disk: what an attacker could hold, in append-only segments.

A folder, entered by its owner only, with a ledger (``manifest.json``) that names every file in use and is
replaced atomically. Whatever happens to a writer, the ledger names whole files only, so the gallery opens
with everything that was committed; files that no ledger names are cleared by the next writer. Writers exclude
one another by a lock on the folder; readers need none.
"""

import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from reid_engine.encoder.identity import EncoderIdentity
from reid_engine.errors import GalleryError
from reid_engine.matcher.commit import commit, is_ours, locked, stem, sweep
from reid_engine.matcher.edits import (
    add_rows,
    change_rows,
    check_rows,
    drop_subjects,
    merge_segments,
)
from reid_engine.matcher.ledger import LEDGER_NAME, Ledger
from reid_engine.matcher.model_file import Model, read_model, write_model
from reid_engine.matcher.rows import to_arrow
from reid_engine.matcher.segment import Thumbnails
from reid_engine.matcher.snapshot import Snapshot, read_snapshot
from reid_engine.matcher.storage import explained, make_folder

MAX_SEGMENTS = 8
"""Segments that :meth:`Gallery.consolidate` leaves as they are."""


class Gallery:
    """Enrolled samples and what was fitted on them; make one with :meth:`create` or :meth:`open`.

    The object shows one commit until it writes or :meth:`reload` is called. It may be shared by threads;
    one that needs table and vectors to belong together takes :meth:`snapshot` once and reads that.
    """

    def __init__(self, path: Path, snapshot: Snapshot) -> None:
        self.path = path
        self._snapshot = snapshot

    @classmethod
    def create(cls, path: str | os.PathLike[str], encoder: EncoderIdentity) -> "Gallery":
        """Make an empty gallery in a new or empty folder.

        Raises
        ------
        GalleryError
            The folder holds a gallery or other files, or cannot be written.
        """
        path = Path(path)
        with explained(path, "making the gallery"):
            if (path / LEDGER_NAME).exists():
                raise GalleryError(f"{path}: there is a gallery here already; open it, or choose another folder")
            if path.is_dir() and any(not is_ours(file.name) for file in path.iterdir()):
                raise GalleryError(f"{path}: the folder is not empty; choose a new or empty one for the gallery")
            make_folder(path)
        with locked(path), explained(path, "making the gallery"):
            if (path / LEDGER_NAME).exists():
                raise GalleryError(f"{path}: another process has just made a gallery here; open it")
            commit(path, Ledger(secrets.token_hex(16), encoder))
        return cls(path, read_snapshot(path))

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, encoder: EncoderIdentity | None = None) -> "Gallery":
        """Open a gallery.

        Parameters
        ----------
        path
            Its folder.
        encoder
            The encoder that will be compared with it.

        Raises
        ------
        GalleryError
            There is none, it is damaged or of a newer version, or was made with another encoder.
        """
        path = Path(path)
        gallery = cls(path, read_snapshot(path))
        if encoder is not None:
            gallery.check_encoder(encoder)
        return gallery

    def check_encoder(self, encoder: EncoderIdentity) -> None:
        """Raise GalleryError unless the gallery was made with this encoder."""
        if encoder.fingerprint != self.encoder.fingerprint:
            raise GalleryError(
                f"{self.path}: the gallery was made with the encoder {self.encoder}, not with {encoder}; "
                "choose the encoder it was made with, or enrol into a new folder"
            )

    def __len__(self) -> int:
        return len(self._snapshot)

    @property
    def encoder(self) -> EncoderIdentity:
        """The encoder that made the vectors."""
        return self._snapshot.ledger.encoder

    @property
    def generation(self) -> int:
        """Goes up with every commit."""
        return self._snapshot.ledger.generation

    @property
    def samples_generation(self) -> int:
        """The generation that last changed a row."""
        return self._snapshot.ledger.samples_generation

    @property
    def table(self) -> pd.DataFrame:
        """N rows: sample, subject, session, modality and so on, then the cohort's further attributes."""
        return self._snapshot.table

    @property
    def vectors(self) -> NDArray[np.float32]:
        """Raw features (N, D), read-only."""
        return self._snapshot.vectors

    @property
    def thumbnails(self) -> NDArray[np.int8]:
        """Thumbnails (N, T), read-only."""
        return self._snapshot.thumbnails

    @property
    def modalities(self) -> tuple[str, ...]:
        """Modalities that are enrolled, sorted."""
        return self._snapshot.modalities

    def positions_of(self, modality: str) -> NDArray[np.int64]:
        """Give the rows (n,) of one modality, ascending."""
        return self._snapshot.positions_of(modality)

    def vectors_of(self, modality: str) -> NDArray[np.float32]:
        """Give the raw features (n, D) of one modality, in the order of :meth:`positions_of`."""
        return self._snapshot.vectors_of(modality)

    def appearances_of(self, modality: str) -> NDArray[np.float32]:
        """Give what is kept beside the features (n, A) of one modality, in the order of :meth:`positions_of`."""
        return self._snapshot.appearances_of(modality)

    def snapshot(self) -> Snapshot:
        """Give the commit that the gallery shows now; it stays as it is, whatever is written."""
        return self._snapshot

    def reload(self) -> bool:
        """Show what was committed last, and say whether that is something new."""
        before = self._snapshot
        latest = read_snapshot(self.path, before)
        if latest.ledger.encoder != before.ledger.encoder:
            raise GalleryError(
                f"{self.path}: the gallery was made anew with the encoder {latest.ledger.encoder}; open it again"
            )
        self._snapshot = latest
        return latest is not before

    def append(self, table: pd.DataFrame, vectors: NDArray[np.float32], thumbnails: Thumbnails) -> None:
        """Add samples as one segment.

        Parameters
        ----------
        table
            n rows with ``sample_id``, ``subject_id``, ``modality`` and any further columns of :attr:`table`.
        vectors, thumbnails
            (n, D + A) raw features, and behind them what the encoder keeps beside them; and (n, T) thumbnails.

        Raises
        ------
        GalleryError
            Something does not fit, a sample is enrolled already, the disk is full or the gallery in use.
        """
        self._put(table, vectors, thumbnails, replacing=False)

    def replace(self, table: pd.DataFrame, vectors: NDArray[np.float32], thumbnails: Thumbnails) -> None:
        """Add samples as :meth:`append` does; those enrolled already are removed in the same commit."""
        self._put(table, vectors, thumbnails, replacing=True)

    def _put(
        self, table: pd.DataFrame, vectors: NDArray[np.float32], thumbnails: Thumbnails, *, replacing: bool
    ) -> None:
        try:
            records = to_arrow(table)
            check_rows(records.num_rows, vectors, thumbnails, self.encoder.width)
        except ValueError as error:
            raise GalleryError(f"{self.path}: these samples cannot be enrolled: {error}") from error
        if records.num_rows:
            with self._writing("enrolling") as latest:
                self._commit(add_rows(latest, records, vectors, thumbnails, replacing=replacing))

    def update(self, changes: Mapping[str, Mapping[str, Any]]) -> int:
        """Change facts of enrolled samples without touching their vectors.

        Parameters
        ----------
        changes
            For a sample id, new values by column: text, None, or a number for ``age``.

        Returns
        -------
        The number of samples that were changed; ids that are not enrolled are passed over.
        """
        if not changes:
            return 0
        with self._writing("updating") as latest:
            count = sum(len(segment.sample_ids & changes.keys()) for segment in latest.segments)
            if count:
                self._commit(change_rows(latest, changes))
        return count

    def remove_subjects(self, ids: Iterable[str]) -> int:
        """Remove every sample of some subjects from the disk, and every model that was fitted with them.

        Returns
        -------
        The number of samples removed.

        Raises
        ------
        GalleryError
            An id is not enrolled (then nothing is removed), the disk is full or the gallery is in use.
        """
        given = list(dict.fromkeys(ids))
        with self._writing("removing") as latest:
            _check_enrolled(latest, given)
            if given:
                self._commit(drop_subjects(latest, given))
            return len(latest) - len(self)

    def consolidate(self, limit: int = MAX_SEGMENTS) -> bool:
        """Put all rows into one segment where there are more than `limit`; nothing else changes."""
        if len(self._snapshot.segments) <= limit:
            return False
        with self._writing("consolidating") as latest:
            if len(latest.segments) <= limit:
                return False
            self._commit(merge_segments(latest))
        return True

    def save_model(self, name: str, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> None:
        """Store a model that was fitted on the rows that this object shows, in the place of one of that name.

        Raises
        ------
        GalleryError
            Another process changed the rows meanwhile, or the model cannot be written.
        """
        fitted_on = self._snapshot.ledger
        with self._writing("saving a model") as latest:
            if not latest.ledger.has_rows_of(fitted_on):
                raise GalleryError(f"{self.path}: the gallery changed while a model was fitted; fit it again")
            file_name = f"{stem('model', latest.ledger.generation + 1)}.npz"
            try:
                file = write_model(self.path, file_name, arrays, meta)
            except (ValueError, TypeError) as error:
                raise GalleryError(f"{self.path}: the model {name} cannot be stored: {error}") from error
            self._commit(latest.ledger.with_model(name, file))

    def load_model(self, name: str) -> Model | None:
        """Give a model's arrays and meta data; None where there is none that fits the rows shown."""
        ledger = self._snapshot.ledger
        entry = ledger.models.get(name)
        if entry is None or entry.samples_generation != ledger.samples_generation:
            return None
        try:
            return read_model(self.path, entry.file)
        except FileNotFoundError as error:
            if read_snapshot(self.path, self._snapshot) is not self._snapshot:
                return None
            raise GalleryError(
                f"{self.path}: {entry.file.name} is missing; "
                "restore the gallery from a backup, or enrol into a new folder"
            ) from error

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models that fit the rows shown."""
        ledger = self._snapshot.ledger
        current = ledger.samples_generation
        return tuple(name for name, entry in ledger.models.items() if entry.samples_generation == current)

    @contextmanager
    def _writing(self, doing: str) -> Iterator[Snapshot]:
        """Hold the lock, give the latest commit, and leave only files that the ledger names."""
        with locked(self.path), explained(self.path, doing):
            self.reload()
            sweep(self.path)
            try:
                yield self._snapshot
            except BaseException:
                with suppress(OSError, GalleryError):
                    sweep(self.path)
                raise

    def _commit(self, ledger: Ledger) -> None:
        commit(self.path, ledger)
        self.reload()
        sweep(self.path, must=True)


def _check_enrolled(snapshot: Snapshot, ids: list[str]) -> None:
    enrolled = set(snapshot.records.column("subject_id").to_pylist())
    unknown = [str(place) for place, name in enumerate(ids, start=1) if name not in enrolled]
    if unknown:
        raise GalleryError(
            f"{snapshot.path}: {len(unknown)} of the {len(ids)} subjects given (in the order given, number "
            f"{', '.join(unknown[:10])}{', …' if len(unknown) > 10 else ''}) are not enrolled; "
            "nothing was removed, check the ids"
        )
