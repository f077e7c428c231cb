"""What a server's reply says: a report whose structure readers can rely on, or one sentence."""

import email.parser
import json
from typing import Any, Dict, List, NamedTuple, Optional

from ReidentificationRiskLib.address import Address
from ReidentificationRiskLib.errors import NOT_ALLOWED, NOT_THERE, SIGN_IN, ClientError, one_line
from ReidentificationRiskLib.exchange import Reply

TASK = "reidentification_risk"
MEASURES = "reidentification_measures"
SCHEMA = "reid-risk/1"
MEASURES_SCHEMA = "reid-measures/1"
LEVELS = ("high", "elevated", "low", "unknown")
MAX_DETAIL = 300  # characters of a server's own words that are passed on

STRUCTURE = (
    ("scan", dict),
    ("encoder", dict),
    ("gallery", dict),
    ("assumptions", dict),
    ("risk.level", str),
    ("matches", list),
    ("leakage", list),
    ("caveats", list),
)
"""The places of a report that must be there, and what must be in them."""

MEASURES_STRUCTURE = (("before", dict), ("measures", list), ("caveats", list))
KINDS = {401: SIGN_IN, 403: NOT_ALLOWED, 404: NOT_THERE}
GZIP = b"\x1f\x8b"

REFUSALS = {
    401: "wants a token: enter the one that whoever runs it gave you.",
    403: "does not let you in.",
    404: "does not know this kind of check: is it another kind of server?",
    413: "finds the scan too large: send a smaller one, or ask whoever runs it.",
    429: "is busy: try again in a moment.",
    502: "is behind a gateway that does not reach it: ask whoever runs it.",
    503: "is not ready: try again in a moment.",
    504: "is behind a gateway that gave up waiting for it: try again, or ask whoever runs it.",
}


def read_object(reply: Reply, address: Address) -> Dict[str, Any]:
    """Give a successful reply's JSON object; ClientError, in the server's words if it has any, otherwise."""
    if reply.status != 200:
        raise ClientError(_refusal(reply, address), KINDS.get(reply.status, ""))
    foreign = ClientError(f"What answers at {address.text} is not a re-identification risk server: check the address.")
    try:
        value = json.loads(reply.content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise foreign from error
    if not isinstance(value, dict):
        raise foreign
    return value


def read_info(reply: Reply, address: Address) -> Dict[str, Any]:
    """Give what a server says of itself; ClientError when it has not our task."""
    info = read_object(reply, address)
    models = info.get("models")
    if not isinstance(models, (dict, list)) or TASK not in models:
        raise ClientError(f"The server at {address.text} has no task '{TASK}', so no scan was sent: check the address.")
    return info


def read_report(reply: Reply, address: Address) -> Dict[str, Any]:
    """Give a report, its structure checked; ClientError otherwise."""
    report = read_object(reply, address)
    _check_schema(report, SCHEMA, address)
    lacking = [place for place, kind in STRUCTURE if not isinstance(_at(report, place), kind)]
    lacking += [place for place in ("matches", "leakage") if not _all_objects(_at(report, place))]
    if not lacking and report["risk"]["level"] not in LEVELS:
        lacking = ["risk.level"]
    _refuse_lacking(lacking, address)
    return report


def read_document(reply: Reply, address: Address) -> Dict[str, Any]:
    """Give what the measures did, its structure checked; ClientError otherwise."""
    document = read_object(reply, address)
    _check_schema(document, MEASURES_SCHEMA, address)
    lacking = [place for place, kind in MEASURES_STRUCTURE if not isinstance(document.get(place), kind)]
    _refuse_lacking(lacking or ([] if _all_objects(document["measures"]) else ["measures"]), address)
    return document


def read_images(reply: Reply, address: Address) -> List[str]:
    """Give the ids of the studies; ClientError otherwise."""
    images = read_object(reply, address).get("images")
    if not isinstance(images, list) or not all(isinstance(image, str) for image in images):
        _refuse_lacking(["images"], address)
    return images


def read_pixels(reply: Reply, address: Address) -> bytes:
    """Give a file of pixels (.nii.gz); ClientError, in the server's words if it has any, otherwise."""
    if reply.status != 200:
        read_object(reply, address)
    if not reply.content.startswith(GZIP):
        raise ClientError(f"What {address.text} sent is not an image: check the address.")
    return reply.content


class Parts(NamedTuple):
    """An answer in two parts."""

    document: Reply
    file: Optional[bytes]


def read_parts(reply: Reply, address: Address) -> Parts:
    """Take an answer apart into its JSON and its file; one that is JSON alone has no file."""
    if reply.status != 200 or not reply.kind.lower().startswith("multipart/"):
        return Parts(reply, None)
    parser = email.parser.BytesParser()
    message = parser.parsebytes(b"Content-Type: " + reply.kind.encode("latin-1") + b"\r\n\r\n" + reply.content)
    held: Dict[Any, bytes] = {}
    for part in message.get_payload() if message.is_multipart() else []:
        held[part.get_param("name", header="content-disposition")] = part.get_payload(decode=True) or b""
    file = held.get("image")
    if file is not None and not file.startswith(GZIP):
        raise ClientError(f"What {address.text} sent is not an image: check the address.")
    return Parts(reply._replace(content=held.get("params", b"")), file)


def _check_schema(value: Dict[str, Any], wanted: str, address: Address) -> None:
    schema = value.get("schema")
    if schema != wanted:
        named = f"'{one_line(schema, 40)}'" if isinstance(schema, str) else "no schema"
        raise ClientError(
            f"The answer of {address.text} has {named} where '{wanted}' is read here: "
            "bring the server and this panel to the same version."
        )


def _refuse_lacking(lacking: List[str], address: Address) -> None:
    if lacking:
        raise ClientError(
            f"The answer of {address.text} has no proper '{lacking[0]}': "
            "bring the server and this panel to the same version."
        )


def _at(report: Dict[str, Any], place: str) -> Any:
    value: Any = report
    for key in place.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _all_objects(rows: Any) -> bool:
    return isinstance(rows, list) and all(isinstance(row, dict) for row in rows)


def _refusal(reply: Reply, address: Address) -> str:
    at = f"The server at {address.text}"
    if 300 <= reply.status < 400:
        where = one_line(reply.location, 120) or "another address"
        return f"{at} sends us on to {where}: enter that address instead if you trust it."
    detail = _detail(reply)
    if detail and reply.status != 401:  # which the server words for programs
        return f"{at} refused: {detail}" + ("" if detail[-1] in ".!?…" else ".")
    return f"{at} " + REFUSALS.get(reply.status, f"failed with status {reply.status}: ask whoever runs it.")


def _detail(reply: Reply) -> str:
    """Give the server's own sentence, where it sent one as {"detail": "..."}."""
    try:
        detail = json.loads(reply.content)["detail"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return one_line(detail, MAX_DETAIL) if isinstance(detail, str) else ""


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number that JSON knows")
