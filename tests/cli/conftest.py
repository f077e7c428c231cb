"""Two ways to run a command: in this process, and as people do."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

Invoke = Callable[..., Result]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def invoke() -> Invoke:
    """Run a command in this process, standard output and error apart."""
    from reid_engine.cli import program

    def call(*words: object, **extra) -> Result:
        return CliRunner().invoke(program, [str(word) for word in words], **extra)

    return call


@pytest.fixture
def run() -> Run:
    """Run a command in a process of its own."""

    def call(*words: object, env: dict[str, str] | None = None, **extra) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "reid_engine.cli", *map(str, words)],
            capture_output=True,
            text=True,
            env={**os.environ, **(env or {})},
            timeout=240,
            check=False,
            **extra,
        )

    return call


def assert_one_line(text: str) -> str:
    """Give the one line that a command left on standard error; fail when there is more or less."""
    assert text.endswith("\n")
    assert text.count("\n") == 1, text
    assert "Traceback" not in text
    assert text.startswith("reid-engine: ")
    return text


@pytest.fixture
def refused() -> Callable[[subprocess.CompletedProcess[str] | Result], str]:
    """Check that a command refused its input, and give the line that says why."""

    def look(done: subprocess.CompletedProcess[str] | Result) -> str:
        status = done.exit_code if isinstance(done, Result) else done.returncode
        assert status == 2, (done.stdout, done.stderr)
        assert done.stdout == ""
        return assert_one_line(done.stderr)

    return look


@pytest.fixture
def small_cohort(tmp_path: Path) -> Path:
    """Give a cohort folder of six chest phantoms: three subjects, two sessions."""
    from reid_engine.phantom import write_phantom_cohort

    write_phantom_cohort(tmp_path / "cohort", subjects=3, sessions=2, modalities=("CXR",), size=96)
    return tmp_path / "cohort"
