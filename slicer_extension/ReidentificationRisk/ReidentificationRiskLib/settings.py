"""What is remembered between sessions: the server's address, and where the user agreed to send scans."""

import json
from typing import List

import qt

from ReidentificationRiskLib.address import normalise_address

SERVER = "ReidentificationRisk/Server"
AGREED = "ReidentificationRisk/AgreedAddresses"
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

    def _agreed(self) -> List[str]:
        try:
            agreed = json.loads(str(qt.QSettings().value(AGREED) or "[]"))
        except ValueError:  # damaged by hand: ask again
            return []
        return [entry for entry in agreed if isinstance(entry, str)] if isinstance(agreed, list) else []

    def _remember(self, addresses: List[str]) -> None:
        qt.QSettings().setValue(AGREED, json.dumps(sorted(set(addresses))))
