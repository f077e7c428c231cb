"""The report of a cohort's evaluation, as files and clients receive it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reid_engine.plain import plain

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = "reid-evaluation/1"

Row = dict[str, Any]


@dataclass(frozen=True)
class EvaluationReport:
    """What was measured.

    Attributes
    ----------
    results
        Long table: one row for each set, modality, encoder or baseline, attacker, stratum, level and metric.
    probes
        One row for each set, modality, encoder, attribute, stratum and metric.
    audit
        Groups of images and subjects to be reviewed.
    audit_notes
        How much was looked at for each kind of group, and what was found, in words.
    curves
        What the figures are drawn from.
    examples
        Images that are most exposed, and that were hardest to find.
    gate
        Whether the limits that were asked for hold.
    environment
        What it was measured with.
    refused
        Samples that could not be read, and why.
    queries
        What every image found, one row an image and attack; written beside the report.
    """

    results: Sequence[Row]
    probes: Sequence[Row]
    audit: Sequence[Row]
    audit_notes: Sequence[Row]
    curves: Sequence[Row]
    examples: Sequence[Row]
    gate: Mapping[str, Any]
    environment: Mapping[str, Any]
    refused: Sequence[Row]
    queries: "pd.DataFrame"

    def to_json(self) -> dict[str, Any]:
        """Give the document ``reid-evaluation/1``: plain finite values and None only."""
        return {
            "schema": SCHEMA,
            "results": plain(self.results),
            "probes": plain(self.probes),
            "audit": plain(self.audit),
            "audit_notes": plain(self.audit_notes),
            "curves": plain(self.curves),
            "examples": plain(self.examples),
            "gate": plain(self.gate),
            "environment": plain(self.environment),
            "refused": plain(self.refused),
            "shareable": False,
        }
