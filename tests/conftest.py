"""Fixtures that every room uses."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
if "PYTEST_XDIST_WORKER" in os.environ:  # processes side by side share the processors, and look for files left behind
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    tempfile.tempdir = os.environ["TMPDIR"] = tempfile.mkdtemp(prefix="reid-tests-")
    atexit.register(shutil.rmtree, tempfile.tempdir, ignore_errors=True)

ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Give the folder of real public images; absent, skip for a user and fail in CI."""
    if SHARED_DATA.is_dir():
        return SHARED_DATA
    reason = "the folder of real images ../shared/data is not here"
    if os.environ.get("CI") == "true":
        pytest.fail(reason + ", and CI may not skip it")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def phantom_cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a small synthetic cohort: 24 subjects, 3 sessions, three modalities."""
    from reid_engine.phantom import write_phantom_cohort

    folder = tmp_path_factory.mktemp("phantoms")
    write_phantom_cohort(folder, subjects=24, sessions=3, size=160, seed=11)
    return folder


@pytest.fixture(scope="session")
def encoder():
    """Give the default encoder, loaded once."""
    from reid_engine.encoder import load_encoder

    return load_encoder()


@pytest.fixture(scope="session")
def _phantom_gallery(tmp_path_factory: pytest.TempPathFactory, phantom_cohort: Path, encoder) -> Path:
    from reid_engine.cohort import read_cohort
    from reid_engine.fitting import fit_gallery
    from reid_engine.matcher.enrolment import enrol
    from reid_engine.matcher.gallery import Gallery

    path = tmp_path_factory.mktemp("gallery") / "phantoms"
    gallery = Gallery.create(path, encoder.identity)
    enrol(read_cohort(phantom_cohort), gallery, encoder)
    fit_gallery(gallery)
    return path


@pytest.fixture
def phantom_gallery(tmp_path: Path, _phantom_gallery: Path) -> Path:
    """Give a copy of the phantoms' gallery that a test may change."""
    return Path(shutil.copytree(_phantom_gallery, tmp_path / "phantom_gallery"))
