"""A check from the selected volume to its report: state and signals, no widgets and no dialogs."""

from typing import Any, Dict, Optional

import slicer
import vtk
from slicer.util import VTKObservationMixin

from ReidentificationRiskLib.address import normalise_address
from ReidentificationRiskLib.client import DEFAULT_TIMEOUT
from ReidentificationRiskLib.errors import PanelError
from ReidentificationRiskLib.export import (
    ExportFolder,
    dicom_modality,
    display_params,
    export_volume,
    remove_left_behind,
    require_image,
)
from ReidentificationRiskLib.parameters import AUTOMATIC, Parameters
from ReidentificationRiskLib.process import ClientProcess
from ReidentificationRiskLib.settings import Settings
from ReidentificationRiskLib.signals import Signal


class CheckLogic(VTKObservationMixin):
    """Runs one check at a time.

    Signals
    -------
    started, cancelled
        Nothing.
    progressed
        fraction (None: unknown), text.
    finished
        The report.
    failed
        One sentence for the user.
    """

    def __init__(self, settings: Optional[Settings] = None, process: Optional[ClientProcess] = None) -> None:
        super().__init__()
        self.settings = settings or Settings()
        self.parameters = Parameters()
        self.started, self.progressed = Signal(), Signal()
        self.finished, self.failed, self.cancelled = Signal(), Signal(), Signal()
        self._process = process or ClientProcess()
        self._process.progressed.connect(self._on_progress)
        self._process.ended.connect(self._on_ended)
        self._folder: Optional[ExportFolder] = None
        self._checked_id = ""
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self._on_scene_closes)
        self.addObserver(scene, scene.NodeAboutToBeRemovedEvent, self._on_node_goes)
        remove_left_behind()

    @property
    def busy(self) -> bool:
        """Whether a check is running."""
        return self._process.running

    def ready_address(self) -> str:
        """Give the address that a check would go to; PanelError when there is none, or no scan to send."""
        require_image(self.parameters.volume)
        return normalise_address(self.settings.server)

    def has_agreed(self) -> bool:
        """Whether the user agreed to send scans to the remembered address."""
        try:
            return self.settings.has_agreed(self.settings.server)
        except PanelError:  # not an address, so nobody agreed to it
            return False

    def check(self) -> None:
        """Check the selected volume at the remembered server; refuse unless the user agreed to that address."""
        if self.busy:
            return
        try:
            self._start(self.parameters.volume, self.ready_address())
        except PanelError as error:
            self._clean()
            self.failed.emit(str(error))

    def cancel(self) -> None:
        """Stop a running check at once; nothing of it is kept."""
        if self.busy:
            self._process.stop()
            self._clean()
            self.cancelled.emit()

    def close(self) -> None:
        """Stop, and observe the scene no more; the logic is of no use afterwards."""
        self.cancel()
        self.removeObservers()

    def _start(self, volume: Any, server: str) -> None:
        if not self.settings.has_agreed(server):
            raise PanelError("Nothing was sent: sending scans to this address was not agreed to.")
        self._folder = ExportFolder()
        path = export_volume(volume, self._folder)
        params: Dict[str, Any] = display_params(volume)
        modality = dicom_modality(volume) if self.parameters.modality == AUTOMATIC else self.parameters.modality
        if modality:
            params["modality"] = modality
        request = {"server": server, "file": str(path), "params": params, "timeout": DEFAULT_TIMEOUT}
        self._process.start(request)
        self._checked_id = volume.GetID()
        self.started.emit()

    def _on_progress(self, stage: str, fraction: Optional[float], text: str) -> None:
        self.progressed.emit(fraction, text)

    def _on_ended(self, event: Dict[str, Any]) -> None:
        self._clean()
        if event["event"] == "result":
            self.finished.emit(event["report"])
        else:
            self.failed.emit(str(event.get("message") or "The check ended without an answer: try again."))

    def _on_scene_closes(self, caller: Any, event: Any) -> None:
        self.cancel()

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _on_node_goes(self, caller: Any, event: Any, node: Any) -> None:
        if node is not None and node.GetID() == self._checked_id:
            self.cancel()

    def _clean(self) -> None:
        self._checked_id = ""
        if self._folder is not None:
            self._folder.remove()
            self._folder = None
