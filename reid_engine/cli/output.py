"""What a command prints: JSON for machines, or tables for people; and its progress, for people only."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from reid_engine.cli.streams import say
from reid_engine.progress import Progress, silent

if TYPE_CHECKING:
    from rich.console import Console

WIDTH_OF_A_FILE = 120
"""Characters a line where the output is no terminal."""


def print_json(document: Mapping[str, Any]) -> None:
    """Print a document on standard output; numbers that JSON lacks are an error, not NaN."""
    say(json.dumps(document, allow_nan=False, indent=2))


def console() -> "Console":
    """Give the console for people: colours where there is a terminal."""
    from rich.console import Console

    class OurConsole(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # its own way is to exit with 1, which here means that a gate failed

    width = None if sys.stdout.isatty() else WIDTH_OF_A_FILE
    return OurConsole(
        file=sys.stdout, width=width, highlight=False, markup=False, emoji=False
    )  # ids are shown as they are


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Show progress on standard error where that is a terminal."""
    if not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(file=sys.stderr), transient=True) as bar:
        task = bar.add_task("starting", total=None)

        def show(done: int, total: int, what: str) -> None:
            bar.update(task, completed=done, total=total, description=what)

        yield show
