"""A report in words that a clinician reads: plain text, no widgets."""

import math
from typing import Any, Callable, Dict, List, NamedTuple, Optional

from ReidentificationRiskLib.i18n import tr as _

NOTHING = "–"
THOUSANDS = "\u00a0"  # a space at which no line breaks
Report = Dict[str, Any]


class Headline(NamedTuple):
    """The level as a word and a sign, one sentence, and what stands below it."""

    level: str
    sign: str
    word: str
    sentence: str
    details: List[str]


def headline(report: Report) -> Headline:
    """Say how risky it is, in one sentence, and what that number assumes."""
    level = report["risk"]["level"]
    sign, word = _words()[level]
    if level == "unknown" and report["scan"].get("in_domain") is False:
        word = _("No statement possible: unlike the enrolled")
    sentence = _unknown_sentence(report) if level == "unknown" else _known_sentence(report)
    details = [] if level == "unknown" else [_anonymity(report), _assumption(report), _record(report)]
    details += [_duplicate(report), _standing(level)]
    return Headline(level, sign, word, sentence, [line for line in details if line])


def _words() -> Dict[str, Any]:
    return {
        "high": ("▲▲", _("High risk")),
        "elevated": ("▲", _("Elevated risk")),
        "low": ("○", _("Low risk in this gallery")),
        "unknown": ("?", _("No statement possible")),
    }


def level_word(level: Any) -> str:
    """Give a level as one word of a table."""
    words = {"high": _("high"), "elevated": _("elevated"), "low": _("low"), "unknown": _("unknown")}
    return words.get(level, NOTHING)


def _known_sentence(report: Report) -> str:
    risk = report["risk"]
    subject = risk.get("subject_id") or _first(report).get("subject_id")
    chance = percent(risk.get("p_reidentified")) + interval(risk.get("ci95"), percent)
    if risk["level"] == "high":
        opening = _("Likely recognisable")
    elif risk["level"] == "elevated":
        opening = _("Possibly recognisable")
    else:
        opening = _("Probably not recognisable")
    if subject is None:
        return _("{opening}: {chance}.").format(opening=opening, chance=chance)
    return _("{opening}: {chance} that this is subject {subject}{condition}.").format(
        opening=opening, chance=chance, subject=subject, condition=_condition(report)
    )


def _condition(report: Report) -> str:
    """Say what the probability takes for granted, as the end of a sentence."""
    prior, people, enrolled = (
        finite(report["assumptions"].get("prior_enrolled")),
        count(_population(report)),
        count(report["gallery"].get("subjects")),
    )
    if prior is None or people == NOTHING:
        return ""
    if people == enrolled:
        whom = _("the {people} enrolled").format(people=people)
    else:
        whom = _("the {people} people that an attacker could hold").format(people=people)
    if prior == 1.0:
        return _(", if they are among {whom}").format(whom=whom)
    chance = _("an even chance") if prior == 0.5 else _("a chance of {prior}").format(prior=percent(prior))
    return _(", given {chance} that they are among {whom}").format(chance=chance, whom=whom)


def _unknown_sentence(report: Report) -> str:
    reason = report["risk"].get("reason")
    if isinstance(reason, str) and reason.strip():
        return " ".join(reason.split())
    if report["scan"].get("in_domain") is False:
        return _("This scan is unlike those enrolled, so its risk cannot be judged.")
    return _("The enrolled images do not support a statement about this scan.")


def _anonymity(report: Report) -> str:
    size = number(report["risk"].get("anonymity_set"))
    people = count(_population(report))
    if size == NOTHING or people == NOTHING:
        return ""
    return _("Hides among {size} of {people} people.").format(size=size, people=people)


def _assumption(report: Report) -> str:
    prior = percent(report["assumptions"].get("prior_enrolled"))
    people = count(_population(report))
    if prior == NOTHING or people == NOTHING:
        return ""
    return _(
        "Assumes a chance of {prior} beforehand that the patient is one of these {people}, and an attacker who holds "
        "what is enrolled."
    ).format(prior=prior, people=people)


