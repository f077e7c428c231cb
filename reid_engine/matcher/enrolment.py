"""A cohort into a gallery: what is there is skipped, what changed is replaced, what cannot be read is listed."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from reid_engine.cohort import Cohort, Sample
from reid_engine.encoder.stream import Embedded, Refused, Source, embed_stream
from reid_engine.errors import ReidError
from reid_engine.matcher.gallery import Gallery
from reid_engine.matcher.rows import COLUMNS, FROM_SCAN
from reid_engine.matcher.thumbnail import thumbnail
from reid_engine.progress import Progress, silent
from reid_engine.scan import UNKNOWN, digest_file

if TYPE_CHECKING:
    from reid_engine.encoder.embedder import Embedder

COMMIT_EVERY = 256
"""Images after which a segment is committed: what an interruption loses at most."""

_DIGESTS = ("file_digest", "pixel_digest")
_FACTS = tuple(name for name in COLUMNS if name not in ("sample_id", *_DIGESTS))

Row = dict[str, Any]


@dataclass(frozen=True)
class Enrolment:
    """What became of a cohort's samples.

    Parameters
    ----------
    added
        New in the gallery.
    skipped
        There already, with the same file.
    replaced
        There already, with another file or modality.
    refused
        Not enrolled, with the reason; the position is that in the cohort.
    updated
        Of those skipped, the ones whose facts changed.
    """

    added: int
    skipped: int
    replaced: int
    refused: tuple[Refused, ...]
    updated: int = 0


def enrol(
    cohort: Cohort,
    gallery: Gallery,
    encoder: "Embedder",
    *,
    batch_size: int = 16,
    progress: Progress = silent,
) -> Enrolment:
    """Enrol a cohort.

    A file that cannot be read is refused and the rest goes on. Every COMMIT_EVERY images are committed, so an
    interruption keeps what was committed and a second run goes on from there. What the manifest leaves open
    (modality, laterality, sex and so on) is taken from the scan where that says it.

    Raises
    ------
    GalleryError
        The gallery was made with another encoder, is in use, or the disk is full.
    """
    gallery.reload()
    gallery.check_encoder(encoder.identity)
    plan = _Plan(cohort, gallery)
    plan.make(progress)
    updated = gallery.update(plan.changes)
    added, replaced = _enrol_all(plan, gallery, encoder, batch_size, progress)
    gallery.consolidate()
    refused = tuple(sorted(plan.refused, key=lambda one: one.position))
    return Enrolment(added, plan.skipped, replaced, refused, updated)


class _Plan:
    """What has to be done for each sample of a cohort."""

    def __init__(self, cohort: Cohort, gallery: Gallery) -> None:
        self.samples = cohort.samples
        self.enrolled = _enrolled(cohort, gallery)
        self.wanted: list[int] = []
        self.refused: list[Refused] = []
        self.changes: dict[str, Row] = {}
        self.skipped = 0

    def make(self, progress: Progress) -> None:
        """Sort the samples by what has to be done; files that are enrolled are hashed, not decoded."""
        for position, sample in enumerate(self.samples):
            row = self.enrolled.get(sample.sample_id)
            if row is None:
                self.wanted.append(position)
            else:
                self._compare(position, sample, row)
            progress(position + 1, len(self.samples), "looking for changes")

    def _compare(self, position: int, sample: Sample, row: Row) -> None:
        try:
            same = digest_file(sample.path) == row["file_digest"]
        except ReidError as error:
            self.refuse(position, str(error))
            return
        if same and _modality_holds(sample, row):
            self.skipped += 1
            changes = _changes(sample, row)
            if changes:
                self.changes[sample.sample_id] = changes
        elif not same and sample.subject_id != row["subject_id"]:
            self.refuse(position, f"{sample.sample_id}: another subject's image is enrolled under this name; "
                        "give the file another name, or remove that subject first")  # fmt: skip
        else:
            self.wanted.append(position)

    def refuse(self, position: int, reason: str) -> None:
        """Leave a sample out."""
        self.refused.append(Refused(position, self.samples[position].path, reason))


def _enrolled(cohort: Cohort, gallery: Gallery) -> dict[str, Row]:
    ids = {sample.sample_id for sample in cohort.samples}
    records = gallery.snapshot().records
    names = records.column("sample_id").to_pylist()
    places = [place for place, name in enumerate(names) if name in ids]
    rows: list[Row] = records.take(pa.array(places, pa.int64())).to_pylist()
    return {row["sample_id"]: row for row in rows}


def _modality_holds(sample: Sample, row: Row) -> bool:
    """Whether a new enrolment would take the picture for the same modality."""
    if sample.modality is None:
        return "modality" in _from_scan(row)
    return bool(sample.modality == row["modality"])


def _from_scan(row: Row) -> set[str]:
    return set((row.get(FROM_SCAN) or "").split(",")) - {""}


def _changes(sample: Sample, row: Row) -> Row:
    """Give the columns of an enrolled sample that the cohort now says otherwise."""
    from_scan = {name for name in _from_scan(row) if getattr(sample, name) is None}
    facts = {name: getattr(sample, name) for name in _FACTS if name not in from_scan}
    others = [name for name in row if name not in COLUMNS and name != FROM_SCAN]
    attributes = {name: sample.attributes.get(name) for name in [*others, *sample.attributes]}
    told = {**facts, **attributes, FROM_SCAN: ",".join(sorted(from_scan)) or None}
    return {name: value for name, value in told.items() if row.get(name) != value}


def _enrol_all(
    plan: _Plan, gallery: Gallery, encoder: "Embedder", batch_size: int, progress: Progress
) -> tuple[int, int]:
    """Embed what is wanted and commit it in portions; give how many are new and how many replaced."""
    added = replaced = 0
    for portion in _portions(plan, encoder, batch_size, progress):
        rows, vectors, thumbnails = zip(*portion, strict=True)
        kept = np.stack(vectors)[:, : gallery.encoder.width]  # galleries of older versions keep embeddings alone
        gallery.replace(pd.DataFrame(list(rows)), kept, np.stack(thumbnails))
        old = sum(row["sample_id"] in plan.enrolled for row in rows)
        added, replaced = added + len(rows) - old, replaced + old
    return added, replaced


def _portions(
    plan: _Plan, encoder: "Embedder", batch_size: int, progress: Progress
) -> Iterator[list[tuple[Row, Any, Any]]]:
    sources = [Source(plan.samples[place].path, plan.samples[place].modality) for place in plan.wanted]
    portion: list[tuple[Row, Any, Any]] = []
    stream = embed_stream(encoder, sources, batch_size=batch_size, extra=thumbnail, progress=progress)
    with closing(stream):  # type: ignore[type-var]
        for one in stream:
            position = plan.wanted[one.position]
            sample = plan.samples[position]
            if isinstance(one, Refused) or (reason := _why_not(one, sample)):
                plan.refuse(position, one.reason if isinstance(one, Refused) else reason)
                continue
            portion.append((_row(sample, one), np.concatenate([one.embedding, one.appearance]), one.extra))
            if len(portion) >= COMMIT_EVERY:
                yield portion
                portion = []
    if portion:
        yield portion


def _why_not(one: Embedded[Any], sample: Sample) -> str:
    """Give the reason for which a sample that was read cannot be enrolled, if there is one."""
    if one.modality == UNKNOWN:
        return f"{sample.sample_id}: the modality cannot be told; give it in the manifest's column `modality`"
    if not (np.isfinite(one.embedding).all() and np.isfinite(one.appearance).all()):
        return f"{sample.sample_id}: the encoder gives no finite embedding; check the image"
    return ""


def _row(sample: Sample, scan: Embedded[Any]) -> Row:
    """Give a sample's row: what the cohort says, and what only the scan says."""
    told = {name: getattr(sample, name) for name in _FACTS}
    seen = _seen(scan)
    missing = sorted(name for name in seen if told.get(name) is None and seen[name] is not None)
    return {
        **{name: value for name, value in sample.attributes.items() if name not in COLUMNS},
        "sample_id": sample.sample_id,
        **told,
        **{name: seen[name] for name in missing},
        **{name: getattr(scan, name) for name in _DIGESTS},
        FROM_SCAN: ",".join(missing) or None,
    }


def _seen(scan: Embedded[Any]) -> Mapping[str, Any]:
    facts = {name: value for name, value in scan.facts.items() if name in _FACTS}
    return {**facts, "modality": scan.modality, "laterality": scan.laterality, "view": scan.view}
