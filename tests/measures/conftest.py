"""The command line in this process."""

import pytest
from click.testing import CliRunner


@pytest.fixture
def invoke_command():
    """Run a command."""
    from reid_engine.cli import program

    return lambda *words: CliRunner().invoke(program, [str(word) for word in words])
