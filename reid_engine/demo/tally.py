"""What the held-out scans came to: each check against the truth, and rank-1 by modality."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reid_engine.cohort import Cohort, Sample


@dataclass(frozen=True)
class Checked:
    """One held-out scan and what the server said of it."""

    sample: Sample
    report: dict[str, Any]

    @property
    def top_subject(self) -> str | None:
        """The nearest identity; None where there was no match."""
        matches = self.report["matches"]
        return matches[0]["subject_id"] if matches else None

    @property
    def correct(self) -> bool:
        """Whether the nearest identity is the right one."""
        return self.top_subject == self.sample.subject_id

    def to_json(self) -> dict[str, Any]:
        """Give the check as plain values; the ids are those of the cohort."""
        risk = self.report["risk"]
        return {
            "modality": self.report["scan"]["modality"],
            "sample_id": self.sample.sample_id,
            "subject_id": self.sample.subject_id,
            "top_subject_id": self.top_subject,
            "correct": self.correct,
            "level": risk["level"],
            "p_reidentified": risk["p_reidentified"],
        }


@dataclass(frozen=True)
class Rank1:
    """How often held-out scans of one modality found their subject.

    Attributes
    ----------
    queries, hits
        Held-out scans of enrolled subjects, and those whose nearest identity was right.
    chance
        Mean share of the enrolled images of the modality that show the query's subject.
    strangers, strangers_high
        Scans of people who are not enrolled, and those rated high.
    """

    modality: str
    queries: int
    hits: int
    chance: float
    strangers: int
    strangers_high: int

    @property
    def rate(self) -> float:
        """Rank-1."""
        return self.hits / self.queries

    def to_json(self) -> dict[str, Any]:
        """Give the line as plain values."""
        return {
            "modality": self.modality,
            "queries": self.queries,
            "hits": self.hits,
            "rank1": self.rate,
            "chance": self.chance,
            "not_enrolled": self.strangers,
            "not_enrolled_high": self.strangers_high,
        }


def rank1_table(checks: Sequence[Checked], strangers: Sequence[Checked], enrolled: Cohort) -> tuple[Rank1, ...]:
    """Count hits by modality."""
    lines = []
    for modality in sorted({_modality(check) for check in checks}):
        of_it = [check for check in checks if _modality(check) == modality]
        others = [check for check in strangers if _modality(check) == modality]
        lines.append(
            Rank1(
                modality=modality,
                queries=len(of_it),
                hits=sum(check.correct for check in of_it),
                chance=sum(_chance(check.sample, enrolled) for check in of_it) / len(of_it),
                strangers=len(others),
                strangers_high=sum(check.report["risk"]["level"] == "high" for check in others),
            )
        )
    return tuple(lines)


def _modality(check: Checked) -> str:
    return check.sample.modality or str(check.report["scan"]["modality"])


def _chance(query: Sample, enrolled: Cohort) -> float:
    same = [sample.subject_id for sample in enrolled.samples if sample.modality == query.modality]
    return same.count(query.subject_id) / len(same)
