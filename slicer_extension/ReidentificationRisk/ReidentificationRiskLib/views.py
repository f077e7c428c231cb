"""The layout and the slice views: what they show, kept and brought back."""

from typing import Any, Dict, List, NamedTuple, Tuple

import slicer
import vtk

LAYERS = ("Background", "Foreground", "Label")


class _Slice(NamedTuple):
    to_ras: Any
    field_of_view: Tuple[float, ...]
    origin: Tuple[float, ...]


class _Composite(NamedTuple):
    volumes: Dict[str, Any]
    opacities: Tuple[float, float]
    linked: Tuple[int, int]


class Views:
    """The layout and what every slice view shows, as they are when this is made."""

    def __init__(self) -> None:
        self._layout = slicer.app.layoutManager().layout
        self._slices = {node.GetID(): _slice(node) for node in _nodes("vtkMRMLSliceNode")}
        self._composites = {node.GetID(): _composite(node) for node in composites()}

    def bring_layout_back(self) -> None:
        """Bring back the layout alone."""
        slicer.app.layoutManager().setLayout(self._layout)

    def bring_back(self) -> None:
        """Bring all of that back; a volume that is gone meanwhile leaves its place empty."""
        self.bring_layout_back()
        slicer.app.processEvents()  # views that get another size have their field of view changed for that
        for node in composites():
            if node.GetID() in self._composites:
                _show_again(node, self._composites[node.GetID()])
        for node in _nodes("vtkMRMLSliceNode"):
            if node.GetID() in self._slices:
                _turn(node, self._slices[node.GetID()])


def side_by_side(left: Any, right: Any) -> None:
    """Show one volume in each of two linked slice views side by side, in the plane of the left one's slices."""
    manager = slicer.app.layoutManager()
    manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutSideBySideView)
    slicer.app.processEvents()  # the views take their new size, to which the slices are then fitted
    pair = [manager.sliceWidget(name) for name in ("Red", "Yellow")]
    for view, volume in zip(pair, (left, right)):
        _show(view.sliceLogic().GetSliceCompositeNode(), volume)
    red, yellow = (view.mrmlSliceNode() for view in pair)
    red.SetOrientation(_plane(left))
    red.RotateToVolumePlane(left)
    pair[0].sliceLogic().FitSliceToVolume(left, *red.GetDimensions()[:2])
    red.JumpSliceByCentering(*middle(left))
    _turn(yellow, _slice(red))


def composites() -> List[Any]:
    """Give the nodes that say which volumes each slice view shows."""
    return _nodes("vtkMRMLSliceCompositeNode")


def middle(volume: Any) -> Tuple[float, float, float]:
    """Give the place of the voxel in the middle of a volume, in mm."""
    last = [size - 1 for size in volume.GetImageData().GetDimensions()]
    to_ras = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(to_ras)
    point = to_ras.MultiplyPoint((last[0] / 2, last[1] / 2, last[2] // 2, 1.0))
    return point[0], point[1], point[2]


def _plane(volume: Any) -> str:
    """Give the plane, by Slicer's name, to which the volume's own slices are closest."""
    to_ras = vtk.vtkMatrix4x4()
    volume.GetIJKToRASDirectionMatrix(to_ras)
    parts = [abs(to_ras.GetElement(i, 2)) for i in range(3)]
    return ("Sagittal", "Coronal", "Axial")[parts.index(max(parts))]


def _show(composite: Any, volume: Any) -> None:
    composite.SetBackgroundVolumeID(volume.GetID())
    composite.SetForegroundVolumeID(None)
    composite.SetLabelVolumeID(None)
    composite.SetLinkedControl(1)
    composite.SetHotLinkedControl(1)


def _nodes(kind: str) -> List[Any]:
    return list(slicer.util.getNodesByClass(kind))


def _slice(node: Any) -> _Slice:
    to_ras = vtk.vtkMatrix4x4()
    to_ras.DeepCopy(node.GetSliceToRAS())
    return _Slice(to_ras, tuple(node.GetFieldOfView()), tuple(node.GetXYZOrigin()))


def _composite(node: Any) -> _Composite:
    return _Composite(
        {layer: getattr(node, f"Get{layer}VolumeID")() for layer in LAYERS},
        (node.GetForegroundOpacity(), node.GetLabelOpacity()),
        (node.GetLinkedControl(), node.GetHotLinkedControl()),
    )


def _show_again(node: Any, was: _Composite) -> None:
    node.SetLinkedControl(was.linked[0])
    node.SetHotLinkedControl(was.linked[1])
    for layer, volume in was.volumes.items():
        there = volume is not None and slicer.mrmlScene.GetNodeByID(volume) is not None
        getattr(node, f"Set{layer}VolumeID")(volume if there else None)
    node.SetForegroundOpacity(was.opacities[0])
    node.SetLabelOpacity(was.opacities[1])


def _turn(node: Any, was: _Slice) -> None:
    node.GetSliceToRAS().DeepCopy(was.to_ras)
    node.SetFieldOfView(*was.field_of_view)
    node.SetXYZOrigin(*was.origin)
    node.UpdateMatrices()
