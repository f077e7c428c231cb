"""How long work reports what it has done."""

from collections.abc import Callable

Progress = Callable[[int, int, str], None]
"""Called with (steps done, steps in all, what happens now)."""


def silent(done: int, total: int, what: str) -> None:
    """Report nothing."""
