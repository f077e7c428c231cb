"""Where a server listens, read as people type it."""

import ipaddress
import re
import urllib.parse
from typing import NamedTuple

from ReidentificationRiskLib.errors import ClientError, one_line

DEFAULT_PORTS = {"http": 80, "https": 443}
THIS_COMPUTER = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  servers print what they bind; nobody can reach it


class Address(NamedTuple):
    """Where a server listens: scheme "http" or "https", host, port, and the path before its end points."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> str:
        """Scheme, host and port, without a default port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"

    @property
    def text(self) -> str:
        """The one spelling under which the address is shown and remembered."""
        return self.origin + self.path

    @property
    def is_loopback(self) -> bool:
        """Whether the address is this very computer."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host.lower() == "localhost"


def parse_address(text: str) -> Address:
    """Read an address: without a scheme it means http, and 0.0.0.0 means this computer.

    Raises
    ------
    ClientError
        When it names no server, or carries a user name or a password.
    """
    cleaned = text.strip()
    wrong = ClientError(
        f"'{one_line(text, 80)}' is not a server address: enter one such as http://127.0.0.1:8000."
        if cleaned
        else "No server address is given: enter one such as http://127.0.0.1:8000."
    )
    if not cleaned or re.search(r"[\s\\\x00-\x1f\x7f]", cleaned):
        raise wrong
    try:
        parts = urllib.parse.urlsplit(cleaned if "://" in cleaned else "http://" + cleaned)
        scheme, host, port = parts.scheme.lower(), parts.hostname or "", parts.port
        host.encode("idna")
    except ValueError as error:  # a UnicodeError is one, too
        raise wrong from error
    if parts.username is not None or parts.password is not None:
        raise ClientError("Leave user name and password out of the address: it is shown and remembered.")
    if scheme not in DEFAULT_PORTS or not host or port == 0 or parts.query or parts.fragment:
        raise wrong
    return Address(scheme, THIS_COMPUTER.get(host, host), port or DEFAULT_PORTS[scheme], parts.path.rstrip("/"))


def normalise_address(text: str) -> str:
    """Give the one spelling of an address; ClientError as parse_address."""
    return parse_address(text).text
