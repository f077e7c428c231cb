"""The command line in this process."""

import pytest
from click.testing import CliRunner
from marked import write_marked


@pytest.fixture
def invoke_command():
    """Run a command."""
    from reid_engine.cli import program

    return lambda *words: CliRunner().invoke(program, [str(word) for word in words])


@pytest.fixture(scope="session")
def marked_cohort(tmp_path_factory):
    """Give the folder of 24 people's chest x-rays, of whom one bears a mark."""
    return write_marked(tmp_path_factory.mktemp("people") / "cohort", "CXR", subjects=24).parent
