"""What is remembered between sessions: the server's address, where the user agreed to send scans, and kept tokens."""

import json
from typing import Any, Dict, List

import qt

from ReidentificationRiskLib.address import normalise_address

SERVER = "ReidentificationRisk/Server"
AGREED = "ReidentificationRisk/AgreedAddresses"
TOKENS = "ReidentificationRisk/Tokens"  # of those servers only for which the user wants it kept
DEFAULT_SERVER = "http://127.0.0.1:8000"


class Settings:
    """The user's settings. They are not kept in the scene: opening somebody's scene must not change where scans go."""

    @property
    def server(self) -> str:
        """Address of the server, as typed last."""
        kept = qt.QSettings().value(SERVER)
        return DEFAULT_SERVER if kept is None else str(kept)

    @server.setter
    def server(self, address: str) -> None:
        qt.QSettings().setValue(SERVER, address)

    def has_agreed(self, address: str) -> bool:
        """Whether the user agreed to send scans to this address."""
        return normalise_address(address) in self._agreed()

    def agree(self, address: str) -> None:
        """Remember that the user agreed to send scans to this address."""
        self._remember([*self._agreed(), normalise_address(address)])

    def withdraw(self, address: str) -> None:
        """Forget that agreement: the next sending asks again."""
        gone = normalise_address(address)
        self._remember([agreed for agreed in self._agreed() if agreed != gone])

    def token(self, address: str) -> str:
        """Give the token that is kept for an address, "" without one."""
        return self._tokens().get(normalise_address(address), "")

    def keep_token(self, address: str, token: str) -> None:
        """Keep a token for an address; "" forgets it."""
        tokens = {**self._tokens(), normalise_address(address): token}
        kept = {at: token for at, token in tokens.items() if token}
        if kept:
            qt.QSettings().setValue(TOKENS, json.dumps(kept))
        else:
            qt.QSettings().remove(TOKENS)

    def _tokens(self) -> Dict[str, str]:
        tokens = _kept(TOKENS, "{}")
        return {str(k): v for k, v in tokens.items() if isinstance(v, str)} if isinstance(tokens, dict) else {}

    def _agreed(self) -> List[str]:
        agreed = _kept(AGREED, "[]")
        return [entry for entry in agreed if isinstance(entry, str)] if isinstance(agreed, list) else []

    def _remember(self, addresses: List[str]) -> None:
        qt.QSettings().setValue(AGREED, json.dumps(sorted(set(addresses))))


def _kept(key: str, empty: str) -> Any:
    try:
        return json.loads(str(qt.QSettings().value(key) or empty))
    except ValueError:  # damaged by hand: as if nothing was kept
        return None
