"""The multipart form in which a scan travels, streamed from its file."""

import contextlib
import json
import os
import uuid
from pathlib import Path
from typing import Any, BinaryIO, Dict, Iterator, Union

from ReidentificationRiskLib.errors import ClientError, reason

CHUNK = 256 * 1024  # bytes between two looks at the clock
KNOWN_SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".dcm", ".png", ".jpg", ".jpeg", ".tif", ".tiff")


class Form:
    """The parameters, then the scan under a neutral name; as long as the file was when it was opened."""

    def __init__(self, params: Dict[str, Any], scan: BinaryIO, suffix: str) -> None:
        boundary = uuid.uuid4().hex
        self._scan = scan
        self._head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="params"\r\n\r\n'
            f"{_as_json(params)}\r\n"
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="scan{suffix}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self.size = os.fstat(scan.fileno()).st_size
        """Bytes of the scan."""
        self.length = len(self._head) + self.size + len(self._tail)
        """Bytes of the whole form."""
        self.content_type = f"multipart/form-data; boundary={boundary}"

    def pieces(self) -> Iterator[bytes]:
        """Give the form piece by piece, exactly ``length`` bytes."""
        yield self._head
        left = self.size
        while left:
            piece = self._scan.read(min(CHUNK, left))
            if not piece:
                raise ClientError("The scan became shorter while it was being sent: try again.")
            yield piece
            left -= len(piece)
        yield self._tail


class ParamsForm:
    """The parameters alone, for what the server holds already."""

    def __init__(self, params: Dict[str, Any]) -> None:
        boundary = uuid.uuid4().hex
        self._content = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="params"\r\n\r\n'
            f"{_as_json(params)}\r\n--{boundary}--\r\n"
        ).encode()
        self.length = len(self._content)
        self.content_type = f"multipart/form-data; boundary={boundary}"

    def pieces(self) -> Iterator[bytes]:
        """Give the form."""
        yield self._content


@contextlib.contextmanager
def open_form(file: Union[str, "os.PathLike[str]"], params: Dict[str, Any]) -> Iterator[Form]:
    """Open a scan's file as a form; ClientError when it cannot be read or is empty."""
    path = Path(file)
    if path.is_dir():
        raise ClientError(f"'{path.name}' is a folder: give one file.")
    try:
        scan = path.open("rb")
    except (OSError, ValueError) as error:
        why = reason(error) if isinstance(error, OSError) else "its name is not one"
        raise ClientError(f"The scan '{path.name}' cannot be opened: {why}.") from error
    with scan:
        form = Form(params, scan, next((s for s in KNOWN_SUFFIXES if path.name.lower().endswith(s)), ""))
        if not form.size:
            raise ClientError(f"The scan '{path.name}' is empty.")
        yield form


def _as_json(params: Dict[str, Any]) -> str:
    try:
        return json.dumps(params, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ClientError("The parameters of the check are not plain finite values.") from error
