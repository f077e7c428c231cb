"""How the command ends when something goes wrong: one line on standard error, and an exit status."""

import json
import traceback

import click

from reid_engine.cli.streams import discard_output, say
from reid_engine.errors import CohortError, ReidError
from reid_engine.report.words import one_line

GATE_FAILED = 1
BAD_INPUT = 2
UNEXPECTED = 3
INTERRUPTED = 130
NOBODY_READS = 141

SHOWN_PROBLEMS = 5
"""So many problems of a cohort fit into the one line; more are listed on standard output."""


def finish(error: BaseException, *, as_json: bool, debug: bool) -> int:
    """Tell people, or a program, what went wrong, and give the exit status."""
    if isinstance(error, BrokenPipeError):
        discard_output()
        return NOBODY_READS
    status, message = _judge(error)
    problems = error.problems if isinstance(error, CohortError) else ()
    try:
        if as_json and status != INTERRUPTED:
            say(json.dumps(_as_json(error, message, problems)))
        elif len(problems) > SHOWN_PROBLEMS:
            say("\n".join(one_line(problem) for problem in problems))
    except BrokenPipeError:
        discard_output()
    if debug and status != INTERRUPTED:
        say("".join(traceback.format_exception(error)).rstrip(), error=True)
    say(f"reid-engine: {message}", error=True)
    return status


def _judge(error: BaseException) -> tuple[int, str]:
    if isinstance(error, click.exceptions.Abort | KeyboardInterrupt):
        return INTERRUPTED, "stopped"
    if isinstance(error, click.ClickException):
        return BAD_INPUT, _usage(error)
    if isinstance(error, CohortError):
        return BAD_INPUT, _cohort(error)
    if isinstance(error, ReidError):
        return BAD_INPUT, one_line(str(error))
    if isinstance(error, OSError):
        what = f"{error.filename}: " if error.filename else ""
        return BAD_INPUT, one_line(f"{what}{error.strerror or error}; check the path and the disk")
    if isinstance(error, MemoryError):
        return UNEXPECTED, "there is not enough memory; try a smaller --batch-size or smaller scans"
    name = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return UNEXPECTED, one_line(f"unexpected {name} (add --debug to see where, and please report it)")


def _usage(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    help_command = f"{context.command_path} --help" if context else "reid-engine --help"
    return one_line(f"{error.format_message()} See: {help_command}")


def _cohort(error: CohortError) -> str:
    if len(error.problems) <= SHOWN_PROBLEMS:
        return one_line(str(error))
    first = "; ".join(error.problems[:SHOWN_PROBLEMS])
    rest = len(error.problems) - SHOWN_PROBLEMS
    return one_line(
        f"{error.where}: {len(error.problems)} problems: {first}; and {rest} more, listed on standard output"
    )


def _as_json(error: BaseException, message: str, problems: tuple[str, ...]) -> dict[str, object]:
    return {
        "schema": "reid-error/1",
        "error": {"kind": type(error).__name__, "message": message, "problems": list(problems)},
    }
