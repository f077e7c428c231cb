"""Who may talk to the server: a browser's page from elsewhere may not, nor under a borrowed name."""

import ipaddress
import json
import socket
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK_ORIGIN = r"https?://(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?"


class Guard:
    """Refuses requests of other machines, to a foreign name, or sent by a page of a foreign origin.

    MONAI Label listens on all addresses unless it is told otherwise, and asks nobody for a password.

    A web page can make a visitor's browser send requests to the visitor's own machine, and by DNS rebinding
    even read the answers. The browser then names the page's host in ``Host``, or its origin in ``Origin``.

    Parameters
    ----------
    app
        What is guarded.
    remote
        Whether requests from other machines are taken at all.
    hosts
        Further names of this server, as a reverse proxy passes them on.
    origins
        Further origins whose pages may use the server.
    """

    def __init__(self, app: ASGIApp, *, remote: bool, hosts: frozenset[str], origins: frozenset[str]) -> None:
        self.app = app
        self.remote = remote
        self.hosts = hosts
        self.origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with 403 or 421."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1").lower()
        origin = headers.get(b"origin", b"").decode("latin-1").lower()
        local = (scope.get("server") or ("",))[0]
        if not self.remote and not _is_loopback(local):
            await _refuse(send, 403, "other machines may not use this server unless its operator allows it")
        elif not host_is_ours(host, local, self.hosts):
            await _refuse(send, 421, "the server is not addressed by a name of its own; use 127.0.0.1")
        elif origin and not self._knows(origin, host):
            await _refuse(send, 403, "pages of other sites may not use this server")
        else:
            await self.app(scope, receive, send)

    def _knows(self, origin: str, host: str) -> bool:
        return origin in self.origins or urlsplit(origin).netloc == host or _is_loopback(_name(origin))


def host_is_ours(host: str, local: str, hosts: frozenset[str]) -> bool:
    """Tell whether a ``Host`` header names this server.

    Parameters
    ----------
    host
        The header, lower case.
    local
        Address of this end of the connection.
    hosts
        Further names of this server.
    """
    name = _name(f"//{host}")
    if not name:
        return False
    if name in hosts or _is_loopback(name):
        return True
    if _is_loopback(local):
        return False
    # An address cannot be rebound to another machine, only a name can.
    return _is_address(name) or name in (socket.gethostname().lower(), socket.getfqdn().lower())


def _name(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_loopback(name: str) -> bool:
    return name == "localhost" or (_is_address(name) and ipaddress.ip_address(name).is_loopback)


async def _refuse(send: Send, status: int, sentence: str) -> None:
    body = json.dumps({"detail": sentence}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, (b"connection", b"close")]})
    await send({"type": "http.response.body", "body": body})
