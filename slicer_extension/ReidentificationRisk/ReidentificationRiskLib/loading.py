"""An image file becomes a volume of the scene that nobody takes for the patient's scan."""

from pathlib import Path
from typing import Any, Union

import slicer

from ReidentificationRiskLib.errors import PanelError

ROLE = "ReidentificationRisk.Role"


def load_image(path: Union[str, Path], name: str, role: str) -> Any:
    """Load a file that the server sent; the file may go afterwards.

    Parameters
    ----------
    path
        NIfTI or another format that Slicer's volumes logic reads.
    name
        Of the volume.
    role
        What it is to this panel, such as "match": kept as an attribute, so that it is not checked as a scan. The
        volume is not saved with the scene.

    Raises
    ------
    PanelError
        When Slicer cannot read it.
    """
    volume = read_image(path, name)
    volume.SetName(name)  # without the number that the logic gives to a second one
    volume.SetAttribute(ROLE, role)
    volume.SetSaveWithScene(False)
    volume.SetUndoEnabled(False)
    if volume.GetDisplayNode() is not None:
        volume.GetDisplayNode().SetSaveWithScene(False)
    return volume


def read_image(path: Union[str, Path], name: str) -> Any:
    """Load a file that the server sent as a volume like any other; the file may go afterwards; PanelError as above."""
    logic = slicer.app.applicationLogic().GetModuleLogic("Volumes")
    volume = logic.AddArchetypeVolume(str(path), name, 0)
    if volume is None or volume.GetImageData() is None:
        raise PanelError("Slicer cannot read the image that the server sent.")
    storage = volume.GetStorageNode()
    if storage is not None:
        slicer.mrmlScene.RemoveNode(storage)
    return volume


def is_ours(volume: Any) -> bool:
    """Whether a volume is one that this panel loaded, and no scan."""
    return volume is not None and bool(volume.GetAttribute(ROLE))


def remove_image(volume: Any) -> None:
    """Take a volume out of the scene, with its display."""
    if volume is None or not slicer.mrmlScene.IsNodePresent(volume):
        return
    display = volume.GetDisplayNode()
    slicer.mrmlScene.RemoveNode(volume)
    if display is not None:
        slicer.mrmlScene.RemoveNode(display)
