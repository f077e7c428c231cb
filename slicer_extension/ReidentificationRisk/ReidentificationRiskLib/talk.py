"""A talk with one server: several exchanges under one deadline and one token."""

import os
import time
import urllib.parse
from typing import Any, Callable, Dict, Optional, Union

from ReidentificationRiskLib.address import parse_address
from ReidentificationRiskLib.answer import read_info
from ReidentificationRiskLib.errors import ClientError
from ReidentificationRiskLib.exchange import Progress, Reply, exchange
from ReidentificationRiskLib.form import ParamsForm, open_form


class Talk:
    """What is the same for every exchange with a server.

    Parameters
    ----------
    server
        Address as a person types it.
    timeout
        Seconds for all of it.
    token
        What the server's operator handed out; "" sends none.
    progress
        Called with the stage, its fraction done (None: unknown) and a text for people.
    heard
        Called with what the server said of itself, once it did.
    """

    def __init__(
        self,
        server: str,
        timeout: float,
        token: str = "",
        progress: Optional[Progress] = None,
        heard: Optional[Callable[[Dict[str, Any]], None]] = None,
    ) -> None:
        self.address = parse_address(server)
        self._deadline = time.monotonic() + timeout
        self._tell, self._heard = progress or _quiet, heard
        self._token = checked_token(token)

    def ask_what_it_is(self) -> Dict[str, Any]:
        """Give the server's reply to /info/; ClientError when it has not our task."""
        said = read_info(self.get("/info/"), self.address)
        if self._heard is not None:
            self._heard(said)
        return said

    def get(self, target: str, doing: str = "") -> Reply:
        """Fetch what lies at a path of the server; ``doing`` says meanwhile what happens."""
        return exchange(self.address, "GET", target, self._deadline, self._tell, token=self._token, doing=doing)

    def infer(
        self,
        task: str,
        file: Union[str, "os.PathLike[str]"],
        params: Dict[str, Any],
        output: str = "json",
        doing: str = "",
        verify: bool = True,
    ) -> Reply:
        """Send a scan to a task of the server, which is asked first whether it is one of ours.

        Parameters
        ----------
        task
            Name of the infer task.
        file, params
            The scan, and what the task is told beside it.
        output
            "json", or "all" for a file as well.
        doing
            What the server does once it has the scan, for people.
        verify
            Ask the server what it is before any pixel leaves.
        """
        with open_form(file, params) as form:
            if verify:
                self.ask_what_it_is()
            target = f"/infer/{task}?output={output}"
            return exchange(self.address, "POST", target, self._deadline, self._tell, form, self._token, doing)

    def infer_study(self, task: str, image: str, params: Dict[str, Any], doing: str = "") -> Reply:
        """Have a task work on a study that the server holds already; nothing of this computer is sent."""
        target = f"/infer/{task}?" + urllib.parse.urlencode({"image": image, "output": "json"})
        form = ParamsForm(params)
        return exchange(self.address, "POST", target, self._deadline, self._tell, form, self._token, doing)


def checked_token(token: str) -> str:
    """Give a token that a header can carry; ClientError for another, without repeating it."""
    if not all("!" <= sign <= "~" for sign in token):
        raise ClientError("The token is not one: it holds letters, digits and signs, without spaces. Enter it again.")
    return token


def _quiet(stage: str, fraction: Optional[float], text: str) -> None:
    del stage, fraction, text
