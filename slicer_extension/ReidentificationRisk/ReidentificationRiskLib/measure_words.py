"""What measures do, in words: rows for a table, and sentences."""

from typing import Any, Dict, List, Optional

from ReidentificationRiskLib.i18n import tr as _
from ReidentificationRiskLib.wording import NOTHING, finite, interval, level_word, number, percent, short_percent

Document = Dict[str, Any]
Row = Dict[str, Any]
NUMERIC = (1, 3, 4)
"""Columns of the table that hold numbers."""


def measure_heads() -> List[str]:
    """Give the column heads."""
    return [_("Copy"), _("Prob."), _("Risk is"), _("SSIM"), _("PSNR")]


def measure_rows(document: Document) -> List[List[str]]:
    """Give the scan as it is, then one row for each measure."""
    before = document["before"]
    first = [_("as it is"), short_percent(before.get("p_reidentified")), "", "", ""]
    return [first, *(_row(row, before) for row in document["measures"])]


def _row(row: Row, before: Row) -> List[str]:
    return [
        _text(row.get("measure")),
        short_percent(row.get("p_reidentified")),
        {True: _("lower"), False: _("NOT lower"), None: _("not known")}[lowers(row, before)],
        number(row.get("ssim"), 2),
        number(row.get("psnr"), 1),
    ]


def lowers(row: Row, before: Row) -> Optional[bool]:
    """Whether a measure lowers the risk: the subject's evidence falls, and so does the chance where it is known."""
    if row.get("lowers") is not True:
        return False if row.get("lowers") is False else None
    was, is_now = finite(before.get("p_reidentified")), finite(row.get("p_reidentified"))
    return was is None or is_now is None or is_now < was


def before_sentence(document: Document) -> str:
    """Say how risky the scan is as it is."""
    before = document["before"]
    said = _("As it is: {level}, {chance}.").format(level=level_word(before.get("level")), chance=_chance(before))
    return " ".join([said, " ".join(str(before.get("reason") or "").split())]).strip()


def measure_sentence(row: Row, document: Document) -> str:
    """Say plainly what one measure does, and what it costs."""
    what = _("{title}: {chance}, {level}.").format(
        title=_text(row.get("title") or row.get("measure")).capitalize(),
        chance=_chance(row),
        level=level_word(row.get("level")),
    )
    falls = lowers(row, document["before"])
    if falls:
        verdict = _("This lowers the evidence for the subject that the scan resembled most.")
    elif falls is None:
        verdict = _("Whether this lowers the risk is not known.")
    elif row.get("lowers") is True:
        verdict = _("This does NOT lower the risk: another subject is recognised in the place of the first.")
    else:
        verdict = _("This does NOT lower the risk: the subject is recognised as well as before.")
    return " ".join(line for line in (what, verdict, _domain(row), _cost(row)) if line)


def useless_sentence(document: Document) -> str:
    """Name the measures that do not lower the risk; "" when each does."""
    before = document["before"]
    useless = [_text(row.get("measure")) for row in document["measures"] if lowers(row, before) is False]
    if not useless:
        return ""
    return _("Does NOT lower the risk here: {names}.").format(names=", ".join(useless))


def measure_caveats(document: Document) -> str:
    """Give what to keep in mind: always that an attacker may learn to undo a measure."""
    own = _("An attacker who retrains on images that went through a measure may undo it.")
    lines = [" ".join(str(line).split()) for line in document["caveats"]]
    lines = [line for line in lines if line]
    if not any("attacker" in line for line in lines):
        lines.insert(0, own)
    return "\n".join("• " + line for line in lines)


def _chance(outcome: Row) -> str:
    shown = percent(outcome.get("p_reidentified"))
    if shown == NOTHING:
        return _("chance not known")
    return shown + interval(outcome.get("ci95"), percent)


def _domain(row: Row) -> str:
    if row.get("in_domain") is False:
        return _("The copy no longer looks like the enrolled images, so its chance cannot be trusted.")
    return ""


def _cost(row: Row) -> str:
    ssim, psnr = number(row.get("ssim"), 2), number(row.get("psnr"), 1)
    if ssim == NOTHING:
        return _("{kept} of the pixels are left.").format(kept=percent(row.get("kept")))
    if psnr == NOTHING:
        return _("The pixels stay as they are.")
    return _("Likeness to the scan: SSIM {ssim}, PSNR {psnr} dB.").format(ssim=ssim, psnr=psnr)


def _text(value: Any) -> str:
    return NOTHING if value is None or value == "" else " ".join(str(value).split())
