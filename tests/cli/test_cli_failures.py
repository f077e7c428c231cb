"""How each kind of failure ends: its status and its line."""

import errno
import json

import click
import pytest
from click.testing import CliRunner

from reid_engine.cli.failures import finish
from reid_engine.cli.program import Program
from reid_engine.cli.streams import plain
from reid_engine.errors import CohortError, GalleryError


def _end(error: BaseException, *words: str):
    """Run a program of one command that fails in this way."""

    @click.group(cls=Program)
    def group() -> None:
        pass

    @group.command(context_settings={"ignore_unknown_options": True})
    @click.argument("words", nargs=-1)
    def fail(words: tuple[str, ...]) -> None:
        raise error

    return CliRunner().invoke(group, ["fail", *words])


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (GalleryError("g: there is\nno gallery"), 2, "reid-engine: g: there is no gallery\n"),
        (KeyboardInterrupt(), 130, "reid-engine: stopped\n"),
        (click.Abort(), 130, "reid-engine: stopped\n"),
        (
            OSError(errno.ENOSPC, "No space left on device", "/x/report.json"),
            2,
            "/x/report.json: No space left",
        ),
        (MemoryError(), 3, "not enough memory"),
        (ZeroDivisionError("division by zero"), 3, "ZeroDivisionError: division by zero (add --debug"),
        (AssertionError(), 3, "unexpected AssertionError (add --debug"),
    ],
)
def test_status_and_line(error, status, says):
    done = _end(error)
    assert done.exit_code == status
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_few_problems_stand_in_the_line():
    done = _end(CohortError("m.csv", ["row 2: no subject", "row 3: no file"]))
    assert done.stderr == "reid-engine: m.csv: 2 problems: row 2: no subject; row 3: no file\n"
    assert done.stdout == ""


def test_many_problems_are_listed_on_standard_output():
    problems = [f"row {n}: no subject" for n in range(2, 32)]
    done = _end(CohortError("m.csv", problems))
    assert done.exit_code == 2
    assert done.stdout.splitlines() == problems
    assert done.stderr.count("\n") == 1
    assert "30 problems" in done.stderr
    assert "and 25 more" in done.stderr


def test_machines_get_every_problem():
    problems = [f"row {n}: no subject" for n in range(2, 32)]
    done = _end(CohortError("m.csv", problems), "--json")
    assert json.loads(done.stdout)["error"]["problems"] == problems


def test_control_characters_do_not_reach_the_terminal():
    done = _end(GalleryError("\x1b[2Jgone\x07\u202e"))
    assert done.stderr == "reid-engine: ?[2Jgone??\n"


def test_debug_adds_the_traceback(capsys):
    assert finish(GalleryError("no gallery"), as_json=False, debug=True) == 2
    said = capsys.readouterr().err
    assert "reid_engine.errors.GalleryError: no gallery" in said
    assert said.endswith("reid-engine: no gallery\n")


@pytest.mark.parametrize(
    ("text", "ascii_text"), [("1–2 …", "1-2 ..."), ("café", "cafe"), ("日本", "??"), ("\udce9", "?")]
)
def test_plain_text_for_poor_terminals(text, ascii_text):
    assert text.encode("ascii", "reid-plain").decode() == ascii_text
    with pytest.raises(UnicodeDecodeError):
        plain(UnicodeDecodeError("ascii", b"\xff", 0, 1, "not a decoder"))
