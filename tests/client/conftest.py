"""The client, imported as the demo imports it: without Slicer, Qt or the harness of either."""

import sys
from pathlib import Path

import pytest
from slicer_harness import MODULE
from slicer_harness.fake_server import FakeServer
from slicer_harness.samples import sample_report

sys.path.insert(0, str(MODULE))

SCRIPT = MODULE / "ReidentificationRiskLib" / "client.py"


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """Give a file whose name says more than it should."""
    path = tmp_path / "Doe_Jane_1970-01-01.nii.gz"
    path.write_bytes(bytes(range(256)) * 4096)  # 1 MiB
    return path


@pytest.fixture
def server():
    """Give a server that answers a proper report."""
    with FakeServer(sample_report()) as running:
        yield running


@pytest.fixture
def script() -> Path:
    """Give the client's script."""
    return SCRIPT
