"""What a client is told when a request fails: a status and one sentence without paths or identifiers."""

import errno
import re
from collections.abc import Mapping

from lib.watch import TookTooLongError
from reid_engine.errors import CohortError, EncoderError, GalleryError, ProbeError, ReidError, ScanError, TrainingError

NEUTRAL = "the check failed on the server; its operator finds the kind of error in the log"
COHORT = (
    "the studies cannot be enrolled; see that manifest.csv lists each file with its subject_id, "
    "and run reid-engine enrol for the details"
)
"""Stands for a cohort's problems, which quote the manifest's rows."""

_STATUS = {
    ScanError: 422, GalleryError: 409, EncoderError: 409, ProbeError: 409, TrainingError: 409, ReidError: 400
}  # fmt: skip
_FALLBACK = {
    422: "the scan cannot be read; check that it opens in a viewer and export it again",
    409: "the gallery cannot be used; the operator finds out why with reid-engine check",
    400: "the request cannot be served",
}
_PATH = re.compile(r"(?<![\w.)])(?:[A-Za-z]:[\\/]|~?[\\/])[^\s\\/]")


class Refusal(Exception):
    """A request is refused with an HTTP status and one sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        self.status = status
        self.sentence = sentence
        super().__init__(sentence)


def explain(error: BaseException, names: Mapping[str, str]) -> Refusal:
    """Turn an error into what the client is told.

    Parameters
    ----------
    error
        What went wrong.
    names
        Paths and file names that may stand in the error's text, each with the neutral word that replaces it.
    """
    if isinstance(error, Refusal):
        return error
    if isinstance(error, CohortError):
        return Refusal(409, COHORT)
    if isinstance(error, ReidError):
        status = next(code for kind, code in _STATUS.items() if isinstance(error, kind))
        return Refusal(status, _neutral(str(error), names) or _FALLBACK[status])
    if isinstance(error, TookTooLongError):
        return Refusal(413, str(error))
    if isinstance(error, MemoryError):
        return Refusal(413, "the scan needs more memory than the server has")
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Refusal(507, "the server's folder for temporary files is full")
    return Refusal(500, NEUTRAL)


def _neutral(text: str, names: Mapping[str, str]) -> str:
    """Replace the names, the longest first; give nothing when a path is left."""
    text = " ".join(text.split())
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, names[name])
    return "" if _PATH.search(text) else text
