"""A report's matches and leakage as text."""

from typing import Any, Dict, List, NamedTuple, Optional

from ReidentificationRiskLib.i18n import tr as _
from ReidentificationRiskLib.wording import NOTHING, finite, interval, number, short_percent

Report = Dict[str, Any]
EYES = ("CFP", "OCT", "FAF", "FA", "SLO")
NO_BETTER = 0.05  # p of the test against chance, above which a guess may be no better


class Leak(NamedTuple):
    """What a scan gives away of one attribute; ``p`` and ``prior`` are None for a number."""

    attribute: str
    guess: str
    p: Optional[float]
    prior: Optional[float]
    bits: str
    quality: str


def match_heads() -> List[str]:
    """Give the column heads of the nearest identities."""
    return [_("Rank"), _("Subject"), _("Similarity"), _("Prob."), _("Flags")]


def short_match_heads() -> List[str]:
    """Give the same for a narrow panel."""
    return ["#", _("Subject"), _("Sim."), _("Prob."), _("Flags")]


def match_tips() -> List[str]:
    """Say what each column is."""
    return [
        _("Place among all enrolled subjects, the most alike first."),
        _("Pseudonym of the enrolled subject."),
        _("Cosine similarity of the scan and the subject's most alike image; 1 is the same."),
        _("Probability that the patient is this subject, with all that is assumed above."),
        _("near-duplicate: almost the same picture; same session: taken on the same day; same eye."),
    ]


def match_rows(report: Report) -> List[List[str]]:
    """Give the nearest identities, best first, one row each."""
    return [
        [
            number(match.get("rank"), 0),
            _text(match.get("subject_id")),
            number(match.get("similarity"), 3),
            short_percent(match.get("p_same")),
            _flags(match, report["scan"]),
        ]
        for match in report["matches"]
    ]


def match_keys(report: Report) -> List[List[Any]]:
    """Give what the cells of those rows are sorted by; None for what is not known."""
    numbers = [[finite(match.get(name)) for name in ("rank", "similarity", "p_same")] for match in report["matches"]]
    rows = match_rows(report)
    return [[n[0], row[1].lower(), n[1], n[2], row[4] or None] for n, row in zip(numbers, rows)]


def _flags(match: Dict[str, Any], scan: Dict[str, Any]) -> str:
    flags = []
    if match.get("identical") is True:
        flags.append(_("the same picture"))
    elif match.get("near_duplicate") is True:
        flags.append(_("near-duplicate"))
    if match.get("same_session") is True:
        flags.append(_("same session"))
    side = match.get("laterality")
    if scan.get("modality") in EYES and side in ("L", "R") and side == scan.get("laterality"):
        flags.append(_("same eye"))
    return ", ".join(flags)


def leaks(report: Report) -> List[Leak]:
    """Give what the scan gives away of each attribute."""
    return [
        Leak(
            _text(leak.get("attribute")).replace("_", " "),
            _guess(leak),
            finite(leak.get("p")),
            finite(leak.get("prior")),
            number(leak.get("bits"), 2),
            _quality(leak),
        )
        for leak in report["leakage"]
    ]


def not_known(report: Report) -> str:
    """Say of which attributes nothing can be said, and why; "" where there is none."""
    unknown = report.get("leakage_unknown")
    rows = [row for row in unknown if isinstance(row, dict)] if isinstance(unknown, list) else []
    named = [(_text(row.get("attribute")).replace("_", " "), _text(row.get("reason"))) for row in rows]
    return "\n".join(_("{attribute}: not known, as {reason}").format(attribute=a, reason=r) for a, r in named)


def _guess(leak: Dict[str, Any]) -> str:
    guess = leak.get("prediction")
    if leak.get("attribute") == "sex":
        return {"F": _("female"), "M": _("male")}.get(_text(guess), _text(guess))
    if finite(guess) is not None:
        return _with_interval(guess, leak.get("interval95"), 0)
    return _text(guess)


def _quality(leak: Dict[str, Any]) -> str:
    """Say how good such guesses are on patients that they were not learnt from, in the terms that were measured.

    An area under the ROC curve is the share of pairs, one patient of each kind, that are put in the right order; the
    report holds no share of right guesses.
    """
    if finite(leak.get("probe_auc")) is not None:
        said = _pairs(leak) + _in_a_hundred(leak.get("probe_auc_ci95"))
    elif finite(leak.get("probe_mae")) is not None:
        off = _with_interval(leak["probe_mae"], leak.get("probe_mae_ci95"), 1)
        said = _("On other patients it is off by {off} on average").format(off=off)
        if finite(leak.get("chance")) is not None:
            said += _("; without the image by {chance}").format(chance=number(leak["chance"]))
    else:
        return _("How good such guesses are is not known.")
    p = finite(leak.get("p_chance"))
    return said + "." if p is None or p <= NO_BETTER else said + _(". That may be mere chance.")


def _pairs(leak: Dict[str, Any]) -> str:
    right = number(100 * float(leak["probe_auc"]), 0)
    if leak.get("attribute") == "sex":
        return _("Tells a woman from a man among other patients in {right} of 100 pairs").format(right=right)
    return _("Tells other patients apart by this in {right} of 100 pairs").format(right=right)


def _in_a_hundred(ends: Any) -> str:
    return interval(ends, lambda end: number(100 * end, 0)) + _("; guessing does in 50")


def _with_interval(value: Any, ends: Any, digits: int) -> str:
    return number(value, digits) + interval(ends, lambda end: number(end, digits), short=True)


def _text(value: Any) -> str:
    return NOTHING if value is None or value == "" else " ".join(str(value).split())
