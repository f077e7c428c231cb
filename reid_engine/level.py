"""The one word of a report, by written criteria (docs/method.md), and why it was chosen."""

from dataclasses import dataclass
from typing import Literal

from reid_engine.matcher.trials import Band

Level = Literal["high", "elevated", "low", "unknown"]

HIGH = 0.5
"""Probability from which the level is "high": more likely re-identified than not."""

LOW = 0.05
"""Probability below which the level may be "low": at most one in twenty."""

LOW_RATE = 0.1
"""Upper end of the measured rate that "low" allows."""


@dataclass(frozen=True)
class Evidence:
    """What the level is judged by.

    Attributes
    ----------
    obstacle
        Why no probability can be given; None if it can.
    p, high
        Probability of the top subject and the upper end of its interval; NaN with an obstacle.
    band
        What was measured for such a probability.
    in_domain
        Whether the scan is of the kind that the gallery holds; None where it can't be told.
    copy_enrolled
        Whether nearly the same picture is enrolled.
    """

    obstacle: str | None
    p: float
    high: float
    band: Band | None
    in_domain: bool | None
    copy_enrolled: bool


def judge(evidence: Evidence) -> tuple[Level, str]:
    """Choose the level.

    Returns
    -------
    level, reason
        The reason is a full sentence.
    """
    if evidence.obstacle is not None:
        return "unknown", evidence.obstacle
    band = evidence.band
    rate = band.reidentified if band else None
    if evidence.p >= HIGH:
        return "high", "The top subject is more likely than not to be the person."
    if band and band.low is not None and band.low >= HIGH:
        return "high", "Scans with such a probability were re-identified more often than not."
    if max(evidence.p, evidence.high) >= LOW:
        return "elevated", "The probability of the top subject, or the upper end of its interval, is 5 % or more."
    if rate is not None and rate >= LOW:
        return "elevated", "Scans with such a probability were re-identified in 5 % of trials or more."
    return _low_or_unknown(evidence)


def _low_or_unknown(evidence: Evidence) -> tuple[Level, str]:
    band = evidence.band
    if evidence.copy_enrolled:
        return "unknown", "A copy of this picture is enrolled, so a low risk cannot be stated."
    if evidence.in_domain is False:
        return "unknown", "The scan does not look like the images of this gallery."
    if evidence.in_domain is None:
        return "unknown", "Too few subjects are enrolled to tell whether the gallery holds this kind of image."
    if not (evidence.p < LOW and evidence.high < LOW):  # NaN is neither above nor below
        return "unknown", "The probability of the top subject or its interval cannot be stated."
    if band is None or band.reidentified is None or band.high is None:
        return "unknown", "Too few enrolled subjects had such a probability to measure how often it comes true."
    if band.high >= LOW_RATE:
        return "unknown", "The measured rate for such a probability is too uncertain to state a low risk."
    return "low", "The probability and the rate measured for it are both low."
