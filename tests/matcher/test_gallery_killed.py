"""A writer that is killed at any moment leaves a gallery that opens with everything committed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROUNDS = 50


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="killing many writers quickly takes fork")
def test_killed_writers_lose_nothing_that_was_committed(tmp_path):
    done = subprocess.run(
        [sys.executable, HERE / "killed_writers.py", tmp_path / "gallery", str(ROUNDS), "11"],
        cwd=HERE.parents[1],
        env={**os.environ, "PYTHONPATH": f"{HERE}{os.pathsep}{HERE.parents[1]}", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = re.search(r"rounds=(\d+) changes=(\d+) unsaid=(\d+) leftovers=(\d+)", done.stdout)
    assert found is not None
    rounds, changes, _, leftovers = (int(number) for number in found.groups())
    assert rounds == ROUNDS
    assert changes > ROUNDS // 4, "writers were killed before they had done anything"
    assert leftovers > 3, "no writer was killed while it wrote"
