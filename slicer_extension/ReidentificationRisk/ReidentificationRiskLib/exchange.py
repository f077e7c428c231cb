"""One request to the server and its reply, with a deadline and in plain words."""

import base64
import contextlib
import http.client
import socket
import ssl
import time
import urllib.parse
import urllib.request
from typing import Callable, Dict, Iterator, NamedTuple, Optional, Tuple, Union

from ReidentificationRiskLib.address import Address
from ReidentificationRiskLib.errors import UNREACHABLE, ClientError, one_line, reason
from ReidentificationRiskLib.form import CHUNK, Form, ParamsForm

CONNECT_TIMEOUT = 10.0  # seconds until a server must have taken the connection
MAX_REPLY = 512 * 1024 * 1024  # bytes; a report is some tens of kilobytes, a map or a copy as large as the scan

AnyForm = Union[Form, ParamsForm]
Progress = Callable[[str, Optional[float], str], None]
"""Called with the stage, the fraction of it that is done (None: unknown) and a text for people."""


class Reply(NamedTuple):
    """A server's answer, whatever its status."""

    status: int
    location: str
    content: bytes
    kind: str = ""
    """The Content-Type."""


def exchange(
    address: Address,
    method: str,
    target: str,
    deadline: float,
    tell: Progress,
    form: Optional[AnyForm] = None,
    token: str = "",
    doing: str = "",
) -> Reply:
    """Speak once with the server until ``deadline`` (time.monotonic); every failure is a ClientError.

    Redirections are not followed: a scan and a token go to the address that the user agreed to and nowhere else.
    ``doing`` is what the server does once it has everything, for people.
    """
    with _in_plain_words(address):
        connection, prefix, headers = _connection(address)
        headers.update({"Accept": "application/json, multipart/form-data, */*;q=0.5", "Connection": "close"})
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if form is not None:
            headers.update({"Content-Type": form.content_type, "Content-Length": str(form.length)})
        with contextlib.closing(connection):
            tell("connect", None, f"Connecting to {address.text}")
            connection.connect()
            _limit(connection, deadline)
            connection.putrequest(method, prefix + address.path + target, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders()
            if form is not None:
                _send(connection, form, deadline, tell)
            if doing:
                tell("wait", None, doing)
            _limit(connection, deadline)
            return _read(connection, deadline, tell)


def _send(connection: http.client.HTTPConnection, form: AnyForm, deadline: float, tell: Progress) -> None:
    """Send the form; a server that refuses before it has all of it is heard out rather than cut short."""
    sent = 0
    with contextlib.suppress(BrokenPipeError, ConnectionResetError, ConnectionAbortedError):
        for piece in form.pieces():
            _limit(connection, deadline)
            connection.send(piece)
            sent += len(piece)
            text = f"Sending the scan: {sent / 1e6:.1f} of {form.length / 1e6:.1f} MB"
            tell("send", sent / form.length, text)


def _read(connection: http.client.HTTPConnection, deadline: float, tell: Progress) -> Reply:
    with contextlib.closing(connection.getresponse()) as response:
        content = _content(response, connection, deadline, tell)
        location, kind = response.getheader("Location", ""), response.getheader("Content-Type", "")
        return Reply(response.status, location, content, kind)


def _content(
    response: http.client.HTTPResponse, connection: http.client.HTTPConnection, deadline: float, tell: Progress
) -> bytes:
    promised = response.length  # None where the server does not say
    content = bytearray()
    while promised is None or len(content) < promised:
        _limit(connection, deadline)
        piece = response.read1(CHUNK)
        if not piece:
            break
        tell("receive", None, "Reading the answer")
        content += piece
        if len(content) > MAX_REPLY:
            raise ClientError("The server's answer is far too large: it was not read.")
    if promised is not None and len(content) < promised:
        raise http.client.IncompleteRead(bytes(content))
    return bytes(content)


def _limit(connection: http.client.HTTPConnection, deadline: float) -> None:
    left = deadline - time.monotonic()
    if left <= 0:
        raise socket.timeout
    if connection.sock is not None:  # None once the last byte of a closing connection is read
        connection.sock.settimeout(left)


def _connection(address: Address) -> Tuple[http.client.HTTPConnection, str, Dict[str, str]]:
    """Give an unopened connection, what stands before the path in its requests, and further headers."""
    secure = ssl.create_default_context() if address.scheme == "https" else None
    proxy = _proxy(address)
    if proxy is None:
        return _plain_or_secure(address.host, address.port, secure), "", {}
    headers = {}
    if proxy.username is not None:
        pair = f"{urllib.parse.unquote(proxy.username)}:{urllib.parse.unquote(proxy.password or '')}"
        headers["Proxy-Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    connection = _plain_or_secure(proxy.hostname or "", proxy.port or 80, secure)
    if secure is None:
        return connection, address.origin, headers
    connection.set_tunnel(address.host, address.port, headers)  # the proxy sees only what is encrypted
    return connection, "", {}


def _proxy(address: Address) -> Optional[urllib.parse.SplitResult]:
    """Give the proxy that this computer's settings name for an address; none for the computer itself."""
    if address.is_loopback or urllib.request.proxy_bypass(address.host):
        return None
    proxy = urllib.request.getproxies().get(address.scheme)
    return urllib.parse.urlsplit(proxy if "://" in proxy else "http://" + proxy) if proxy else None


def _plain_or_secure(host: str, port: int, secure: Optional[ssl.SSLContext]) -> http.client.HTTPConnection:
    if secure is None:
        return http.client.HTTPConnection(host, port, timeout=CONNECT_TIMEOUT)
    return http.client.HTTPSConnection(host, port, timeout=CONNECT_TIMEOUT, context=secure)


@contextlib.contextmanager
def _in_plain_words(address: Address) -> Iterator[None]:
    """Turn what the network throws into one sentence that says what to do."""
    try:
        yield
    except (OSError, http.client.HTTPException) as error:
        raise ClientError(_sentence(error, address), UNREACHABLE) from error


def _sentence(error: Exception, address: Address) -> str:
    at = address.text
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"The certificate of {at} cannot be trusted ({one_line(error.verify_message, 120)}), so nothing "
            "was sent: ask whoever runs the server for a certificate that this computer knows."
        )
    if isinstance(error, ssl.SSLError):
        return f"{at} does not speak https: try it with http:// if that is what it should be."
    if isinstance(error, socket.gaierror):
        return f"The host '{address.host}' cannot be found: check the server address."
    if isinstance(error, ConnectionRefusedError):
        return f"No server answers at {at}: start it with 'reid-engine serve --gallery DIR', or check the address."
    if isinstance(error, socket.timeout):
        return f"The server at {at} took too long to answer: try again, or ask whoever runs it."
    if isinstance(error, (ConnectionError, http.client.HTTPException)):
        return f"The server at {at} broke off or does not speak HTTP: check the address and that it still runs."
    return f"{at} cannot be reached: {reason(error)}."  # type: ignore[arg-type]
