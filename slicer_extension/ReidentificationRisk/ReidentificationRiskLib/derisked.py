"""A de-risked copy becomes a volume of the scene: pixels and geometry, no header, and the scan itself untouched."""

from typing import Any

import slicer
import vtk

from ReidentificationRiskLib.i18n import tr as _
from ReidentificationRiskLib.loading import read_image
from ReidentificationRiskLib.showing import show_volume

HEADER_ONLY = "header-only"
"""The measure that removes the header and keeps every pixel; it needs no server."""


def add_plain_copy(volume: Any) -> Any:
    """Add a copy that has the volume's pixels and no header; give its node."""
    image = vtk.vtkImageData()
    image.DeepCopy(volume.GetImageData())
    copy = slicer.mrmlScene.AddNewNodeByClass(volume.GetClassName(), _name(HEADER_ONLY))
    geometry = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(geometry)
    copy.SetIJKToRASMatrix(geometry)
    copy.SetAndObserveImageData(image)
    copy.CreateDefaultDisplayNodes()
    return _settle(copy, volume)


def add_made_copy(volume: Any, path: str, measure: str) -> Any:
    """Add the copy that a server made of a volume, from its file; give its node; PanelError when it is no image."""
    return _settle(read_image(path, _name(measure)), volume)


def _name(measure: str) -> str:
    """Give a name that says what was done, and nothing of the scan's own name, which may hold the patient's."""
    return _("De-risked copy ({measure})").format(measure=measure)  # the scene adds a number where it has one


def _settle(copy: Any, volume: Any) -> Any:
    """Put a copy where its volume is, show it as that is shown, and look at it."""
    copy.SetAndObserveTransformNodeID(volume.GetTransformNodeID())
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    item = hierarchy.GetItemByDataNode(volume)
    place = hierarchy.GetItemParent(item) if item else hierarchy.GetSceneItemID()
    own = hierarchy.GetItemByDataNode(copy)
    if own:
        hierarchy.SetItemParent(own, place)
    else:
        hierarchy.CreateItem(place, copy)
    _display_alike(copy.GetDisplayNode(), volume.GetDisplayNode())
    show_volume(copy)
    return copy


def _display_alike(display: Any, wanted: Any) -> None:
    grey = "vtkMRMLScalarVolumeDisplayNode"
    if display is None or wanted is None or not display.IsA(grey) or not wanted.IsA(grey):
        return
    display.SetAutoWindowLevel(False)
    display.SetWindowLevel(wanted.GetWindow(), wanted.GetLevel())
    if wanted.GetColorNodeID():
        display.SetAndObserveColorNodeID(wanted.GetColorNodeID())
