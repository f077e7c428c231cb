"""What a server can be asked, each as a function: standard library only."""

import os
import urllib.parse
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Union

from ReidentificationRiskLib.answer import (
    MEASURES,
    TASK,
    read_document,
    read_images,
    read_parts,
    read_pixels,
    read_report,
)
from ReidentificationRiskLib.errors import ClientError, reason
from ReidentificationRiskLib.talk import Talk

MAP_FILE, COPY_FILE, MATCH_FILE = "map.nii.gz", "copy.nii.gz", "match.nii.gz"
Event = Dict[str, Any]
File = Union[str, "os.PathLike[str]"]


def ask_info(talk: Talk) -> Event:
    """Ask a server what it is, sending nothing."""
    return {"event": "info", "info": talk.ask_what_it_is()}


def ask_check(
    talk: Talk,
    file: File,
    params: Dict[str, Any],
    folder: Optional[str] = None,
    explain: bool = False,
    verify: bool = True,
) -> Event:
    """Have a scan checked; with ``explain`` and a folder, the map of what made the match is laid there."""
    if not explain or folder is None:
        doing = "The server is comparing the scan with its gallery"
        reply = talk.infer(TASK, file, params, doing=doing, verify=verify)
        return {"event": "result", "report": read_report(reply, talk.address)}
    doing = "The server is comparing the scan with its gallery, and finding out what made the match"
    reply = talk.infer(TASK, file, params, "all", doing, verify)
    parts = read_parts(reply, talk.address)
    report = read_report(parts.document, talk.address)
    return {"event": "result", "report": report, "file": _lay(parts.file, folder, MAP_FILE)}


def ask_measures(talk: Talk, file: File, params: Dict[str, Any]) -> Event:
    """Have the measures tried on a copy of a scan."""
    doing = "The server is trying each measure on a copy of the scan"
    reply = talk.infer(MEASURES, file, params, doing=doing)
    return {"event": "measures", "document": read_document(reply, talk.address)}


def ask_copy(talk: Talk, file: File, params: Dict[str, Any], folder: str) -> Event:
    """Have one measure applied, and the copy of the scan laid into a folder."""
    reply = talk.infer(MEASURES, file, params, "all", "The server is making the copy")
    parts = read_parts(reply, talk.address)
    document = read_document(parts.document, talk.address)
    path = _lay(parts.file, folder, COPY_FILE)
    if path is None:
        raise ClientError("The server's answer holds no copy: bring the server and this panel to the same version.")
    return {"event": "copy", "document": document, "file": path}


def ask_images(talk: Talk) -> Event:
    """Ask for the ids of the studies."""
    return {"event": "images", "images": read_images(talk.get("/datastore/"), talk.address)}


def ask_enrolled(talk: Talk, sample: str, folder: str) -> Event:
    """Fetch the pixels of an enrolled image into a folder."""
    target = "/datastore/enrolled?" + urllib.parse.urlencode({"sample": sample})
    pixels = read_pixels(talk.get(target, "The server is looking for the image"), talk.address)
    return {"event": "enrolled", "sample": sample, "file": _lay(pixels, folder, MATCH_FILE)}


def ask_study(talk: Talk, image: str, params: Dict[str, Any]) -> Event:
    """Have a study checked that the server holds already."""
    reply = talk.infer_study(TASK, image, params, "The server is checking its own study")
    return {"event": "result", "report": read_report(reply, talk.address)}


ACTIONS: Dict[str, Callable[..., Event]] = {
    "info": ask_info,
    "check": ask_check,
    "measures": ask_measures,
    "copy": ask_copy,
    "images": ask_images,
    "enrolled": ask_enrolled,
    "study": ask_study,
}
"""By name, what a request may ask for."""

FIELDS: Dict[str, List[str]] = {
    "info": [],
    "check": ["file", "params", "folder", "explain", "verify"],
    "measures": ["file", "params"],
    "copy": ["file", "params", "folder"],
    "images": [],
    "enrolled": ["sample", "folder"],
    "study": ["image", "params"],
}
"""The fields of a request that each action takes."""


def _lay(content: Optional[bytes], folder: str, name: str) -> Optional[str]:
    """Write what came into the folder, and give its path; None when nothing came."""
    if content is None:
        return None
    path = Path(folder) / name
    try:
        path.write_bytes(content)
    except OSError as error:
        raise ClientError(f"What the server sent cannot be kept: {reason(error)}.") from error
    return str(path)
