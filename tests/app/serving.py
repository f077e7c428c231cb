"""A server under test: its address, what it printed, what it left on the disk."""

import http.client
import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import requests
from requests_toolbelt import MultipartDecoder

from reid_engine.serve import Server, start

CHECK = "/infer/reidentification_risk"
MEASURES = "/infer/reidentification_measures"
TOKEN = "0123456789abcdef-token"
ANOTHER_NOW = "cxr_P007_s1.png"


@dataclass(repr=False)
class Served:
    server: Server
    temporary: Path
    session: requests.Session
    before: set[str] = field(default_factory=set)

    def __post_init__(self):
        self.before = self._files()

    @property
    def url(self) -> str:
        return self.server.url

    def check(self, data=None, *, name="scan.png", params=None, query="output=json", at=CHECK, **headers):
        """Check bytes as the panel does; None sends no file."""
        files = {} if data is None else {"file": (name, data)}
        if params is not None:
            files["params"] = (None, params if isinstance(params, str | bytes) else json.dumps(params))
        url = f"{self.url}{at}?{query}"
        return self.session.post(url, files=files or None, headers=headers or None, timeout=120)

    def measure(self, data=None, **how):
        """Ask what measures would do."""
        return self.check(data, at=MEASURES, **how)

    def get(self, path: str, **headers):
        return self.session.get(self.url + path, headers=headers, timeout=60)

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)

    def left_behind(self) -> list[str]:
        """List the temporary files that came since the server was ready."""
        return sorted(self._files() - self.before)

    def _files(self) -> set[str]:
        return {str(path) for path in self.temporary.rglob("*") if path.is_file() and ".pyc" not in path.name}

    def printed(self) -> str:
        """Give the console output and the log files, as far as they are written."""
        logs = [self.server.log, *self.temporary.rglob("app.log*")]
        return "\n".join(path.read_text("utf-8", "replace") for path in logs)


def parts(response) -> tuple[dict, bytes | None]:
    """Give the JSON values and the volume of an answer in parts."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("multipart/form-data; boundary=")
    found = {}
    for part in MultipartDecoder.from_response(response).parts:
        head = part.headers[b"Content-Disposition"].decode()
        found[re.search('name="([a-z]+)"', head)[1]] = part, head
    document, head = found.pop("params")
    assert document.headers[b"Content-Type"] == b"application/json"
    volume, head = found.pop("image", (None, ""))
    assert not found
    if volume is not None:
        assert re.search(r'filename="(map|copy)\.nii\.gz"', head)
        assert volume.headers[b"Content-Type"] == b"application/octet-stream"
    return json.loads(document.content), None if volume is None else volume.content


@contextmanager
def serving(folder: Path, gallery: Path, studies: Path | None, *, temporary=None, **more) -> Iterator[Served]:
    """Start a server whose temporary files lie under `folder`, or in a folder of their own."""
    temporary = temporary or folder / "tmp"
    temporary.mkdir(exist_ok=True)
    before = tempfile.tempdir
    tempfile.tempdir = str(temporary)
    try:
        context = start(gallery, studies, log=folder / "server.log", **more)
        with context as server, requests.Session() as session:
            tempfile.tempdir = before
            session.trust_env = False
            yield Served(server, temporary, session)
    finally:
        tempfile.tempdir = before
