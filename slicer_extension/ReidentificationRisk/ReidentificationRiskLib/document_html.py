"""A document as a page: HTML so plain that a browser and Qt's own printing both draw it."""

import html
from typing import Any, Dict, List, Optional, Sequence

from ReidentificationRiskLib.document import Document, shown_time
from ReidentificationRiskLib.header_words import header_heads, header_note
from ReidentificationRiskLib.headline import WORDS
from ReidentificationRiskLib.i18n import tr as _
from ReidentificationRiskLib.measure_words import (
    NUMERIC,
    before_sentence,
    measure_caveats,
    measure_heads,
    measure_rows,
    useless_sentence,
)
from ReidentificationRiskLib.preview import png_of
from ReidentificationRiskLib.rows import leaks, match_heads, match_rows, not_known
from ReidentificationRiskLib.wording import NOTHING, caveats, count, headline, number, percent, source

WIDE, SMALL = 260, 120  # pixels of pictures
STYLE = """
body { font-family: sans-serif; font-size: 10pt; color: #1a1a1a; }
h1 { font-size: 16pt; }
h2 { font-size: 12pt; }
th { text-align: left; }
.small { font-size: 8pt; color: #444444; }
.level { font-size: 14pt; font-weight: bold; }
"""


def page(document: Document) -> str:
    """Give the whole page; everything that came from elsewhere is escaped."""
    report = document["report"]
    parts = [
        _headline(report),
        _heading(_("Nearest identities")),
        _table(match_heads(), match_rows(report), (0, 2, 3)) or _paragraph(_("Nobody of this kind is enrolled.")),
        _heading(_("What the image gives away")),
        _leakage(report),
        _measures(document.get("measures")),
        _header(document.get("header")),
        _heading(_("What this rests on")),
        _table([_("Assumption"), _("Value")], _assumptions(report), ()),
        _lines(caveats(report)),
        _paragraph(source(report)),
        _heading(_("Made")),
        _table([_("What"), _("Value")], _made(document), ()),
        _paragraph(
            _("Decision support, not a determination: no match is no proof of safety, and pixels alone can identify."),
            "small",
        ),
    ]
    picture = _picture(document["pictures"].get("scan"), WIDE)
    title = _("Re-identification risk of a scan")
    body = f"<h1>{html.escape(title)}</h1>\n" + picture + "\n".join(part for part in parts if part)
    return (
        '<!DOCTYPE html>\n<html><head><meta charset="utf-8"><title>'
        f"{html.escape(title)}</title><style>{STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def _headline(report: Dict[str, Any]) -> str:
    said = headline(report)
    return (
        f'<p class="level" style="color: {WORDS[said.level]}">{html.escape(said.sign + "  " + said.word)}</p>\n'
        f"<p><b>{html.escape(said.sentence)}</b></p>\n" + _lines("\n".join(said.details))
    )


def _leakage(report: Dict[str, Any]) -> str:
    heads = [_("Attribute"), _("Guess"), _("Prob."), _("Prior"), _("Bits"), _("How good such guesses are")]
    rows = [
        [leak.attribute, leak.guess, percent(leak.p), percent(leak.prior), leak.bits, leak.quality]
        for leak in leaks(report)
    ]
    missing = not_known(report)
    return _table(heads, rows, (2, 3, 4)) + _lines(missing) or _paragraph(_("Not known."))


def _measures(measures: Optional[Dict[str, Any]]) -> str:
    if not measures:
        return ""
    parts = [
        _heading(_("What would lower it")),
        _paragraph(before_sentence(measures)),
        _table(measure_heads(), measure_rows(measures), NUMERIC),
        _paragraph(useless_sentence(measures)),
        _lines(measure_caveats(measures)),
    ]
    pictures = [(_("as it is"), measures.get("preview_before"))]
    pictures += [(str(row.get("measure")), row.get("preview")) for row in measures["measures"]]
    drawn = [(name, _picture(content, SMALL)) for name, content in pictures]
    cells = [f"<td>{picture}<br>{html.escape(name)}</td>" for name, picture in drawn if picture]
    rows = ["<tr>" + "".join(cells[i : i + 4]) + "</tr>" for i in range(0, len(cells), 4)]
    return "\n".join([*parts, '<table cellpadding="4">' + "".join(rows) + "</table>" if rows else ""])


def _header(header: Optional[Dict[str, Any]]) -> str:
    if not header:
        return ""
    return "\n".join(
        [
            _heading(_("Header")),
            _lines("\n".join("• " + line for line in header["sentences"])),
            _table(header_heads()[:-1], header["attributes"], ()),
            _paragraph(header_note(), "small") if header["attributes"] else "",
        ]
    )


def _assumptions(report: Dict[str, Any]) -> List[List[str]]:
    assumed = report["assumptions"]
    rows = [
        [_("Chance beforehand that the patient is among the enrolled"), percent(assumed.get("prior_enrolled"))],
        [_("People among whom the patient is looked for"), count(assumed.get("population"))],
        [_("Attacker"), _plain(assumed.get("attacker"))],
    ]
    calibration = assumed.get("calibration")
    if isinstance(calibration, dict):
        rows += [
            [_("Calibration, {name}").format(name=str(name).replace("_", " ")), _plain(value)]
            for name, value in calibration.items()
            if isinstance(value, (int, float, str, bool))
        ]
    return rows


def _made(document: Document) -> List[List[str]]:
    versions, scan = document["versions"], document["scan"]
    rows = [
        [_("When"), shown_time(document["made"])],
        [_("Module"), _plain(versions.get("module"))],
        [_("3D Slicer"), _plain(versions.get("slicer"))],
        [_("Server"), _plain(versions.get("server"))],
        [_("Encoder"), _plain(versions.get("encoder"))],
    ]
    if scan.get("size"):
        rows.append([_("Scan"), _plain(scan["size"]) + ", " + _plain(scan.get("spacing"))])
    return rows


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, (int, float)):
        return number(value, 0 if isinstance(value, int) else 3)
    return " ".join(str(value).split()) if value else NOTHING


def _heading(text: str) -> str:
    return f"<h2>{html.escape(text)}</h2>"


def _paragraph(text: str, style: str = "") -> str:
    kind = f' class="{style}"' if style else ""
    return f"<p{kind}>{html.escape(text)}</p>" if text else ""


def _lines(text: str) -> str:
    return "<p>" + "<br>".join(html.escape(line) for line in text.splitlines()) + "</p>" if text else ""


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[int]) -> str:
    if not rows:
        return ""
    side = ["right" if i in numeric else "left" for i in range(len(heads))]
    head = "".join(f'<th align="{at}">{html.escape(text)}</th>' for at, text in zip(side, heads))
    body = "\n".join(
        "<tr>" + "".join(f'<td align="{at}">{html.escape(str(cell))}</td>' for at, cell in zip(side, row)) + "</tr>"
        for row in rows
    )
    return f'<table border="1" cellspacing="0" cellpadding="3">\n<tr bgcolor="#eeeeee">{head}</tr>\n{body}\n</table>'


def _picture(content: Any, width: int) -> str:
    """Give a picture that lies in the page itself; nothing where it is no PNG."""
    if png_of(content) is None:
        return ""
    return f'<img src="data:image/png;base64,{content}" width="{width}">'
