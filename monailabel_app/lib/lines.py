"""What a long task says of its work: a line now and then, which names nobody."""

import time

from lib.failures import explain
from lib.options import Options
from lib.quiet import LOG, where
from reid_engine.errors import CohortError, ReidError
from reid_engine.progress import Progress

SECONDS_BETWEEN_LINES = 1.0

HARMLESS = ("looking for changes", "fitting ", "epoch ")
"""How the library's words begin that are known to name no file."""


class Lines:
    """Writes the lines of one task to the log.

    Parameters
    ----------
    task
        The task's name, which begins each line.
    """

    def __init__(self, task: str) -> None:
        self.task = task
        self._last = 0.0

    def say(self, text: str) -> None:
        """Write a line."""
        LOG.info("%s: %s", self.task, text)

    def progress(self, done: int, total: int, what: str) -> None:
        """Write how far the task is, unless a line was written a moment ago."""
        now = time.monotonic()
        if done >= total or now - self._last > SECONDS_BETWEEN_LINES:
            self._last = now
            self.say(f"{what}: {done} of {total}")

    def doing(self, work: str) -> Progress:
        """Give a progress that repeats only harmless words of the library, and else says what is done here."""

        def progress(done: int, total: int, what: str) -> None:
            self.progress(done, total, what if what.startswith(HARMLESS) else work)

        self._last = 0.0  # new work is told at once
        return progress

    def failed(self, error: Exception, options: Options) -> None:
        """Write why the task failed; of what was not foreseen, the kind and place."""
        if not isinstance(error, ReidError):
            self.say(f"failed: {where(error)}")
            return
        problems = f" ({count(len(error.problems), 'problem')})" if isinstance(error, CohortError) else ""
        self.say(f"failed: {explain(error, folders(options)).sentence}{problems}")


def count(number: int, noun: str) -> str:
    """Give a number with its noun."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def folders(options: Options) -> dict[str, str]:
    """Give the operator's folders, each with the neutral word for it."""
    return {
        str(options.gallery): "the gallery",
        str(options.studies): "the studies folder",
        str(options.encoders_folder): "the encoders' folder",
    }
