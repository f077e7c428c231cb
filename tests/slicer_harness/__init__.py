"""A stand-in for 3D Slicer's application: the real MRML scene, and Qt as Slicer's PythonQt shows it.

``start()`` makes ``import qt, slicer, vtk`` mean what they mean inside Slicer, as far as this extension goes,
and returns the one application. What PythonQt refuses is refused here too: ``label.text`` is a value, so
``label.text()`` raises TypeError.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODULE = ROOT / "slicer_extension" / "ReidentificationRisk"

__all__ = ["MODULE", "ROOT", "start"]


def start():
    """Start the application once; further calls return the same one."""
    from slicer_harness.application import start as start_application

    return start_application()
