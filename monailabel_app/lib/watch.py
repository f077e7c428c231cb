"""Ends long work for which nobody waits any more, or which takes too long."""

import threading
import time

from starlette.requests import Request

MOST_SECONDS = 240.0
"""How long an explanation or a comparison may take: less than a client waits for."""


class NobodyWaitsError(Exception):
    """The client went away; its work ends at the next step."""


class TookTooLongError(Exception):
    """Work was given up."""

    def __init__(self) -> None:
        super().__init__(
            f"it takes longer than the {MOST_SECONDS / 60:g} minutes that this server spends on it; "
            "ask for less at a time, or send a smaller scan"
        )


class Watch:
    """Knows whether to go on; :meth:`progress` is called by the library between two steps."""

    def __init__(self) -> None:
        self._left = threading.Event()
        self._end = float("inf")
        self.begun = False

    def begin(self) -> None:
        """Start the clock."""
        self.begun = True
        self._end = time.monotonic() + MOST_SECONDS

    def stop(self) -> None:
        """Say that nobody waits."""
        self._left.set()

    def progress(self, done: int, total: int, what: str) -> None:
        """Raise :class:`NobodyWaitsError` or :class:`TookTooLongError` where the work should end."""
        if self._left.is_set():
            raise NobodyWaitsError
        if done < total and time.monotonic() > self._end:
            raise TookTooLongError


async def until_gone(request: Request) -> None:
    """Wait until the client of a request, whose body was read, goes away."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
