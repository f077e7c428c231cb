"""The map of what made the match, laid over the scan that it was made from and over nothing else."""

from typing import Any, Dict, Optional

import slicer
import vtk
from slicer.util import VTKObservationMixin

from ReidentificationRiskLib.errors import PanelError
from ReidentificationRiskLib.i18n import tr as _
from ReidentificationRiskLib.loading import load_image, remove_image
from ReidentificationRiskLib.signals import Signal
from ReidentificationRiskLib.views import composites

COLOURS = "vtkMRMLColorTableNodeIron"
FAINTEST = 0.1  # of the brightest: what is less is not drawn
TOLERANCE = 1e-3  # mm


class Overlay(VTKObservationMixin):
    """Holds the map of the report that is shown, and draws it in every slice view whose background is the scan.

    Signals
    -------
    changed
        Nothing: look at the attributes again.

    Attributes
    ----------
    sentence
        Why there is no map; "" where there is one, or none was asked for.
    """

    def __init__(self, logic: Any) -> None:
        super().__init__()
        self.logic = logic
        self.changed = Signal()
        self.sentence = ""
        self._map: Any = None
        self._scan: Any = None
        self._visible = True
        self._drawing = False
        self._before: Dict[str, Any] = {}
        logic.answered.connect(self._on_answer)
        logic.report_changed.connect(self._on_report)
        logic.views_changing.connect(self._lift)
        logic.views_changed.connect(self._lay)
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self._on_scene_closes)
        self.addObserver(scene, scene.NodeAboutToBeRemovedEvent, self._on_node_goes)
        self.addObserver(scene, scene.NodeAddedEvent, self._on_node_comes)

    @property
    def there(self) -> bool:
        """Whether there is a map."""
        return self._map is not None

    @property
    def visible(self) -> bool:
        """Whether the map, if there is one, is drawn."""
        return self._visible

    def show(self, visible: bool) -> None:
        """Draw the map, or leave it away without forgetting it."""
        self._visible = visible
        self.draw()
        self.changed.emit()

    def set_opacity(self, opacity: float) -> None:
        """Draw the map with this opacity, 0 to 1; kept with the scene."""
        self.logic.parameters.opacity = opacity
        self.draw()

    def remove(self) -> None:
        """Take the map out of the views and the scene."""
        gone, self._map, self._scan = self._map, None, None
        self.sentence = ""
        if gone is not None:
            self.removeObservers(self._on_view)
            self._draw_in_all(gone, None)
            remove_image(gone)
            self.changed.emit()

    def draw(self) -> None:
        """Draw the map where it belongs and nowhere else; after anything changed in the views."""
        if self._map is not None and not self._drawing:
            self._draw_in_all(self._map, self._scan if self._visible else None)

    def close(self) -> None:
        """Take the map away, and observe the scene no more."""
        self.remove()
        self.removeObservers()

    def _lift(self) -> None:
        """Leave the views as they are without the map, until ``_lay``."""
        if self._map is not None:
            self._draw_in_all(self._map, None)
        self._drawing = True

    def _lay(self) -> None:
        self._drawing = False
        self.draw()

    def _draw_in_all(self, map_: Any, scan: Optional[Any]) -> None:
        before, self._drawing = self._drawing, True
        try:
            for view in composites():
                self._draw_in(view, map_, scan)
        finally:
            self._drawing = before

    def _draw_in(self, view: Any, map_: Any, scan: Optional[Any]) -> None:
        drawn = view.GetForegroundVolumeID() == map_.GetID()
        if scan is not None and view.GetBackgroundVolumeID() == scan.GetID():
            if not drawn:
                self._before[view.GetID()] = (view.GetForegroundVolumeID(), view.GetForegroundOpacity())
                view.SetForegroundVolumeID(map_.GetID())
            view.SetForegroundOpacity(self.logic.parameters.opacity)
        elif drawn:
            volume, opacity = self._before.pop(view.GetID(), (None, 0.0))
            there = volume is not None and slicer.mrmlScene.GetNodeByID(volume) is not None
            view.SetForegroundVolumeID(volume if there else None)
            view.SetForegroundOpacity(opacity)

    def _on_answer(self, event: Dict[str, Any]) -> None:
        self.remove()
        explanation = event["report"].get("explanation")
        if event.get("file"):
            self._take(event["file"])
        elif isinstance(explanation, dict) and explanation.get("reason"):
            self.sentence = " ".join(str(explanation["reason"]).split())
        self.changed.emit()

    def _take(self, file: str) -> None:
        scan = self.logic.volume
        try:
            map_ = load_image(file, _("What made the match"), "map")
        except PanelError as error:
            self.sentence = str(error)
            return
        if not _same_grid(map_, scan):
            remove_image(map_)
            self.sentence = _("The server's map does not fit the scan, so it is not shown.")
            return
        map_.SetAndObserveTransformNodeID(scan.GetTransformNodeID())
        _colour(map_)
        self._map, self._scan, self._visible = map_, scan, True
        for view in composites():
            self.addObserver(view, vtk.vtkCommand.ModifiedEvent, self._on_view)
        self.draw()

    def _on_report(self, report: Optional[Dict[str, Any]]) -> None:
        if report is None:
            self.remove()

    def _on_view(self, caller: Any, event: Any) -> None:
        self.draw()

    def _on_scene_closes(self, caller: Any, event: Any) -> None:
        self.remove()

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _on_node_goes(self, caller: Any, event: Any, node: Any) -> None:
        if node is not None and node is self._map:
            self.remove()

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _on_node_comes(self, caller: Any, event: Any, node: Any) -> None:
        if node is not None and self._map is not None and node.IsA("vtkMRMLSliceCompositeNode"):
            self.addObserver(node, vtk.vtkCommand.ModifiedEvent, self._on_view)


def _colour(map_: Any) -> None:
    """Draw from dark to bright, and nothing where the map is low."""
    low, high = map_.GetImageData().GetScalarRange()
    high = high if high > low else low + 1.0
    display = map_.GetDisplayNode()
    display.SetAndObserveColorNodeID(COLOURS)
    display.SetAutoWindowLevel(False)
    display.SetWindowLevelMinMax(0.0, high)
    display.SetAutoThreshold(False)
    display.SetThreshold(FAINTEST * high, high)
    display.SetApplyThreshold(True)


def _same_grid(map_: Any, scan: Any) -> bool:
    if map_.GetImageData().GetDimensions() != scan.GetImageData().GetDimensions():
        return False
    own, wanted = vtk.vtkMatrix4x4(), vtk.vtkMatrix4x4()
    map_.GetIJKToRASMatrix(own)
    scan.GetIJKToRASMatrix(wanted)
    places = [(i, j) for i in range(3) for j in range(4)]
    return all(abs(own.GetElement(*place) - wanted.GetElement(*place)) <= TOLERANCE for place in places)