def _record(report: Report) -> str:
    """Say how often scans with such a probability were truly re-identified."""
    band = report["risk"].get("band")
    if not isinstance(band, dict) or percent(band.get("reidentified")) == NOTHING:
        return ""
    return _("Of {n} trials with such a probability, {rate} were truly re-identified.").format(
        n=count(band.get("n")), rate=percent(band["reidentified"]) + interval(band.get("ci95"), percent)
    )


def _duplicate(report: Report) -> str:
    if report["risk"].get("copy_enrolled") is True or _first(report).get("near_duplicate") is True:
        return _("Nearly the same picture is enrolled: that links the two whatever they show.")
    return ""


def _standing(level: str) -> str:
    if level == "unknown":
        return _("This is not a low risk: treat the scan as identifying.")
    if level == "low":
        return _("No match in this gallery is no proof of safety.")
    return ""


def _population(report: Report) -> Any:
    assumed = report["assumptions"].get("population")
    return assumed if assumed is not None else report["gallery"].get("subjects")


def _first(report: Report) -> Dict[str, Any]:
    return report["matches"][0] if report["matches"] else {}


# Numbers


def finite(value: Any) -> Optional[float]:
    """Give a number, or None for what is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) else None


def percent(value: Any) -> str:
    """Give a probability as a whole percentage, never claiming 0 % or 100 %."""
    p = finite(value)
    if p is None:
        return NOTHING
    if p < 0.005:
        return _("below 1 %")
    if p > 0.995:
        return _("above 99 %")
    return f"{100 * p:.0f} %"


def short_percent(value: Any) -> str:
    """Give the same for a table."""
    p = finite(value)
    if p is None or 0.005 <= p <= 0.995:
        return percent(value)
    return "< 1 %" if p < 0.005 else "> 99 %"


def number(value: Any, digits: int = 1) -> str:
    """Give a number with so many digits after the point, thousands apart."""
    x = finite(value)
    return NOTHING if x is None else f"{round(x, digits) + 0.0:,.{digits}f}".replace(",", THOUSANDS)  # no "-0"


def count(value: Any) -> str:
    """Give a whole number, thousands apart."""
    return number(value, 0)


def interval(value: Any, shown: Callable[[Any], str], short: bool = False) -> str:
    """Give both ends of an interval in brackets, or nothing where there is none; ``short`` for tables."""
    if not isinstance(value, (list, tuple)) or len(value) != 2 or None in map(finite, value):
        return ""
    low, high = (shown(v).replace(" %", "") for v in value)
    unit = " %" if shown is percent else ""
    text = " ({low}–{high})" if short else _(" ({low} to {high})")
    return text.format(low=low, high=high + unit)


# Below the tables


def caveats(report: Report) -> str:
    """Give what the server wants the reader to keep in mind, one line each."""
    lines = [" ".join(str(caveat).split()) for caveat in report["caveats"]]
    return "\n".join("• " + line for line in lines if line)


def source(report: Report) -> str:
    """Say what was compared with what, and how long it took."""
    scan, gallery, encoder = report["scan"], report["gallery"], report["encoder"]
    parts = []
    if scan.get("modality"):
        parts.append(_("Modality {modality}").format(modality=scan["modality"]) + _origin(scan))
    if count(gallery.get("subjects")) != NOTHING:
        parts.append(
            _("gallery of {subjects} subjects, {samples} images").format(
                subjects=count(gallery["subjects"]), samples=count(gallery.get("samples"))
            )
        )
    if encoder.get("name"):
        parts.append(_("encoder {name}").format(name=encoder["name"]))
    return " · ".join(parts)


def _origin(scan: Dict[str, Any]) -> str:
    if scan.get("modality_source") == "image":
        return _(" (judged from the image, {p})").format(p=percent(scan.get("modality_confidence")))
    return ""
