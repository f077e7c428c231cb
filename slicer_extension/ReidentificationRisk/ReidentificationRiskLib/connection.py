"""The server that the panel speaks with: where it is, whether it answers, and what it said of itself."""

from typing import Any, Dict, List, Optional

from ReidentificationRiskLib.address import normalise_address
from ReidentificationRiskLib.client import CONNECT_TIMEOUT
from ReidentificationRiskLib.errors import PanelError
from ReidentificationRiskLib.i18n import tr as _
from ReidentificationRiskLib.process import ClientProcess
from ReidentificationRiskLib.settings import Settings
from ReidentificationRiskLib.signals import Signal
from ReidentificationRiskLib.talk import checked_token

NOT_ASKED, ASKING, CONNECTED, SIGN_IN, FAILED = "not asked", "asking", "connected", "sign in", "failed"


class Connection:
    """What is known of the server at the remembered address.

    Signals
    -------
    changed
        Nothing: look at the attributes again.

    Attributes
    ----------
    settings
        Where the address and the user's agreements are remembered.
    state
        One of NOT_ASKED, ASKING, CONNECTED, SIGN_IN (it wants a token) and FAILED.
    reason
        Why it failed, as a sentence.
    info
        What the server said of itself, its reply to /info/; {} while nothing is known.
    """

    def __init__(self, settings: Optional[Settings] = None, process: Optional[ClientProcess] = None) -> None:
        self.settings = settings or Settings()
        self.changed = Signal()
        self.state, self.reason = NOT_ASKED, ""
        self.info: Dict[str, Any] = {}
        self._tokens: Dict[str, str] = {}
        self._process = process or ClientProcess()
        self._process.heard.connect(self.hear)
        self._process.ended.connect(self.hear)

    # Where

    @property
    def text(self) -> str:
        """The address as it was typed."""
        return self.settings.server

    @property
    def address(self) -> str:
        """The address in its one spelling; PanelError when what was typed is none."""
        return normalise_address(self.settings.server)

    def move(self, text: str) -> None:
        """Speak with another server from now on; what the last one said is forgotten."""
        if text.strip() != self.settings.server:
            self.settings.server = text.strip()
            self._process.stop()
            self._become(NOT_ASKED)

    # Whether the user agreed

    def has_agreed(self) -> bool:
        """Whether the user agreed to send scans to this address."""
        try:
            return self.settings.has_agreed(self.settings.server)
        except PanelError:  # not an address, so nobody agreed to it
            return False

    def require_agreement(self) -> None:
        """Refuse to go on, with a PanelError, unless the user agreed to send scans to this address."""
        if not self.settings.has_agreed(self.address):
            raise PanelError("Nothing was sent: sending scans to this address was not agreed to.")

    # Signing in

    @property
    def token(self) -> str:
        """The token for this address, "" without one; never shown, logged or kept in the scene."""
        try:
            address = self.address
        except PanelError:
            return ""
        return self._tokens.get(address) or self.settings.token(address)

    @property
    def keeps_token(self) -> bool:
        """Whether the token for this address is kept beyond this session."""
        try:
            return bool(self.settings.token(self.address))
        except PanelError:
            return False

    def sign_in(self, token: str, remember: bool = False) -> None:
        """Use a token at this address, and at no other; keep it beyond this session only where the user says so.

        Raises PanelError where there is no address, or the token is none.
        """
        address, token = self.address, checked_token(token.strip())
        self._tokens[address] = token
        self.settings.keep_token(address, token if remember else "")

    def credentials(self) -> Dict[str, Any]:
        """Give the fields with which each request begins; PanelError when there is no address."""
        fields: Dict[str, Any] = {"server": self.address}
        return {**fields, "token": self.token} if self.token else fields

    # What it says

    def ask(self) -> None:
        """Ask the server what it is, sending nothing."""
        self._process.stop()
        try:
            self._process.start({"action": "info", "timeout": CONNECT_TIMEOUT, **self.credentials()})
        except PanelError as error:
            self._become(FAILED, str(error))
            return
        self._become(ASKING)

    def ask_once(self) -> None:
        """Ask it unless it was asked already."""
        if self.state == NOT_ASKED:
            self.ask()

    def hear(self, event: Dict[str, Any]) -> None:
        """Learn from what a client said, whichever request it was for."""
        if event["event"] in ("info", "server"):
            self.info = event["info"]
            self._become(CONNECTED)
        elif event["event"] == "error" and event.get("kind") == "sign_in":
            refused = _("The server did not accept the token: enter it again.")
            self._become(SIGN_IN, refused if self.token else str(event.get("message", "")))
        elif event["event"] == "error" and (event.get("kind") == "unreachable" or self.state == ASKING):
            self._become(FAILED, str(event.get("message", "")))

    def has(self, feature: str) -> bool:
        """Whether the server said that it has something: "images", "explains" or a task's name."""
        server, models = self.info.get("server"), self.info.get("models")
        if isinstance(server, dict) and server.get(feature) is True:
            return True
        if isinstance(models, dict):
            ours = models.get("reidentification_risk")
            return feature in models or (isinstance(ours, dict) and ours.get(feature) is True)
        return isinstance(models, list) and feature in models

    def models(self) -> List[str]:
        """Give the names of the server's tasks."""
        return [str(name) for name in self.info.get("models") or []]

    def close(self) -> None:
        """Stop asking."""
        self._process.stop()

    def _become(self, state: str, why: str = "") -> None:
        if state not in (CONNECTED, ASKING):
            self.info = {}
        self.state, self.reason = state, why
        self.changed.emit()
