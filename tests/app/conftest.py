"""The served app: a real server process, spoken to over HTTP."""

import os
import sys
from contextlib import ExitStack
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
def vit_place(tmp_path_factory, phantom_cohort):
    """Give the folder of a gallery that a small vision transformer made, and of that encoder."""
    from small_vits import write_vit

    from reid_engine.cohort import read_cohort
    from reid_engine.encoder import load_encoder
    from reid_engine.fitting import fit_gallery
    from reid_engine.matcher.enrolment import enrol
    from reid_engine.matcher.gallery import Gallery

    folder = tmp_path_factory.mktemp("vit")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
        encoder = load_encoder(str(write_vit(folder / "encoder")), device="cpu")
    gallery = Gallery.create(folder / "gallery", encoder.identity)
    enrol(read_cohort(phantom_cohort), gallery, encoder)
    fit_gallery(gallery)
    return folder / "gallery", folder / "encoder"


@pytest.fixture(scope="session")
def guarded(tmp_path_factory, phantom_cohort, vit_place):
    """Give a server of a transformer that asks for a token and shows images.

    One of its studies is not what was enrolled any more.
    """
    import shutil

    from serving import ANOTHER_NOW, TOKEN, serving

    gallery, encoder = vit_place
    folder = tmp_path_factory.mktemp("guarded")
    studies = Path(shutil.copytree(phantom_cohort, folder / "studies"))
    shutil.copy(studies / "cxr_P008_s1.png", studies / ANOTHER_NOW)
    (folder / "token").write_text(TOKEN + "\n")
    (folder / "token").chmod(0o600)
    options = {"images": "yes", "token_file": str(folder / "token")}
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:  # for the server, which notes where its encoder lies
            patch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
            server = stack.enter_context(serving(folder, gallery, studies, encoder=str(encoder), options=options))
        server.session.headers["authorization"] = f"Bearer {TOKEN}"
        yield server
