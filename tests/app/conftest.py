"""The served app: a real server process, spoken to over HTTP."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "monailabel_app"))

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # servers beside one another on few cores


@pytest.fixture(scope="session")
def served(tmp_path_factory, phantom_cohort, _phantom_gallery):
    """Give a server of the phantoms: their gallery, and their folder as the studies."""
    from serving import serving

    with serving(tmp_path_factory.mktemp("served"), _phantom_gallery, phantom_cohort) as server:
        yield server


@pytest.fixture(scope="session")
def guarded(tmp_path_factory, phantom_cohort, _phantom_gallery):
    """Give a server that asks for a token and shows images; one of its studies is not what was enrolled any more."""
    import shutil

    from serving import ANOTHER_NOW, TOKEN, serving

    folder = tmp_path_factory.mktemp("guarded")
    studies = Path(shutil.copytree(phantom_cohort, folder / "studies"))
    shutil.copy(studies / "cxr_P008_s1.png", studies / ANOTHER_NOW)
    (folder / "token").write_text(TOKEN + "\n")
    (folder / "token").chmod(0o600)
    options = {"images": "yes", "token_file": str(folder / "token")}
    with serving(folder, _phantom_gallery, studies, options=options) as server:
        server.session.headers["authorization"] = f"Bearer {TOKEN}"
        yield server
