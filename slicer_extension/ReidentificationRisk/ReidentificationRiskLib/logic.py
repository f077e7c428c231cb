"""A check from the selected volume to its report: state and signals, no widgets and no dialogs."""

from typing import Any, Dict, List, Optional

import slicer
from slicer.util import VTKObservationMixin

from ReidentificationRiskLib.connection import Connection
from ReidentificationRiskLib.errors import PanelError
from ReidentificationRiskLib.export import dicom_modality, display_params, require_image
from ReidentificationRiskLib.loading import is_ours
from ReidentificationRiskLib.parameters import AUTOMATIC, Parameters
from ReidentificationRiskLib.process import ClientProcess
from ReidentificationRiskLib.request import Request
from ReidentificationRiskLib.settings import Settings
from ReidentificationRiskLib.signals import Signal

IMAGES = ("vtkMRMLScalarVolumeNode", "vtkMRMLVectorVolumeNode")


class CheckLogic(VTKObservationMixin):
    """Runs one check at a time, and holds what every section looks at: the volume and its report.

    Signals
    -------
    started, cancelled
        Nothing.
    progressed
        fraction (None: unknown), text.
    answered
        The client's event with the report; the files that it names are gone after the call.
    finished
        The report.
    failed
        One sentence for the user.
    volume_changed
        The volume node or None: another one is selected.
    views_changing, views_changed
        Nothing: the slice views are about to be arranged anew, and are so now.
    match_changed
        The row of the report's matches that is chosen, or None.
    report_changed
        The report or None: there is another one, or the one there was holds no more.

    Attributes
    ----------
    report
        The report of the selected volume, or None.
    earlier
        When the report was made, where it is not of this session's check but was kept in the scene; else "".
    """

    def __init__(self, settings: Optional[Settings] = None, process: Optional[ClientProcess] = None) -> None:
        super().__init__()
        self.settings = settings or Settings()
        self.parameters = Parameters()
        self.connection = Connection(self.settings)
        self.report: Optional[Dict[str, Any]] = None
        self.earlier = ""
        self.answered, self.finished = Signal(), Signal()
        self.volume_changed, self.report_changed, self.match_changed = Signal(), Signal(), Signal()
        self.views_changing, self.views_changed = Signal(), Signal()
        self.match: Optional[Dict[str, Any]] = None
        self._request = Request(self.connection, process)
        self.started, self.progressed = self._request.started, self._request.progressed
        self.failed, self.cancelled = self._request.failed, self._request.cancelled
        self._request.finished.connect(self._on_answer)
        self._followed: Any = None

    # What is checked

    @property
    def volume(self) -> Any:
        """The selected volume node, or None."""
        return self.parameters.volume

    def select(self, volume: Any) -> None:
        """Select a volume node or None; the report goes with another one, and once this one's pixels change."""
        self.parameters.volume = volume
        if volume is self._followed:
            return
        self._followed = volume
        self.removeObservers(self._on_pixels)
        if volume is not None:
            self.addObserver(volume, volume.ImageDataModifiedEvent, self._on_pixels)
        self.forget()
        self.volume_changed.emit(volume)

    def choose_modality(self, modality: str) -> None:
        """Choose the modality, "" for automatic; a report of another one is forgotten."""
        if modality != self.parameters.modality:
            self.parameters.modality = modality
            self.forget()

    def scan_params(self) -> Dict[str, Any]:
        """Give the parameters that say what the selected volume is: modality, window and invert."""
        params: Dict[str, Any] = display_params(self.volume)
        chosen = self.parameters.modality
        modality = dicom_modality(self.volume) if chosen == AUTOMATIC else chosen
        return {**params, "modality": modality} if modality else params

    # Checking

    @property
    def busy(self) -> bool:
        """Whether a check is running."""
        return self._request.busy

    def ready_address(self) -> str:
        """Give the address that a scan would go to; PanelError when there is none, or no scan to send."""
        require_image(self.volume)
        return self.connection.address

    def has_agreed(self) -> bool:
        """Whether the user agreed to send scans to the remembered address."""
        return self.connection.has_agreed()

    def check(self, explain: bool = False, subject: str = "") -> None:
        """Check the selected volume at the remembered server; refuse unless the user agreed to that address.

        Parameters
        ----------
        explain
            Ask for the map of what made the match as well.
        subject
            The subject whose match is explained, the most alike one by default.
        """
        try:
            self.ready_address()
            params = self.scan_params()
        except PanelError as error:
            self.failed.emit(str(error))
            return
        if explain and subject:
            params["explain_subject"] = subject
        self._request.start("check", self.volume, params, explain=explain)

    def cancel(self) -> None:
        """Stop a running check at once; nothing of it is kept."""
        self._request.cancel()

    def choose_match(self, match: Optional[Dict[str, Any]]) -> None:
        """Choose a row of the report's matches, or none."""
        if match is not self.match:
            self.match = match
            self.match_changed.emit(match)

    def show_earlier(self, report: Dict[str, Any], made: str) -> None:
        """Take up a report of the selected volume that was made earlier."""
        self.report, self.earlier = report, made
        self.report_changed.emit(report)

    def forget(self) -> None:
        """Forget the report."""
        if self.report is not None:
            self.report, self.earlier = None, ""
            self.choose_match(None)
            self.report_changed.emit(None)

    def close(self) -> None:
        """Stop, and observe the scene no more; the logic is of no use afterwards."""
        self._request.close()
        self.connection.close()
        self.removeObservers()

    def _on_answer(self, event: Dict[str, Any]) -> None:
        self.report, self.earlier = event["report"], ""
        self.choose_match(None)
        self.answered.emit(event)
        self.report_changed.emit(self.report)
        self.finished.emit(self.report)

    def _on_pixels(self, caller: Any, event: Any) -> None:
        self.forget()


def obvious_volume() -> Any:
    """Give the volume that the user looks at, or the only one, or None."""
    scene = slicer.mrmlScene
    selection = slicer.app.applicationLogic().GetSelectionNode()
    active = scene.GetNodeByID(selection.GetActiveVolumeID()) if selection.GetActiveVolumeID() else None
    if _is_scan(active):
        return active
    volumes = scans()
    return volumes[0] if len(volumes) == 1 else None


def scans() -> List[Any]:
    """Give the volumes of the scene that can be checked."""
    return [node for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") if _is_scan(node)]


def _is_scan(node: Any) -> bool:
    return node is not None and node.GetClassName() in IMAGES and not is_ours(node)
