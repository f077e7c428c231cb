"""One modality of a gallery in memory, arranged for checks that cost milliseconds."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reid_engine.attack import Attack
from reid_engine.matcher.backend import fit_backend
from reid_engine.matcher.duplicates import DuplicateIndex
from reid_engine.matcher.ladder import AnyBackend
from reid_engine.matcher.population import Ints, Population, arrange
from reid_engine.matcher.snapshot import Snapshot
from reid_engine.probes.probe import Probe
from reid_engine.scan import Scan

SHOWN = ("sample_id", "session_id", "laterality", "view", "acquired", "device")
"""Columns of an enrolled image that a match may show."""

PLACEHOLDER_SHARE = 0.2
"""A date that more than this share of the subjects has (and more than two) stands for "unknown"."""


@dataclass(frozen=True)
class Roster:
    """N enrolled images of S subjects, in subject order.

    Attributes
    ----------
    attack, probes
        What was fitted; None and empty where the gallery changed since.
    unprobed
        Why an attribute of the table has no probe.
    backend
        The attack's, or the cosine where there is none.
    vectors
        ``(N, d)`` unit rows.
    duplicates
        Looks for the same picture.
    columns
        The images' facts by column.
    digests
        Images by the digest of their pixels or file.
    """

    modality: str
    population: Population
    attack: Attack | None
    probes: tuple[Probe, ...]
    unprobed: Mapping[str, str]
    backend: AnyBackend
    vectors: NDArray[np.float32]
    duplicates: DuplicateIndex
    columns: Mapping[str, list[Any]]
    digests: Mapping[str, tuple[int, ...]]

    @cached_property
    def dates(self) -> NDArray[np.object_]:
        """``(N,)`` day of each image, "" where unknown or a placeholder."""
        days = np.array([(value or "")[:10] for value in self.columns["acquired"]], dtype=object)
        days[np.array([len(day) < 10 for day in days], dtype=bool)] = ""
        most = max(2.0, PLACEHOLDER_SHARE * len(self.population.subjects))
        for day in set(days) - {""}:
            if len(np.unique(self.population.codes[days == day])) > most:
                days[days == day] = ""
        return days

    def same_day(self, scan: Scan) -> NDArray[np.bool_] | None:
        """``(N,)`` whether an image was taken on the scan's day; None where the scan's day isn't known."""
        day = str(scan.facts.get("acquired", ""))[:10]
        return None if len(day) < 10 else np.asarray(self.dates == day, dtype=bool)

    def identical(self, scan: Scan) -> Ints:
        """Images with the scan's pixels or bytes."""
        found = {*self.digests.get(scan.pixel_digest, ()), *self.digests.get(scan.file_digest, ())}
        return np.array(sorted(found), dtype=np.int64)


def read_roster(
    snapshot: Snapshot,
    modality: str,
    attack: Attack | None,
    probes: tuple[Probe, ...],
    unprobed: Mapping[str, str] | None = None,
) -> Roster:
    """Arrange one modality of a gallery.

    Parameters
    ----------
    snapshot
        The gallery.
    modality
        One that is enrolled.
    attack, probes, unprobed
        What was fitted to these very rows, and why it was not.
    """
    rows = snapshot.positions_of(modality)
    table = snapshot.table.iloc[rows]
    population = arrange(
        table["subject_id"].to_numpy(dtype=object),
        table["session_id"].to_numpy(dtype=object),
        None,
        np.arange(len(rows)),
    )
    order = population.rows
    raw = snapshot.vectors_of(modality)[order]
    backend = attack.backend if attack else fit_backend("cosine", raw)
    columns = {name: table[name].iloc[order].tolist() for name in SHOWN}
    return Roster(
        modality=modality,
        population=population,
        attack=attack,
        probes=probes,
        unprobed=unprobed or {},
        backend=backend,
        vectors=np.ascontiguousarray(backend.transform(raw)),
        duplicates=DuplicateIndex(snapshot.thumbnails[rows][order]),
        columns=columns,
        digests=_digests(*(table[name].iloc[order].tolist() for name in ("pixel_digest", "file_digest"))),
    )


def _digests(*columns: list[Any]) -> dict[str, tuple[int, ...]]:
    places: dict[str, tuple[int, ...]] = {}
    for column in columns:
        for place, digest in enumerate(column):
            if isinstance(digest, str) and digest:
                places[digest] = (*places.get(digest, ()), place)
    return places
