"""Showing a volume in the slice views."""

from typing import Any

import slicer


def show_volume(volume: Any) -> None:
    """Make a volume the background of the slice views, as loading one does, and fit the views to it."""
    logic = slicer.app.applicationLogic()
    logic.GetSelectionNode().SetActiveVolumeID(volume.GetID())
    logic.PropagateVolumeSelection()
