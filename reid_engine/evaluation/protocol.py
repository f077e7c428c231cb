"""A cohort against itself: embed it, then let every image search for its subject among the others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reid_engine.carried import carried_plda, learnt_images
from reid_engine.evaluation.attackers import ATTACKERS, UNTRAINED, Blocks, attackers
from reid_engine.evaluation.audit import audit
from reid_engine.evaluation.calibrated import SHARES
from reid_engine.evaluation.confidence import UNKNOWN
from reid_engine.evaluation.curves import measurement_curves
from reid_engine.evaluation.environment import describe_environment
from reid_engine.evaluation.examples import examples_of
from reid_engine.evaluation.features import Features, FeatureSet, Group, embed_cohort, groups_of
from reid_engine.evaluation.gate import apply_gate
from reid_engine.evaluation.identification import Outcomes
from reid_engine.evaluation.leakage import probe_rows
from reid_engine.evaluation.measure import Measurement, measure
from reid_engine.evaluation.queries import query_table
from reid_engine.evaluation.report import EvaluationReport
from reid_engine.evaluation.strata import (
    ALL,
    LOWEST_SWEPT,
    MAIN,
    SWEEP,
    SWEPT,
    Eligibility,
    Stratum,
    eligibility,
    list_near,
    strata_of,
)
from reid_engine.evaluation.suspects import audit_subjects
from reid_engine.evaluation.tables import Heading, measurement_rows
from reid_engine.matcher.carried_plda import CarriedPlda
from reid_engine.matcher.duplicates import NEAR_DUPLICATE_SIMILARITY, NearPairs, near_duplicate_pairs
from reid_engine.matcher.population import Population, arrange
from reid_engine.progress import Progress, silent

if TYPE_CHECKING:
    import pandas as pd

    from reid_engine.cohort import Cohort
    from reid_engine.encoder.embedder import Embedder
    from reid_engine.encoder.spec import EncoderSpec
    from reid_engine.evaluation.gate import Limit

Row = dict[str, Any]

SEPARATING = "dataset"
"""Column that keeps sets of different origin apart where a cohort has it: the origin would be a shortcut."""

DEMOGRAPHICS = "demographics"
"""Name of the baseline that sees no image."""


def evaluate(
    cohort: "Cohort",
    encoders: "Sequence[Embedder] | Embedder",
    *,
    store: Path,
    baselines: "Sequence[Embedder]" = (),
    separate: str | None = SEPARATING,
    limits: "Sequence[Limit]" = (),
    batch_size: int = 16,
    progress: Progress = silent,
) -> EvaluationReport:
    """Measure how re-identifiable a cohort is.

    Each modality stands alone, and each set where a column separates them. Whatever is fitted to identities or
    attributes is judged on other subjects; what whitens a query was fitted without it. Intervals resample subjects.

    Parameters
    ----------
    cohort
        Samples with their subjects.
    encoders
        What embeds them, one or more.
    store
        Folder that keeps the embeddings, so that the next evaluation of the same files embeds nothing.
    baselines
        What embeds them for comparison (`reid_engine.baselines`); demographics are added where they are known.
    separate
        Column of the manifest whose values are never compared with each other; not there, everything is.
    limits
        Of the gate.
    batch_size
        Of the encoders.
    progress
        Of enrolment, then of the measurements.

    Raises
    ------
    ReidError
        The store belongs to another encoder or cannot be written.
    """
    named = list(encoders) if isinstance(encoders, Sequence) else [encoders]
    embedders = [*(("encoder", one) for one in named), *(("baseline", one) for one in baselines)]
    embedded = embed_cohort(cohort, embedders, Path(store), batch_size=batch_size, progress=progress)
    column = separate if separate in embedded.table.columns else None
    groups = list(groups_of(embedded.table, column))
    work = _Work(embedded, _shares(limits), _Steps(progress, len(groups) * (len(embedders) + 1)))
    for group in groups:
        work.measure(_Part(embedded, group))
    return EvaluationReport(
        results=work.results,
        probes=work.probes,
        audit=work.audit,
        audit_notes=work.audit_notes,
        curves=work.curves,
        examples=work.examples,
        gate=apply_gate(work.results, work.probes, limits),
        environment=describe_environment([embedder.identity for _, embedder in embedders]),
        refused=[{"file": one.path.name, "reason": one.reason} for one in embedded.refused],
        queries=work.queries(),
    )


def _shares(limits: "Sequence[Limit]") -> tuple[float, ...]:
    """Probabilities for which the share of images at or above is given."""
    return tuple(sorted({*SHARES, *(limit.p for limit in limits if limit.p is not None)}))


class _Steps:
    """Tells how many of the measurements are done."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def __call__(self, what: str) -> None:
        self._progress(min(self._done, self._total), self._total, what)
        self._done += 1


