"""Work that goes on in a thread of its own while its starter does something else."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Aside(Generic[T]):
    """Starts work at once, and gives its result when that is asked for.

    A thread a piece of work, rather than a pool: a pool's threads would be missing after a fork.

    Parameters
    ----------
    work
        Best something that lets other threads run: decoding, hashing, large arrays.
    """

    def __init__(self, work: Callable[[], T]) -> None:
        self._work: Callable[[], T] | None = work
        self._given: list[T] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="aside", daemon=True)
        self._thread.start()

    def result(self) -> T:
        """Wait for the result, or raise what the work raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._given[0]

    def _run(self) -> None:
        try:
            if self._work is not None:
                self._given.append(self._work())
        except BaseException as error:
            self._error = error
        finally:
            self._work = None  # and with it what it held
