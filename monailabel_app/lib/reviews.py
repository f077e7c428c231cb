"""Which enrolled images were reviewed, kept in a file beside the gallery that names nobody."""

import json
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.quiet import LOG, where

if TYPE_CHECKING:
    from reid_engine.matcher.snapshot import Snapshot

FILE_NAME = "reviews.json"
SCHEMA = "reid-reviews/1"


class Reviews:
    """Remembers reviewed images by their place in the gallery's table.

    A place means nothing once the table it belongs to is gone. So nothing of a removed subject is left in the file,
    whoever removed it and whether or not a server runs; and when the gallery changed, only a server that had read the
    file before still knows who was meant, and writes the places anew, of those whose pictures are still enrolled.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._gallery_id = ""
        self._pictures: frozenset[tuple[str, str]] = frozenset()

    def of(self, snapshot: "Snapshot") -> set[str]:
        """Give the ids of the samples that were reviewed."""
        with self._lock:
            return {name for name, _ in self._read(snapshot)}

    def add(self, snapshot: "Snapshot", samples: Iterable[str]) -> None:
        """Mark samples as reviewed."""
        with self._lock:
            known = self._read(snapshot)
            new = set(samples) - {name for name, _ in known}
            if new:
                self._write(snapshot, known | {picture for picture in _pictures(snapshot) if picture[0] in new})

    def _read(self, snapshot: "Snapshot") -> frozenset[tuple[str, str]]:
        pictures = _pictures(snapshot)
        document = _load(snapshot.path / FILE_NAME)
        if document is not None and document["rows_of"] == _rows_of(snapshot):
            found = frozenset(pictures[row] for row in document["rows"] if row < len(pictures))
        elif self._gallery_id == snapshot.ledger.gallery_id:
            found = self._pictures.intersection(pictures)
            if found:
                self._write(snapshot, found)
        else:
            found = frozenset()
        self._gallery_id, self._pictures = snapshot.ledger.gallery_id, found
        return found

    def _write(self, snapshot: "Snapshot", reviewed: frozenset[tuple[str, str]]) -> None:
        from reid_engine.matcher.commit import locked, stem
        from reid_engine.matcher.storage import explained, replace_file, sync_folder

        rows = [row for row, picture in enumerate(_pictures(snapshot)) if picture in reviewed]
        data = json.dumps({"schema": SCHEMA, "rows_of": _rows_of(snapshot), "rows": rows}).encode()
        # Under the lock no other writer of the gallery clears the new file away; a killed one's is cleared by the next.
        with locked(snapshot.path), explained(snapshot.path, "noting a review"):
            temporary = snapshot.path / f"{stem('manifest', snapshot.ledger.generation)}.tmp"
            replace_file(snapshot.path / FILE_NAME, temporary, data)
            sync_folder(snapshot.path)
        self._gallery_id, self._pictures = snapshot.ledger.gallery_id, frozenset(reviewed)


def _pictures(snapshot: "Snapshot") -> list[tuple[str, str]]:
    """Give each row's sample id and pixel digest: another picture under an old name was not reviewed."""
    table = snapshot.table
    return list(zip(table["sample_id"].tolist(), table["pixel_digest"].astype(str).tolist(), strict=True))


def _rows_of(snapshot: "Snapshot") -> list[Any]:
    return [snapshot.ledger.gallery_id, snapshot.ledger.samples_generation]


def _load(path: Path) -> dict[str, Any] | None:
    """Read the file; None where there is none, or it is not what this app wrote."""
    try:
        document = json.loads(path.read_bytes())
        if document["schema"] == SCHEMA and all(type(row) is int and row >= 0 for row in document["rows"]):
            return {"rows_of": document["rows_of"], "rows": document["rows"]}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        LOG.warning("the file of reviews cannot be read (%s); none count", where(error))
    return None
