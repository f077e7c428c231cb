"""The phantom in Slicer's Sample Data module."""

import importlib
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from slicer_harness import MODULE


@pytest.fixture
def sample_data(monkeypatch: pytest.MonkeyPatch):
    """Stand in for Slicer's module SampleData, which is not in its core: it keeps what is registered."""
    registered: list[dict] = []

    class SampleDataLogic:
        @staticmethod
        def registerCustomSampleDataSource(**source) -> None:
            lists = ("uris", "fileNames", "nodeNames", "checksums", "loadFiles")
            assert len({len(source[name]) for name in lists}) == 1  # or the real one raises
            registered.append(source)

    monkeypatch.setitem(sys.modules, "SampleData", types.SimpleNamespace(SampleDataLogic=SampleDataLogic))
    return registered


@pytest.fixture
def described(slicer, monkeypatch: pytest.MonkeyPatch):
    """Give the module's description, as Slicer makes it at its start."""
    monkeypatch.syspath_prepend(str(MODULE))
    return importlib.import_module("ReidentificationRisk").ReidentificationRisk(types.SimpleNamespace())


def test_the_phantom_is_registered_at_the_start_and_needs_no_network(described, slicer, sample_data) -> None:
    slicer.app.startupCompleted.emit()
    (source,) = sample_data
    assert source["category"] == "Re-identification Risk"
    assert Path(source["thumbnailFileName"]).is_file()
    volume = source["customDownloader"](source)
    assert volume.GetName() == "PhantomChest"
    assert volume.GetImageData().GetDimensions() == (512, 512, 1)
    assert np.allclose(volume.GetSpacing(), 0.7)
    assert slicer.app.applicationLogic().GetSelectionNode().GetActiveVolumeID() == volume.GetID()
    pixels = slicer.util.arrayFromVolume(volume)
    assert 0 <= pixels.min() < 200 < 3500 < pixels.max() <= 4095


def test_a_slicer_without_sample_data_starts_as_well(described, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "SampleData", None)
    described.register_sample_data()


def test_another_seed_is_somebody_else_and_the_same_one_the_same(slicer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(MODULE))
    from ReidentificationRiskLib.phantom import draw_chest

    one, again, other = (draw_chest(seed, 128) for seed in (1, 1, 2))
    assert one.dtype == np.uint16
    assert np.array_equal(one, again)
    assert np.abs(one.astype(int) - other).mean() > 40


def test_the_module_names_the_paper_and_what_it_needs(described) -> None:
    parent = described.parent
    assert "10.1038/s41746-025-01801-0" in parent.acknowledgementText
    assert "Nothing is sent before you agree" in parent.helpText
    assert parent.categories == ["Informatics"]
