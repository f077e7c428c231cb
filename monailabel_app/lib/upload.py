"""A request's form: the scan straight to a private file, bounded while it streams, and the parameters.

Starlette's own form parser would first write the whole body to a temporary file that nothing bounds; here
each byte is counted before it is kept, and written once.
"""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from urllib.parse import parse_qs

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect, Request

from lib.failures import Refusal
from lib.params import LONGEST

PATIENCE = 60.0
"""Seconds that a client may take between two pieces of a body."""

_DIRECT = 32 * 2**20
"""So many bytes go to the system's cache at once; writing more may wait for the disk, and is left to a thread."""

_PIECE = 2**20
_DRAIN_SECONDS = 5.0
_DRAIN_PATIENCE = 0.5
_ENVELOPE = 64 * 1024  # boundaries and headers of the parts


@dataclass
class Form:
    """What a client sent; the file is this object's to remove."""

    folder: Path
    params: str = ""
    path: Path | None = None
    seen: set[str] = field(default_factory=set)

    def discard(self) -> None:
        """Remove the file, if there is one."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
            self.path = None


async def receive(body: "Body", folder: Path, limit: int) -> Form:
    """Read a request's body into a form.

    Parameters
    ----------
    body
        Multipart, URL-encoded, or empty.
    folder
        Where the scan is written, under a name that owes nothing to the client's.
    limit
        Most bytes of the scan.

    Raises
    ------
    Refusal
        For a body that is too large, too slow, damaged, or has a part that is not taken.
    ClientDisconnect
        If the client went away. Nothing is left on the disk after either.
    """
    form = Form(folder)
    try:
        await _receive(body, form, limit)
    except BaseException:
        form.discard()
        raise
    return form


async def _receive(body: "Body", form: Form, limit: int) -> None:
    announced = body.headers.get("content-length", "0")
    if not announced.isdigit() or int(announced) > limit + _ENVELOPE:
        raise _too_large(limit)
    kind, options = parse_options_header(body.headers.get("content-type", ""))
    if kind == b"multipart/form-data" and options.get(b"boundary"):
        await _receive_multipart(body, form, limit, options[b"boundary"])
    elif kind == b"application/x-www-form-urlencoded":
        form.params = _decode_urlencoded(await body.short())
    elif await body.short():
        raise Refusal(415, "send the scan as the part 'file' of a multipart/form-data body")


async def _receive_multipart(body: "Body", form: Form, limit: int, boundary: bytes) -> None:
    parts = _Parts(form, limit)
    try:
        parser = MultipartParser(boundary, parts.callbacks())
        async for piece in body.pieces():
            parser.write(piece)
            if parts.size <= _DIRECT:
                parts.flush()
            elif parts.held >= _PIECE:
                await asyncio.to_thread(parts.flush)
        parser.finalize()
        parts.flush()
    except FormParserError:
        raise Refusal(400, "the multipart body is damaged") from None
    finally:
        parts.close()
    if not parts.ended:
        raise Refusal(400, "the multipart body ends too soon")


class _Parts:
    """Receives the parser's events; only memory is touched until :meth:`flush`."""

    def __init__(self, form: Form, limit: int) -> None:
        self.form = form
        self.limit = limit
        self.waiting: list[memoryview] = []
        self.held = 0
        self.ended = False
        self._name = ""
        self._header = [b"", b""]
        self._params = bytearray()
        self.size = 0
        self._file: IO[bytes] | None = None

    def callbacks(self) -> dict[str, Any]:
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._add_to_header(0, data[start:end]),
            "on_header_value": lambda data, start, end: self._add_to_header(1, data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._start,
            "on_part_data": self._data,
            "on_end": self._end,
        }

    def flush(self) -> None:
        """Write what waits; the first time, make the file."""
        if self.form.path is None:
            return
        if self._file is None:
            self._file = self.form.path.open("xb")
        self._file.writelines(self.waiting)
        self.waiting.clear()
        self.held = 0

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _begin(self) -> None:
        self._name = ""

    def _add_to_header(self, which: int, data: bytes) -> None:
        self._header[which] += data

    def _end_header(self) -> None:
        header, value = self._header
        self._header = [b"", b""]
        if header.lower() == b"content-disposition":
            self._name = parse_options_header(value)[1].get(b"name", b"").decode("utf-8", "replace")

    def _start(self) -> None:
        if self._name not in ("file", "params"):
            raise Refusal(400, "the form has a part that is not taken; send 'file' and, if you like, 'params'")
        if self._name in self.form.seen:
            raise Refusal(400, "the form has the same part twice")
        self.form.seen.add(self._name)
        if self._name == "file":
            self.form.path = self.form.folder / secrets.token_hex(16)

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._name == "params":
            self._params += data[start:end]
            if len(self._params) > LONGEST:
                raise Refusal(413, "params is too long")
            return
        self.size += end - start
        if self.size > self.limit:
            raise _too_large(self.limit)
        self.waiting.append(memoryview(data)[start:end])
        self.held += end - start

    def _end(self) -> None:
        self.ended = True
        self.form.params = _text(self._params)


class Body:
    """A request's body, piece by piece."""

    def __init__(self, request: Request) -> None:
        self.headers = request.headers
        self._receive = request.receive
        self._more = True

    async def pieces(self, patience: float = PATIENCE) -> AsyncIterator[bytes]:
        """Give what comes, until the end; raise :class:`Refusal` when nothing comes for so many seconds."""
        while self._more:
            try:
                async with asyncio.timeout(patience):
                    message = await self._receive()
            except TimeoutError:
                raise Refusal(408, "the body came too slowly") from None
            if message["type"] == "http.disconnect":
                self._more = False
                raise ClientDisconnect
            self._more = message.get("more_body", False)
            yield message.get("body", b"")

    async def short(self) -> bytes:
        """Give all of a body that holds no scan."""
        body = bytearray()
        async for piece in self.pieces():
            body += piece
            if len(body) > _ENVELOPE:
                raise Refusal(413, "the body is too long; send the scan as the part 'file' of a multipart body")
        return bytes(body)

    async def text(self) -> str:
        """Give all of a body that holds no scan, as text."""
        return _text(await self.short())

    async def drain(self) -> None:
        """Read on for a moment: a client that is still sending would not hear the answer."""
        with contextlib.suppress(TimeoutError, ClientDisconnect, Refusal):
            async with asyncio.timeout(_DRAIN_SECONDS):
                async for _ in self.pieces(_DRAIN_PATIENCE):
                    pass


def _decode_urlencoded(body: bytes) -> str:
    fields = parse_qs(_text(body), keep_blank_values=True)
    if set(fields) - {"params"} or len(fields.get("params", ())) > 1:
        raise Refusal(400, "the form has a field that is not taken; send 'params' once")
    return fields.get("params", [""])[0]


def _text(data: bytes | bytearray) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise Refusal(400, "params is not UTF-8 text") from None


def _too_large(limit: int) -> Refusal:
    return Refusal(413, f"the scan is larger than {limit / 2**20:g} MiB, the most that this server takes")
