"""The image of a match beside the scan, and the way back to the user's own views."""

from typing import Any, Dict, Optional

import slicer
import vtk
from slicer.util import VTKObservationMixin

from ReidentificationRiskLib.errors import PanelError
from ReidentificationRiskLib.i18n import tr as _
from ReidentificationRiskLib.loading import load_image, remove_image
from ReidentificationRiskLib.request import Request
from ReidentificationRiskLib.signals import Signal
from ReidentificationRiskLib.views import Views, middle, side_by_side

TIMEOUT = 60.0  # seconds for one image


class Comparison(VTKObservationMixin):
    """Fetches the image of one match at a time and shows it beside the scan that was checked.

    Signals
    -------
    changed
        Nothing: look at the attributes again.

    Attributes
    ----------
    sentence
        What happens or why there is nothing to see; "" for neither.
    """

    def __init__(self, logic: Any) -> None:
        super().__init__()
        self.logic = logic
        self.changed = Signal()
        self.sentence = ""
        self._request = Request(logic.connection)
        self._request.finished.connect(self._on_image)
        self._request.failed.connect(self._say)
        self._match: Dict[str, Any] = {}
        self._volume: Any = None
        self._views: Optional[Views] = None
        logic.report_changed.connect(self._on_report)
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self._on_scene_closes)
        self.addObserver(scene, scene.NodeAboutToBeRemovedEvent, self._on_node_goes)

    @property
    def shown(self) -> bool:
        """Whether a match stands beside the scan."""
        return self._views is not None

    @property
    def busy(self) -> bool:
        """Whether an image is being fetched."""
        return self._request.busy

    def show(self, match: Dict[str, Any]) -> None:
        """Fetch the image of a row of the report's matches and show it; where that cannot be, a sentence says why."""
        self._request.cancel()
        self._match = match
        connection = self.logic.connection
        if not match.get("sample_id"):
            self._say(_("The report does not say which image this is, so it cannot be shown."))
        elif connection.info and not connection.has("images"):
            self._say(_("This server does not show enrolled images: whoever runs it can allow that."))
        else:
            self._request.start("enrolled", timeout=TIMEOUT, sample=str(match["sample_id"]))
            if self.busy:
                self._say(_("Fetching the image of match {rank} …").format(rank=match.get("rank", "")))

    def back(self) -> None:
        """Bring the user's layout and views back, and remove the match's image from the scene."""
        self._request.cancel()
        views, self._views = self._views, None
        volume, self._volume = self._volume, None
        self.sentence = ""
        if views is not None:
            self.logic.views_changing.emit()
            views.bring_back()
            self.logic.views_changed.emit()
        remove_image(volume)
        self.changed.emit()

    def close(self) -> None:
        """Go back, and observe the scene no more."""
        self.back()
        self._request.close()
        self.removeObservers()

    def _on_image(self, event: Dict[str, Any]) -> None:
        try:
            volume = load_image(event["file"], self._name(), "match")
        except PanelError as error:
            self._say(str(error))
            return
        scan = self.logic.volume
        lay_upon(volume, scan)
        self.logic.views_changing.emit()
        if self._views is None:
            self._views = Views()
        old, self._volume = self._volume, volume
        side_by_side(scan, volume)
        self.logic.views_changed.emit()
        remove_image(old)
        self._say(_("Left: the scan. Right: {name}, drawn to the scan's size.").format(name=self._name()))

    def _name(self) -> str:
        return _("match {rank}, {subject}").format(
            rank=self._match.get("rank", ""), subject=self._match.get("subject_id", "")
        )

    def _say(self, sentence: str) -> None:
        self.sentence = sentence
        self.changed.emit()

    def _on_report(self, report: Optional[Dict[str, Any]]) -> None:
        self.back()

    def _on_scene_closes(self, caller: Any, event: Any) -> None:
        """Bring back the layout alone: what the views show goes with the scene."""
        self._request.cancel()
        if self._views is not None:
            self._views.bring_layout_back()
        self._views, self._volume = None, None
        self._say("")

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _on_node_goes(self, caller: Any, event: Any, node: Any) -> None:
        if node is not None and node is self._volume:
            self.back()


def lay_upon(image: Any, scan: Any) -> None:
    """Give an image without a scale of its own the scan's place: on its middle slice, centred, as large as fits.

    Linked views then show the same part of both.
    """
    size, own = scan.GetImageData().GetDimensions(), image.GetImageData().GetDimensions()
    to_ras = vtk.vtkMatrix4x4()
    scan.GetIJKToRASMatrix(to_ras)
    columns = [[to_ras.GetElement(i, j) for i in range(3)] for j in range(3)]
    spacing = [vtk.vtkMath.Norm(column) for column in columns]
    pixel = max(spacing[j] * size[j] / own[j] for j in range(2))
    steps = [[part * pixel / spacing[j] for part in columns[j]] for j in range(2)] + [columns[2]]
    centre = middle(scan)
    matrix = vtk.vtkMatrix4x4()
    for i in range(3):
        for j in range(3):
            matrix.SetElement(i, j, steps[j][i])
        matrix.SetElement(i, 3, centre[i] - sum(steps[j][i] * (own[j] - 1) / 2 for j in range(2)))
    image.SetIJKToRASMatrix(matrix)
    image.SetAndObserveTransformNodeID(scan.GetTransformNodeID())
