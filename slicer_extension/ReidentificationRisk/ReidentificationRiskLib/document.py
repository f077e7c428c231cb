"""A result as a document that can be kept: the report, when and with what it was made, and nothing that names anybody.

JSON, schema "reid-panel/1": ``made`` (ISO 8601 with the time zone), ``versions`` {module, slicer, server, encoder},
``scan`` {size, spacing}, ``pixels`` (a hash by which the same pixels are known again), ``report`` (reid-risk/1),
``measures`` (reid-measures/1) or null, ``header`` {sentences, attributes} or null: names of attributes, no values,
``pictures`` {scan}: PNG in base64. Neither the volume's name nor the server's address is in it.
"""

import datetime
import json
from typing import Any, Dict, List, Optional

from ReidentificationRiskLib.address import parse_address
from ReidentificationRiskLib.answer import read_report
from ReidentificationRiskLib.errors import ClientError, one_line
from ReidentificationRiskLib.exchange import Reply
from ReidentificationRiskLib.header import Look
from ReidentificationRiskLib.header_words import header_rows, header_sentences
from ReidentificationRiskLib.version import VERSION

SCHEMA = "reid-panel/1"
LONGEST = 50_000_000  # characters of a document that is read from a scene
PICTURES = ("preview", "preview_before")

Document = Dict[str, Any]


def make_document(
    report: Dict[str, Any],
    made: str,
    scan: Optional[Dict[str, Any]] = None,
    pixels: str = "",
    info: Optional[Dict[str, Any]] = None,
    slicer_version: str = "",
) -> Document:
    """Give the document of a report; ``info`` is what the server said of itself."""
    return {
        "schema": SCHEMA,
        "made": made,
        "versions": {
            "module": VERSION,
            "slicer": slicer_version,
            "server": _server(info or {}),
            "encoder": _encoder(report),
        },
        "scan": scan or {},
        "pixels": pixels,
        "report": report,
        "measures": None,
        "header": None,
        "pictures": {},
    }


def with_more(
    document: Document,
    measures: Optional[Dict[str, Any]] = None,
    header: Optional[Dict[str, Any]] = None,
    scan_picture: str = "",
    pictures: bool = False,
) -> Document:
    """Give the document with what else is known, and with pictures only where they are wanted."""
    if measures is not None and not pictures:
        measures = _without_pictures(measures)
    shown = {"scan": scan_picture} if pictures and scan_picture else {}
    return {**document, "measures": measures, "header": header, "pictures": shown}


def header_part(look: Look, missing: int) -> Dict[str, Any]:
    """Give what a look at headers found: names of attributes, no values."""
    return {
        "sentences": header_sentences(look, missing),
        "attributes": [row[:-1] for row in header_rows(look.findings, revealed=False)],
    }


def now() -> str:
    """Give the time as ``made`` has it."""
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")


def shown_time(made: Any) -> str:
    """Give ``made`` as people read it; "" where it is no time."""
    try:
        return datetime.datetime.fromisoformat(str(made)).strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return ""


def write_document(document: Document) -> str:
    """Give the document as JSON."""
    return json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False)


def read_document(text: str) -> Optional[Document]:
    """Read a document that a scene holds, which anybody may have written; None where it is none."""
    if not 0 < len(text) <= LONGEST:
        return None
    try:
        document = json.loads(text)
        if document["schema"] != SCHEMA or not shown_time(document["made"]):
            return None
        content = json.dumps(document["report"]).encode()
        document["report"] = read_report(Reply(200, "", content), parse_address("localhost"))  # checked as a server's
    except (ValueError, KeyError, TypeError, RecursionError, ClientError):
        return None
    document["pixels"] = str(document.get("pixels") or "")
    return dict(document)


def _server(info: Dict[str, Any]) -> str:
    return " ".join(one_line(str(info[name]), 60) for name in ("name", "version") if info.get(name))


def _encoder(report: Dict[str, Any]) -> str:
    encoder = report["encoder"]
    words: List[str] = [str(encoder[name])[:60] for name in ("name", "fingerprint") if encoder.get(name)]
    return " ".join(words)


def _without_pictures(measures: Dict[str, Any]) -> Dict[str, Any]:
    rows = [{key: value for key, value in row.items() if key not in PICTURES} for row in measures["measures"]]
    return {**{key: value for key, value in measures.items() if key not in PICTURES}, "measures": rows}
