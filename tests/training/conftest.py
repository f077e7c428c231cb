"""A small cohort, and settings of one's own."""

from pathlib import Path

import pytest

pytest.importorskip("pytorch_metric_learning")


@pytest.fixture(autouse=True)
def own_settings(tmp_path_factory, monkeypatch):
    """Keep notes of where encoders are out of the user's folder."""
    from reid_engine.encoder import trained

    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
    monkeypatch.setattr(trained, "_seen", {})


@pytest.fixture(scope="session")
def small_cohort(tmp_path_factory) -> Path:
    """Give 10 subjects with 3 chest x-rays each."""
    from reid_engine.phantom import write_phantom_cohort

    folder = tmp_path_factory.mktemp("small_cohort")
    write_phantom_cohort(folder, subjects=10, sessions=3, modalities=("CXR",), size=64, seed=3)
    return folder


@pytest.fixture
def train_small(small_cohort):
    """Train the tiniest way that there is: 64 px, batches of 2 x 2, the last stages alone."""
    from reid_engine.cohort import read_cohort
    from reid_engine.encoder import find_spec
    from reid_engine.training.run import train
    from reid_engine.training.settings import TrainingSettings

    def call(out, *, progress=None, name="small", second_size=None, **settings):
        chosen = {"epochs": 3, "frozen_epochs": 1, "patience": 3, "subjects": 2, "images": 2, **settings}
        further = {"progress": progress} if progress else {}
        cohort = read_cohort(small_cohort)
        spec = find_spec("efficientnet-lite0")
        return train(
            cohort, spec, out, TrainingSettings(**chosen), name=name, size=64, second_size=second_size, **further
        )

    return call
