"""Loops over numbers, compiled to machine code at their first call."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from os import cpu_count
from typing import Any, TypeVar, cast

Loop = TypeVar("Loop", bound=Callable[..., Any])

MOST_THREADS = 16
"""Threads that share the rows of a block at most."""


@cache
def compiled(loop: Loop) -> Loop:
    """Compile a function that holds only loops over arrays; it runs without the interpreter's lock.

    What was compiled is kept beside the source or in the user's cache, where either can be written.
    """
    import numba

    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}  # a check of each divisor forbids wide registers
    try:
        return cast(Loop, numba.njit(cache=True, **options)(loop))
    except RuntimeError:  # nowhere to keep it
        return cast(Loop, numba.njit(**options)(loop))


def threads() -> int:
    """Give the number of threads that share work: one a processor."""
    return min(cpu_count() or 1, MOST_THREADS)


def share_rows(work: Callable[[int, int, int], None], rows: int, pool: ThreadPoolExecutor) -> None:
    """Call ``work(thread, first, last)`` so that the rows are dealt to the threads, and wait for all.

    Parameters
    ----------
    work
        Does rows first to last - 1.
    rows
        Their number.
    pool
        With `threads()` workers.
    """
    count = max(1, min(threads(), rows))
    ends = [rows * part // count for part in range(count + 1)]
    done = [pool.submit(work, part, ends[part], ends[part + 1]) for part in range(count)]
    _results(done)


def _results(done: Sequence[Any]) -> None:
    for one in done:
        one.result()