class _Part:
    """One group of images, in subject order."""

    def __init__(self, embedded: FeatureSet, group: Group) -> None:
        table = embedded.table.iloc[group.images].reset_index(drop=True)
        subjects = table["subject_id"].to_numpy(dtype=object)
        sessions = table["session_id"].to_numpy(dtype=object)
        swept = near_duplicate_pairs(embedded.thumbnails[group.images], LOWEST_SWEPT, subjects)
        flagged = swept.similarity >= NEAR_DUPLICATE_SIMILARITY
        self.group = group
        self.unordered = table
        self.near = NearPairs(swept.first[flagged], swept.second[flagged], swept.similarity[flagged])
        self.population: Population = arrange(subjects, sessions, self.near, np.arange(len(table)))
        order = self.population.rows
        self.images = group.images[order]
        self.table: pd.DataFrame = table.iloc[order].reset_index(drop=True)
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        listed = list_near(place[swept.first], place[swept.second], swept.similarity, len(order))
        self.strata = strata_of(self.table, group.modality)
        self.whole = eligibility((*self.strata, *SWEEP), self.population, listed, self.table)
        self.main = eligibility(MAIN, self.population, listed, self.table)
        self.removed = [int(np.count_nonzero(swept.similarity >= limit)) for limit in SWEPT]

    def carried(self, spec: "EncoderSpec | None") -> CarriedPlda | None:
        """Give the PLDA that comes with an encoder, unless it was fitted on one of these images."""
        found = carried_plda(spec, self.group.modality) if spec else None
        return found.unless_fitted_on(self.table["pixel_digest"]) if found else None

    def learnt_note(self, spec: "EncoderSpec | None") -> str | None:
        """Say how many of the images an encoder was trained on; None where it was not."""
        if spec is None:
            return None
        count = int(learnt_images(spec, self.group.modality, self.table["pixel_digest"]).sum())
        if not count:
            return None
        return (
            f"the encoder {spec.name} learnt from {count} of these {len(self.table)} images, so that it finds their "
            "subjects too often; judge it on other people"
        )

    def heading(self, encoder: str, kind: str, attacker: str) -> Heading:
        """Give the heading of an attack."""
        return Heading(self.group.dataset, self.group.modality, encoder, kind, attacker, ALL.name)

    def keys(self) -> Row:
        """Give what tells this group from others."""
        return {"dataset": self.group.dataset, "modality": self.group.modality}


