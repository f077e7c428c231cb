"""What holds for every command: help, statuses, one line, and nothing heavy for it."""

import json
import os
import subprocess
import sys

import pytest

from reid_engine import __version__

COMMANDS = (
    "enrol",
    "check",
    "explain",
    "measures",
    "evaluate",
    "probes",
    "train",
    "encoders",
    "remove",
    "serve",
    "demo",
)
HEAVY = (
    "torch",
    "timm",
    "numpy",
    "pandas",
    "sklearn",
    "faiss",
    "itk",
    "pydicom",
    "rich",
    "monailabel",
    "PIL",
)

LOADED = """
import sys
from reid_engine.cli import main
sys.argv = ["reid-engine", *{words!r}]
try:
    main()
except SystemExit as exit:
    status = exit.code
print(status, *sorted(set({heavy!r}) & set(sys.modules)), file=sys.__stdout__)
"""


def test_help_names_every_command(run):
    done = run("--help")
    assert done.returncode == 0
    assert done.stderr == ""
    assert all(f"\n  {name}" in done.stdout for name in COMMANDS)


def test_no_command_shows_the_help(invoke):
    assert invoke().stdout == invoke("--help").stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_takes_json(invoke, command):
    done = invoke(command, "--help")
    assert done.exit_code == 0
    assert "--json" in done.stdout


def test_version(invoke):
    assert invoke("--version").stdout.strip().endswith(__version__)


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["check", "--help"],
        ["check", "{tmp}/missing.png", "--gallery", "{tmp}"],
        ["check", "{tmp}/empty.png", "--gallery", "{tmp}"],
        ["check", "{tmp}/garbage.png", "--gallery", "{tmp}"],
        ["explain", "{tmp}/empty.png", "--gallery", "{tmp}", "--out", "{tmp}/map.png"],
        ["explain", "{tmp}/garbage.png", "--gallery", "{tmp}", "--out", "{tmp}/garbage.png"],
        ["measures", "{tmp}/garbage.png", "--gallery", "{tmp}"],
        ["enrol", "{tmp}/nowhere", "--gallery", "{tmp}/g"],
        ["enrol", "{tmp}", "--gallery", "{tmp}"],
        ["remove", "P1", "--gallery", "{tmp}"],
        ["probes", "--gallery", "{tmp}"],
        ["evaluate", "{tmp}/nowhere", "--out", "{tmp}/out"],
        ["train", "{tmp}/nowhere", "--out", "{tmp}/out"],
        ["train", "{tmp}", "--out", "{tmp}/garbage.png"],
        ["demo", "--cohort", "{tmp}/nowhere"],
        ["check"],
        ["fly"],
    ],
)
def test_help_and_refusals_import_nothing_heavy(tmp_path, words):
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "garbage.png").write_bytes(b"not an image" * 20)
    words = [word.format(tmp=tmp_path) for word in words]
    code = LOADED.format(words=words, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    status, *loaded = done.stdout.splitlines()[-1].split()
    assert loaded == []
    assert status == ("0" if "--help" in words else "2")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["fly"], "fly"),
        (["check"], "SCAN"),
        (["check", "a.png"], "--gallery"),
        (["check", "a.png", "--gallery", "g", "--prior-enrolled", "1.5"], "prior-enrolled"),
        (["check", "a.png", "--gallery", "g", "--population", "0"], "population"),
        (["check", "a.png", "--gallery", "g", "--top", "many"], "top"),
        (["enrol", "c", "--gallery", "g", "--batch-size", "0"], "batch-size"),
        (["serve", "--gallery", "g", "--port", "99999"], "port"),
        (["remove", "--gallery", "g"], "SUBJECT"),
        (["--nonsense"], "nonsense"),
    ],
)
def test_usage_errors_are_one_line(run, refused, words, says):
    assert says in refused(run(*words))


def test_a_refusal_is_json_for_machines(run):
    done = run("check", "/no/such/scan.png", "--gallery", "/no/such/gallery", "--json")
    assert done.returncode == 2
    error = json.loads(done.stdout)["error"]
    assert error["kind"] == "ScanError"
    assert "scan.png" in error["message"]
    assert done.stderr.count("\n") == 1


def test_debug_shows_the_traceback_wherever_it_stands(run):
    for words in (["--debug", "check"], ["check", "--debug"]):
        done = run(*words, "/no/such/scan.png", "--gallery", "/no/such/gallery")
        assert done.returncode == 2
        assert "Traceback" in done.stderr


def test_a_reader_who_leaves_is_no_error(tmp_path):
    """The pipe's reader closes it before anything is written."""
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as gone:
        done = subprocess.run(
            [sys.executable, "-m", "reid_engine.cli", "encoders"],
            stdout=gone,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.stderr == b""
    assert done.returncode == 141


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437", "utf-8"])
def test_terminals_of_every_encoding(run, encoding):
    done = run("encoders", env={"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}, encoding=encoding)
    assert done.returncode == 0, done.stderr
    assert "efficientnet-lite0" in done.stdout


def test_names_that_no_encoding_has_are_shown_all_the_same(run, refused, tmp_path):
    name = os.fsdecode(b"caf\xe9-\x1b[31m-\xf0\x9f\x92\x80.png")
    line = refused(run("check", tmp_path / name, "--gallery", tmp_path, env={"PYTHONIOENCODING": "ascii"}))
    assert "\x1b" not in line
    assert "caf?-?[31m-?.png" in line


def test_console_script_is_the_same_program():
    from importlib.metadata import entry_points

    (script,) = entry_points(group="console_scripts", name="reid-engine")
    from reid_engine.cli import main

    assert script.load() is main
