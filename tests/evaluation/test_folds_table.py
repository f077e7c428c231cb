"""The mean over folds that docs/training.md reports, worked by hand."""

import importlib.util
from pathlib import Path

import pandas as pd
import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "folds.py"


@pytest.fixture(scope="module")
def folds():
    found = importlib.util.spec_from_file_location("folds", SCRIPT)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def report(folder, name, hits):
    """Write what an evaluation writes of its queries: subject and whether an image of theirs was found."""
    folder.mkdir()
    rows = [
        {"dataset": "set", "encoder": name, "attacker": "cosine", "subject_id": who, "hit": hit} for who, hit in hits
    ]
    pd.DataFrame(rows).to_csv(folder / "queries.csv", index=False)
    return folder


def summed_up(folds, folders):
    return folds.summary(pd.concat([folds.read(one).assign(fold=n) for n, one in enumerate(folders)]))


def test_every_fold_has_the_same_weight(folds, tmp_path):
    first = report(tmp_path / "a", "trained:net-00000001", [("P1", 1), ("P1", 1), ("P2", 0), ("P2", 1)])
    second = report(tmp_path / "b", "trained:net-0000000a", [("P3", 0), ("P3", 0)])
    assert set(folds.read(first)["encoder"]) == {"net"} == set(folds.read(second)["encoder"])
    found = summed_up(folds, [first, second])
    assert found.startswith("2 | 3 | 6 | 37.5 (")  # mean of 3/4 and 0, where the images alone give 3/6


def test_subjects_that_no_network_has_seen_are_in_all_folds(folds, tmp_path):
    folders = [report(tmp_path / name, "net", [("P1", 1), ("P2", hit)]) for name, hit in (("a", 1), ("b", 0))]
    assert summed_up(folds, folders).startswith("2 | 2 | 4 | 75.0 (")


def test_reports_that_share_some_subjects_are_no_folds(folds, tmp_path):
    folders = [report(tmp_path / name, "net", [("P1", 1), (other, 0)]) for name, other in (("a", "P2"), ("b", "P3"))]
    with pytest.raises(SystemExit, match="not of different folds"):
        summed_up(folds, folders)
