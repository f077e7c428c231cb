"""A small real HTTP server on loopback that answers as a test wants it to."""

import json
import threading
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
        if self.server.info is None:
            self.server.answer(self)
        else:
            self.reply(200, self.server.info)

    def do_POST(self) -> None:
        self.server.asked.append(self.path)
        if self.server.reads_body:
            length = int(self.headers["Content-Length"])
            self.server.bodies.append((dict(self.headers), self.rfile.read(length)))
        self.server.answer(self)

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


class FakeServer(ThreadingHTTPServer):
    """Listens on a free port of loopback while used as a context."""

    daemon_threads = True

    def __init__(self, answer: Any = None, info: Any = "as ours", reads_body: bool = True) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer: Answer = answer if callable(answer) else lambda handler: handler.reply(200, answer)
        self.info = {"name": "fake", "models": {TASK: {"type": "classification"}}} if info == "as ours" else info
        self.reads_body = reads_body
        self.bodies: list[tuple[dict, bytes]] = []
        self.asked: list[str] = []

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
