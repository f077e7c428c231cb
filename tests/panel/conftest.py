"""Slicer's stand-in, an empty scene and empty settings for each test, and nothing left behind by any."""

import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from slicer_harness import start
from slicer_harness.fake_server import FakeServer
from slicer_harness.samples import sample_report


@pytest.fixture(scope="session")
def app():
    """Start the harness."""
    return start()


@pytest.fixture
def slicer(app, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Give the module ``slicer`` with an empty scene, new settings and a temporary folder of the test's own."""
    import qt
    import slicer
    from slicer_harness import application
    from slicer_harness.driving import wait_until

    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    qt.QSettings().clear()
    slicer.mrmlScene.Clear(0)
    application.qt_complaints.clear()
    raised: list[str] = []  # in a slot, where Qt goes on after printing it
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, trace: raised.append(repr(error)))
    yield slicer
    assert raised == []
    wait_until(lambda: True)
    slicer.mrmlScene.Clear(0)
    assert list(temporary.iterdir()) == []
    assert application.qt_complaints == []


@pytest.fixture
def module(slicer):
    """Give the module's widget, opened and cleaned up as Slicer does it."""
    from slicer_harness.driving import fit_to_width, open_module

    widget = open_module()
    fit_to_width(widget.parent, 460)  # as wide as Slicer's module panel
    yield widget
    widget.cleanup()
    widget.parent.hide()
    widget.parent.deleteLater()
    slicer.app.processEvents()


@pytest.fixture
def ui(module):
    """Give the panel's widgets by name."""
    return module.panel.ui


@pytest.fixture
def server():
    """Give a server that answers a proper report."""
    with FakeServer(sample_report()) as running:
        yield running


@pytest.fixture
def volume(slicer, module):
    """Give a small grey volume that the panel has selected, whose name says too much."""
    ramp = np.arange(48 * 64, dtype=np.int16).reshape(1, 48, 64)
    node = slicer.util.addVolumeFromArray(ramp, name="DOE^JANE chest")
    module.panel.refresh()
    assert module.panel.logic.parameters.volume is node
    return node
