"""A report's two tables as rows of text."""

from typing import Any, Dict, List

from ReidentificationRiskLib.i18n import tr as _
from ReidentificationRiskLib.wording import NOTHING, interval, number, percent

Report = Dict[str, Any]


def match_heads() -> List[str]:
    """Give the column heads of the nearest identities."""
    return [_("Rank"), _("Subject"), _("Similarity"), _("Probability"), _("Note")]


def match_rows(report: Report) -> List[List[str]]:
    """Give the nearest identities, best first, one row each."""
    return [
        [
            number(match.get("rank"), 0),
            _text(match.get("subject_id")),
            number(match.get("similarity"), 3),
            percent(match.get("p_same")),
            _flags(match),
        ]
        for match in report["matches"]
    ]


def _flags(match: Dict[str, Any]) -> str:
    flags = []
    if match.get("near_duplicate") is True:
        flags.append(_("near-duplicate"))
    if match.get("same_session") is True:
        flags.append(_("same session"))
    return ", ".join(flags)


def leakage_heads() -> List[str]:
    """Give the column heads of the leakage scores."""
    return [_("Attribute"), _("Guess"), _("Prob."), _("Prior"), _("Bits"), _("Quality")]


def leakage_rows(report: Report) -> List[List[str]]:
    """Give what the scan gives away of each attribute, one row each."""
    return [
        [
            _text(leak.get("attribute")).replace("_", " "),
            _guess(leak),
            percent(leak.get("p")),
            percent(leak.get("prior")),
            number(leak.get("bits"), 2),
            _quality(leak),
        ]
        for leak in report["leakage"]
    ]


def _guess(leak: Dict[str, Any]) -> str:
    guess = leak.get("prediction")
    if leak.get("attribute") == "sex":
        return {"F": _("female"), "M": _("male")}.get(_text(guess), _text(guess))
    if isinstance(guess, (int, float)):
        return _with_interval(guess, leak.get("interval95"), 0)
    return _text(guess)


def _quality(leak: Dict[str, Any]) -> str:
    """Say how good the probe is on subjects that it was not fitted on: an AUC, or a mean error."""
    if leak.get("probe_auc") is not None:
        return "AUC " + _with_interval(leak["probe_auc"], leak.get("probe_auc_ci95"), 2)
    if leak.get("probe_mae") is not None:
        return "± " + _with_interval(leak["probe_mae"], leak.get("probe_mae_ci95"), 1)
    return NOTHING


def _with_interval(value: Any, ends: Any, digits: int) -> str:
    return number(value, digits) + interval(ends, lambda end: number(end, digits), short=True)


def _text(value: Any) -> str:
    return NOTHING if value is None or value == "" else " ".join(str(value).split())
