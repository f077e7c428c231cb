"""What a long task says of its work: a line now and then, which names nobody."""

import time

from lib.failures import explain
from lib.options import Options
from lib.quiet import LOG, where
from reid_engine.errors import ReidError

SECONDS_BETWEEN_LINES = 1.0


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

    def failed(self, error: Exception, options: Options) -> None:
        """Write why the task failed; of what was not foreseen, the kind and place."""
        reason = explain(error, folders(options)).sentence if isinstance(error, ReidError) else where(error)
        self.say(f"failed: {reason}")


def folders(options: Options) -> dict[str, str]:
    """Give the operator's folders, each with the neutral word for it."""
    return {str(options.gallery): "the gallery", str(options.studies): "the studies folder"}
