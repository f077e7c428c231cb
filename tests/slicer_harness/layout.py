"""The layout manager, without widgets: the real layout, slice and composite nodes, moved by their real logics."""

import types
from typing import Any

VIEW = (400, 400)  # pixels of every slice view


class SliceWidget:
    """What modules use of qMRMLSliceWidget."""

    def __init__(self, logic: Any) -> None:
        self._logic = logic

    def mrmlSliceNode(self) -> Any:
        return self._logic.GetSliceNode()

    def mrmlSliceCompositeNode(self) -> Any:
        return self._logic.GetSliceCompositeNode()

    def sliceLogic(self) -> Any:
        return self._logic


class LayoutManager:
    """What modules use of qSlicerLayoutManager."""

    def __init__(self, slicer: types.ModuleType, application_logic: Any) -> None:
        import vtk

        self._slicer = slicer
        self._application_logic = application_logic
        self._logics = vtk.vtkCollection()
        application_logic.SetSliceLogics(self._logics)
        slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(slicer.mrmlScene)
        self._layout_logic = slicer.vtkMRMLLayoutLogic()
        self._layout_logic.SetMRMLApplicationLogic(application_logic)
        self._layout_logic.SetMRMLScene(slicer.mrmlScene)
        self._link_logic = slicer.vtkMRMLSliceLinkLogic()  # spreads what happens in a linked view, as in Slicer
        self._link_logic.SetMRMLApplicationLogic(application_logic)
        self._link_logic.SetMRMLScene(slicer.mrmlScene)
        self.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)

    @property
    def layout(self) -> int:
        return self._node.GetViewArrangement()

    def setLayout(self, layout: int) -> None:
        self._node.SetViewArrangement(layout)
        self._make_slice_logics()

    def layoutLogic(self) -> Any:
        return self._layout_logic

    def sliceViewNames(self) -> tuple[str, ...]:
        logics = [self._logics.GetItemAsObject(i) for i in range(self._logics.GetNumberOfItems())]
        return tuple(logic.GetSliceNode().GetLayoutName() for logic in logics)

    def sliceWidget(self, name: str) -> SliceWidget | None:
        logic = self._application_logic.GetSliceLogicByLayoutName(name)
        return None if logic is None else SliceWidget(logic)

    @property
    def _node(self) -> Any:
        return self._layout_logic.GetLayoutNode()

    def close(self) -> None:
        """Let go of the scene, in the order that the end of Python does not keep to."""
        logics = [self._logics.GetItemAsObject(i) for i in range(self._logics.GetNumberOfItems())]
        for logic in (*logics, self._link_logic, self._layout_logic):
            logic.SetMRMLScene(None)
        self._logics.RemoveAllItems()

    def _make_slice_logics(self) -> None:
        """Give each slice view that the layout shows a logic of its own, as its widget would."""
        views = self._layout_logic.GetViewNodes()
        for i in range(views.GetNumberOfItems()):
            node = views.GetItemAsObject(i)
            if not node.IsA("vtkMRMLSliceNode") or node.GetLayoutName() in self.sliceViewNames():
                continue
            logic = self._slicer.vtkMRMLSliceLogic()
            logic.SetMRMLApplicationLogic(self._application_logic)
            logic.SetMRMLScene(self._slicer.mrmlScene)
            logic.SetSliceNode(node)
            node.SetDimensions(*VIEW, 1)
            self._logics.AddItem(logic)
