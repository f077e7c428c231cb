"""The report of a cohort's evaluation, as files and clients receive it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reid_engine.plain import plain

SCHEMA = "reid-evaluation/1"

Row = dict[str, Any]


@dataclass(frozen=True)
class EvaluationReport:
    """What was measured.

    Attributes
    ----------
    results
        Long table: one row for each modality, attacker, stratum, level and metric.
    probes
        One row for each modality, attribute, stratum and metric.
    audit
        Groups of images that are the same picture, or nearly so under different subject ids.
    gate
        Whether the limits that were asked for hold.
    environment
        What it was measured with.
    refused
        Samples that could not be read, and why.
    """

    results: Sequence[Row]
    probes: Sequence[Row]
    audit: Sequence[Row]
    gate: Mapping[str, Any]
    environment: Mapping[str, Any]
    refused: Sequence[Row]

    def to_json(self) -> dict[str, Any]:
        """Give the document ``reid-evaluation/1``: plain finite values and None only."""
        return {
            "schema": SCHEMA,
            "results": plain(self.results),
            "probes": plain(self.probes),
            "audit": plain(self.audit),
            "gate": plain(self.gate),
            "environment": plain(self.environment),
            "refused": plain(self.refused),
        }
