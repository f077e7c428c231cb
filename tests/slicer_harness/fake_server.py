"""A small real HTTP server on loopback that answers as a test wants it to."""

import json
import threading
import urllib.parse
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TASK = "reidentification_risk"
Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """One request: the body is read, kept for the test, and answered by the server's ``answer``."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self._is_refused():
            return
        path, _, query = self.path.partition("?")
        if path == "/datastore/" and self.server.studies is not None:
            self.reply(200, {"images": self.server.studies})
        elif path == "/datastore/enrolled" and self.server.enrolled is not None:
            sample = urllib.parse.parse_qs(query)["sample"][0]
            content = self.server.enrolled.get(sample)
            if content is None:
                self.reply(404, {"detail": "this image is not among the studies"})
            else:
                self.reply(200, content, "application/gzip")
        elif path.startswith("/datastore/"):
            self.reply(403, {"detail": "this server gives out no images; its operator can allow it"})
        elif self.server.info is None:
            self.server.answer(self)
        else:
            self.reply(200, self.server.info)

    def do_POST(self) -> None:
        self.server.asked.append(self.path)
        if self.server.reads_body:
            length = int(self.headers["Content-Length"])
            self.server.bodies.append((dict(self.headers), self.rfile.read(length)))
        if self._is_refused():
            return
        self.server.answer(self)

    def _is_refused(self) -> bool:
        """Want the server's token, where it has one."""
        self.server.tokens.append(self.headers["Authorization"])
        wanted = self.server.token
        refused = bool(wanted) and self.headers["Authorization"] != f"Bearer {wanted}"
        if refused:
            sentence = "a token is needed: send it as Authorization: Bearer"
            self.reply(401, {"detail": sentence}, **{"WWW-Authenticate": "Bearer"})
        return refused

    def reply_with_file(self, document: Any, content: bytes, name: str) -> None:
        """Answer with two parts, as MONAI Label does for output=all."""
        boundary = "2b7f0c5e"
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="params"\r\nContent-Type: application/json\r\n\r\n'
        )
        middle = (
            f'\r\n--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        parts = [
            head.encode(),
            json.dumps(document).encode(),
            middle.encode(),
            content,
            f"\r\n--{boundary}--\r\n".encode(),
        ]
        self.reply(200, b"".join(parts), f"multipart/form-data; boundary={boundary}")

    def reply(self, status: int, value: Any, kind: str = "application/json", **headers: str) -> None:
        """Answer with bytes as they are, or with anything else as JSON."""
        content = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        for name, text in headers.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


def our_info(images: bool = False) -> dict[str, Any]:
    """Give what a server of ours says of itself."""
    gallery = {"subjects": 332, "samples": 1204, "by_modality": {"CXR": {"subjects": 332, "samples": 1204}}}
    task = {"type": "classification", "explains": True, "state": "ready", "reason": None, "gallery": gallery}
    measures = {"type": "classification", "measures": {"CXR": [{"name": "blur", "title": "Blur"}]}}
    return {
        "name": "fake",
        "models": {TASK: task, "reidentification_measures": measures},
        "server": {"images": images, "studies": True, "sign_in": None, "gallery_state": "ready"},
    }


class FakeServer(ThreadingHTTPServer):
    """Listens on a free port of loopback while used as a context.

    Parameters
    ----------
    answer
        A report, or a function of the request, for every POST.
    info
        The reply to /info/; None has ``answer`` answer it too.
    reads_body
        Whether a body is read before it is answered.
    token
        What requests must carry; None wants nothing.
    studies, enrolled
        The ids that /datastore/ lists, and the file for each sample; None gives out neither.
    """

    daemon_threads = True

    def __init__(
        self,
        answer: Any = None,
        info: Any = "as ours",
        reads_body: bool = True,
        token: str | None = None,
        studies: list[str] | None = None,
        enrolled: dict[str, bytes] | None = None,
    ) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer: Answer = answer if callable(answer) else lambda handler: handler.reply(200, answer)
        self.token, self.studies, self.enrolled = token, studies, enrolled
        self.info = our_info(images=enrolled is not None) if info == "as ours" else info
        self.reads_body = reads_body
        self.bodies: list[tuple[dict, bytes]] = []
        self.asked: list[str] = []
        self.tokens: list[str | None] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is what some tests are about."""

    def __enter__(self) -> "FakeServer":
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc: Any) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()
