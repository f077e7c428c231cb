"""Risk before and after each measure, on copies of one scan."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from reid_engine.errors import ReidError
from reid_engine.measures.catalogue import MEASURES, measures_for
from reid_engine.measures.fidelity import Fidelity, picture_fidelity
from reid_engine.measures.measure import Measure
from reid_engine.plain import plain
from reid_engine.progress import Progress, silent
from reid_engine.risk import RiskAssessor
from reid_engine.scan import Scan

SCHEMA = "reid-measures/1"

WARNING = (
    "An attacker who knows a measure can train on images that went through it, and may undo part of it: what is shown "
    "is the risk from the attacker of this check."
)


@dataclass(frozen=True)
class Outcome:
    """What a check says of one scan, or of a changed copy.

    Attributes
    ----------
    level
        Of the report: high, elevated, low or unknown.
    reason
        Why the level is unknown, or None.
    p_reidentified, ci95
        Probability of the most likely subject and its interval; None where it isn't known.
    anonymity_set
        Of the report.
    in_domain
        Whether the picture still looks like those of the gallery.
    p_subject, llr_subject, rank_subject
        Probability, log10 likelihood ratio and rank of the subject that was most likely before any measure.
    """

    level: str
    reason: str | None
    p_reidentified: float | None
    ci95: list[float] | None
    anonymity_set: float | None
    in_domain: bool | None
    p_subject: float | None
    llr_subject: float | None
    rank_subject: int | None


@dataclass(frozen=True)
class Comparison:
    """One measure's row.

    Attributes
    ----------
    measure
        What was done.
    after
        What a check says then.
    lowers
        Whether the likelihood ratio of the subject that was most likely before has fallen; None where it isn't known.
    fidelity
        Likeness to the scan; None where the shape changed.
    kept
        Share of the pixels that are left.
    scan
        The changed copy.
    """

    measure: Measure
    after: Outcome
    lowers: bool | None
    fidelity: Fidelity | None
    kept: float
    scan: Scan

    def to_json(self) -> dict[str, Any]:
        """Give the row as JSON values, without the picture."""
        row = {
            "measure": self.measure.name,
            "title": self.measure.title,
            **vars(self.after),
            "lowers": self.lowers,
            "ssim": self.fidelity.ssim if self.fidelity else None,
            "psnr": self.fidelity.psnr if self.fidelity else None,
            "kept": self.kept,
        }
        return {name: plain(value) for name, value in row.items()}


def compare_measures(
    assessor: RiskAssessor,
    scan: Scan,
    names: Sequence[str] | None = None,
    *,
    prior_enrolled: float = 0.5,
    population: int | None = None,
    progress: Progress = silent,
) -> tuple[Outcome, list[Comparison]]:
    """Check a scan as it is, and after each measure alone.

    Parameters
    ----------
    names
        Measures; those that suit the scan when left out.
    prior_enrolled, population
        As `RiskAssessor.assess` takes them.
    progress
        Called with (done, all, "measures").

    Raises
    ------
    ReidError
        A name is unknown, or a measure is not for such a scan.
    """
    before, rows = measure_by_measure(
        assessor, scan, names, prior_enrolled=prior_enrolled, population=population, progress=progress
    )
    return before, list(rows)


def measure_by_measure(
    assessor: RiskAssessor,
    scan: Scan,
    names: Sequence[str] | None = None,
    *,
    prior_enrolled: float = 0.5,
    population: int | None = None,
    progress: Progress = silent,
) -> tuple[Outcome, Iterator[Comparison]]:
    """Do as :func:`compare_measures`, each row when it is asked for: all copies of a large volume need much memory."""
    chosen = measures_for(scan) if names is None else tuple(_find(name, scan) for name in names)

    def look(picture: Scan) -> dict[str, Any]:
        return assessor.assess(picture, prior_enrolled=prior_enrolled, population=population, top=_ALL).to_json()

    whole = look(scan)
    subject = whole["risk"]["subject_id"]
    before = _outcome(whole, subject)

    def compare() -> Iterator[Comparison]:
        for done, measure in enumerate(chosen):
            progress(done, len(chosen), "measures")
            changed = measure.apply(scan)
            after = _outcome(look(changed), subject)
            alike = picture_fidelity(scan.pixels, changed.pixels) if measure.keeps_shape else None
            kept = math.prod(changed.shape[:3]) / math.prod(scan.shape[:3])
            yield Comparison(measure, after, _lowers(before, after), alike, kept, changed)
        progress(len(chosen), len(chosen), "measures")

    return before, compare()


def to_document(before: Outcome, rows: Iterable[Comparison]) -> dict[str, Any]:
    """Give the document ``reid-measures/1``: plain finite values and None only."""
    return {
        "schema": SCHEMA,
        "before": {name: plain(value) for name, value in vars(before).items()},
        "measures": [row.to_json() for row in rows],
        "caveats": [WARNING],
    }


_ALL = 10**9
_LEAST_CHANGE = 0.05  # of a log10 ratio, an eighth of the ratio; less changes nothing that anybody would see


def _find(name: str, scan: Scan) -> Measure:
    for measure in MEASURES:
        if measure.name == name:
            if not measure.suits(scan):
                raise ReidError(f"the measure {name} is not for such a {scan.modality} scan; leave it out")
            return measure
    raise ReidError(f"there is no measure {name!r}; there are {', '.join(one.name for one in MEASURES)}")


def _outcome(report: dict[str, Any], subject: str | None) -> Outcome:
    risk = report["risk"]
    own = next((row for row in report["matches"] if subject is not None and row["subject_id"] == subject), None)
    return Outcome(
        level=risk["level"],
        reason=risk["reason"] if risk["level"] == "unknown" else None,
        p_reidentified=risk["p_reidentified"],
        ci95=risk["ci95"],
        anonymity_set=risk["anonymity_set"],
        in_domain=report["scan"]["in_domain"],
        p_subject=own["p_same"] if own and risk["p_reidentified"] is not None else None,
        llr_subject=own["llr"] if own and risk["p_reidentified"] is not None else None,
        rank_subject=own["rank"] if own else None,
    )


def _lowers(before: Outcome, after: Outcome) -> bool | None:
    if before.llr_subject is None or after.llr_subject is None:
        return None
    return after.llr_subject < before.llr_subject - _LEAST_CHANGE
