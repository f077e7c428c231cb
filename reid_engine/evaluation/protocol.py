"""A cohort against itself: enrol it, then let every image search for its subject among the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reid_engine.evaluation.audit import audit
from reid_engine.evaluation.environment import describe_environment
from reid_engine.evaluation.gate import apply_gate
from reid_engine.evaluation.identification import STRATA, Outcomes, identify
from reid_engine.evaluation.leakage import probe_rows
from reid_engine.evaluation.report import EvaluationReport
from reid_engine.evaluation.tables import Heading, identification_rows, verification_rows
from reid_engine.evaluation.verification import verify
from reid_engine.matcher.backend import BACKENDS
from reid_engine.matcher.comparisons import compare
from reid_engine.matcher.crossfit import CrossFitted
from reid_engine.matcher.duplicates import near_duplicate_pairs
from reid_engine.matcher.gallery import Gallery
from reid_engine.matcher.population import Population, arrange
from reid_engine.matcher.snapshot import Snapshot
from reid_engine.progress import Progress, silent
from reid_engine.scan import UNKNOWN

if TYPE_CHECKING:
    import pandas as pd

    from reid_engine.cohort import Cohort
    from reid_engine.encoder.model import Encoder

Row = dict[str, Any]

GALLERY_FOLDER = "gallery"
"""Folder of the embeddings inside the store."""

NO_QUERIES = {
    "all": "no subject has two images",
    "near-duplicates removed": "no subject has two images that are not near-duplicates",
    "different sessions": "no subject has images of two sessions that are known to differ",
}
"""Why a stratum has no query."""


def evaluate(
    cohort: "Cohort",
    encoder: "Encoder",
    *,
    store: Path,
    batch_size: int = 16,
    max_rank1: float | None = None,
    progress: Progress = silent,
) -> EvaluationReport:
    """Measure how re-identifiable a cohort is.

    Each modality stands alone. What whitens a query was fitted without it, and without identities. Intervals resample
    subjects.

    Parameters
    ----------
    cohort
        Samples with their subjects.
    encoder
        What embeds them.
    store
        Folder that keeps the embeddings, so that the next evaluation of the same files embeds nothing.
    batch_size
        Of the encoder.
    max_rank1
        Limit of the gate; none when left out.
    progress
        Of enrolment, then of the measurements.

    Raises
    ------
    ReidError
        The store belongs to another encoder or cannot be written.
    """
    from reid_engine.matcher.enrolment import enrol

    gallery = open_store(Path(store) / GALLERY_FOLDER, encoder)
    enrolment = enrol(cohort, gallery, encoder, batch_size=batch_size, progress=progress)
    snapshot = gallery.snapshot()
    wanted = {sample.sample_id for sample in cohort.samples}
    results: list[Row] = []
    probes: list[Row] = []
    groups: list[Row] = []
    modalities = [name for name in snapshot.modalities if name != UNKNOWN]
    steps = len(modalities) * (len(BACKENDS) + 1)
    for number, modality in enumerate(modalities):
        part = _part(snapshot, modality, wanted, encoder.identity.name)
        if part is None:
            continue
        groups += part.audit
        done = number * (len(BACKENDS) + 1)
        outcomes: dict[str, Outcomes] = {}
        for place, attacker in enumerate(BACKENDS):
            progress(done + place, steps, f"{modality}: {attacker}")
            outcomes[attacker], rows = _attack(part, attacker)
            results += rows
        progress(done + len(BACKENDS), steps, f"{modality}: probes")
        probes += probe_rows(modality, part.encoder, part.table, part.vectors, part.population, _strongest(outcomes))
    progress(steps, steps, "measured")
    return EvaluationReport(
        results=results,
        probes=probes,
        audit=groups,
        gate=apply_gate(results, max_rank1),
        environment=describe_environment(encoder.identity),
        refused=[{"file": one.path.name, "reason": one.reason} for one in enrolment.refused],
    )


def open_store(path: Path, encoder: "Encoder") -> Gallery:
    """Open the gallery of a store, or make it."""
    if (path / "manifest.json").exists():
        return Gallery.open(path, encoder=encoder.identity)
    path.parent.mkdir(parents=True, exist_ok=True)
    return Gallery.create(path, encoder.identity)


@dataclass(frozen=True)
class _Part:
    """One modality of the cohort, in subject order."""

    modality: str
    encoder: str
    table: "pd.DataFrame"
    vectors: NDArray[np.float32]
    population: Population
    audit: Sequence[Row]


def _part(snapshot: Snapshot, modality: str, wanted: set[str], encoder: str) -> _Part | None:
    rows = snapshot.positions_of(modality)
    rows = rows[snapshot.table["sample_id"].iloc[rows].isin(wanted).to_numpy()]
    if len(rows) == 0:
        return None
    table = snapshot.table.iloc[rows].reset_index(drop=True)
    subjects = table["subject_id"].to_numpy(dtype=object)
    near = near_duplicate_pairs(snapshot.thumbnails[rows], subjects=subjects)
    sessions = table["session_id"].to_numpy(dtype=object)
    population = arrange(subjects, sessions, near, np.arange(len(rows)))
    order = population.rows
    return _Part(
        modality=modality,
        encoder=encoder,
        table=table.iloc[order].reset_index(drop=True),
        vectors=np.asarray(snapshot.vectors[rows[order]]),
        population=population,
        audit=audit(table, near),
    )


def _attack(part: _Part, attacker: str) -> tuple[Outcomes, list[Row]]:
    """Run one attacker; the outcomes are those over all pairs."""
    blocks = CrossFitted(attacker, part.vectors, part.population)
    found = identify(part.population, blocks)
    rows: list[Row] = []
    for stratum in STRATA:
        heading = Heading(part.modality, part.encoder, attacker, stratum.name)
        rows += identification_rows(heading, found[stratum.name], NO_QUERIES[stratum.name])
    comparisons = compare(part.population, blocks, "any")
    subjects = len(np.unique(part.population.codes[comparisons.mated_images]))
    if subjects and len(part.population.subjects) > 1:
        heading = Heading(part.modality, part.encoder, attacker, "near-duplicates removed")
        rows += verification_rows(
            heading, verify(comparisons, part.population), subjects, len(comparisons.mated_images)
        )
    return found["all"], rows


def _strongest(outcomes: dict[str, Outcomes]) -> Outcomes:
    return max(outcomes.values(), key=lambda found: float(found.hits[1].sum()))
