"""The report of one check, as every client receives it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from reid_engine.plain import plain

SCHEMA = "reid-risk/1"


@dataclass(frozen=True)
class RiskReport:
    """One scan against a gallery; the sections are those of the JSON document.

    Attributes
    ----------
    scan
        Modality and how it is known, whether it is in the gallery's domain, and what the header said.
    encoder, gallery
        What compared it with what.
    assumptions
        What the probabilities rest on: prior, population, attacker, calibration.
    risk
        Level and why, probability of the top subject, its interval and measured rate, anonymity set, copies.
    matches
        Nearest subjects, one row each, by their best similarity.
    leakage
        What probes learn of the person.
    leakage_unknown
        Attributes of the gallery's table of which nothing is said, and why.
    controls
        What needs no network: the pixel baseline.
    caveats
        What the reader must know, in sentences.
    timing_ms
        Where the time went.
    """

    scan: Mapping[str, Any]
    encoder: Mapping[str, Any]
    gallery: Mapping[str, Any]
    assumptions: Mapping[str, Any]
    risk: Mapping[str, Any]
    matches: Sequence[Mapping[str, Any]]
    leakage: Sequence[Mapping[str, Any]]
    leakage_unknown: Sequence[Mapping[str, Any]]
    controls: Mapping[str, Any]
    caveats: Sequence[str]
    timing_ms: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """Give the document ``reid-risk/1``: plain finite values and None only."""
        sections = {field.name: plain(getattr(self, field.name)) for field in fields(self)}
        return {"schema": SCHEMA, **sections}
