"""The Pythons that Slicer brings: 3.9 up to 5.8, 3.12 from 5.10 on."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

VERSIONS = ["3.9", "3.12"]


def python_of(version: str) -> str:
    """Give a Python of this version, or skip where there is none."""
    home = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for candidate in [shutil.which(f"python{version}"), *sorted(home.glob(f"{version}.*/bin/python"))]:
        if candidate is None:
            continue
        done = subprocess.run([candidate, "--version"], capture_output=True, text=True, check=False)
        if done.returncode == 0 and done.stdout.startswith(f"Python {version}."):
            return str(candidate)
    pytest.skip(f"there is no Python {version} here")