@dataclass
class _Work:
    """Measures group after group and gathers what comes of it."""

    embedded: FeatureSet
    shares: tuple[float, ...]
    step: Callable[[str], None]
    results: list[Row] = field(default_factory=list)
    probes: list[Row] = field(default_factory=list)
    audit: list[Row] = field(default_factory=list)
    audit_notes: list[Row] = field(default_factory=list)
    curves: list[Row] = field(default_factory=list)
    examples: list[Row] = field(default_factory=list)
    _queries: "list[pd.DataFrame]" = field(default_factory=list)

    def measure(self, part: _Part) -> None:
        """Measure a group by every encoder and baseline."""
        attacks: list[_Attack] = []
        for features in self.embedded.features:
            self.step(f"{_words(part.group)}: {features.name}")
            vectors = features.vectors(part.images)
            found = self._attack(part, features, vectors)
            if found:
                self._probe(part, features, vectors, max(found, key=_rate).outcomes)
            attacks += found
        self.step(f"{_words(part.group)}: {DEMOGRAPHICS}")
        self._demographics(part)
        if attacks:
            self.examples += examples_of(max(attacks, key=_rate).queries)
        self._audit(part, attacks)

    def queries(self) -> "pd.DataFrame":
        """Give the per-query table of all attacks by encoders."""
        import pandas as pd

        return pd.concat(self._queries, ignore_index=True) if self._queries else pd.DataFrame()

    def _attack(self, part: _Part, features: Features, vectors: NDArray[np.float32]) -> "list[_Attack]":
        """Let every attacker try; give the attacks by an encoder, weakest attacker first."""
        attacks: list[_Attack] = []
        baseline = features.kind == "baseline"
        carried = None if baseline else part.carried(features.spec)
        learnt = None if baseline else part.learnt_note(features.spec)
        for attacker in attackers(vectors, part.population, UNTRAINED if baseline else ATTACKERS, carried):
            heading = part.heading(features.name, features.kind, attacker.name)
            if attacker.blocks is None:
                why = f"cannot be estimated: {attacker.reason}"
                self.results.append(heading.row("image", "rank-1", UNKNOWN, None, 0, 0, why))
                continue
            eligible = part.main if baseline else part.whole
            measured = measure(part.population, attacker.blocks, eligible, light=baseline)
            self._keep(part, heading, measured, eligible, [learnt, attacker.note])
            if not baseline:
                queries = query_table(heading, measured, part.table)
                self._queries.append(queries)
                attacks.append(_Attack(heading, measured, attacker.blocks, queries))
        return attacks

    def _keep(
        self,
        part: _Part,
        heading: Heading,
        measured: Measurement,
        eligible: Eligibility,
        notes: Sequence[str | None] = (),
    ) -> None:
        shown: Sequence[Stratum] = MAIN if eligible is part.main else part.strata
        rows = measurement_rows(heading, measured, shown, part.population, self.shares)
        rows[0]["note"] = "; ".join(filter(None, [*notes, rows[0]["note"]])) or None
        self.results += rows
        if heading.kind == "encoder":
            self.curves += measurement_curves(heading, measured, part.population, part.removed)

    def _demographics(self, part: _Part) -> None:
        from reid_engine.baselines import DemographicBlocks, has_demographics

        if not has_demographics(part.table):
            return
        blocks = DemographicBlocks(part.table)
        heading = part.heading(DEMOGRAPHICS, "baseline", UNTRAINED[0])
        self._keep(part, heading, measure(part.population, blocks, part.main, light=True), part.main)

    def _probe(self, part: _Part, features: Features, vectors: NDArray[np.float32], outcomes: Outcomes) -> None:
        rows = probe_rows(part.group.modality, features.name, part.table, vectors, part.population, outcomes)
        self.probes += [{**row, **part.keys()} for row in rows]

    def _audit(self, part: _Part, attacks: "list[_Attack]") -> None:
        rows = audit(part.unordered, part.near)
        blind = [attack for attack in attacks if attack.heading.attacker in UNTRAINED]  # ids in doubt train nothing
        if blind:
            best = max(blind, key=_rate)
            found = audit_subjects(
                part.table, part.population, best.blocks, best.measured.tables, best.measured.uncalibrated
            )
            rows += list(found.groups)
            self.audit_notes += [{**note, **part.keys()} for note in found.notes]
        self.audit += [{**row, **part.keys()} for row in rows]


@dataclass(frozen=True)
class _Attack:
    """An attack by an encoder, and what it found."""

    heading: Heading
    measured: Measurement
    blocks: Blocks
    queries: "pd.DataFrame"

    @property
    def outcomes(self) -> Outcomes:
        """Over all pairs."""
        return self.measured.outcomes[ALL.name]


def _rate(attack: _Attack) -> float:
    """Rank-1 at image level over all pairs; 0 without queries."""
    hits = attack.outcomes.hits[1]
    return float(hits.mean()) if len(hits) else 0.0


def _words(group: Group) -> str:
    return group.modality if group.dataset is None else f"{group.dataset}, {group.modality}"
