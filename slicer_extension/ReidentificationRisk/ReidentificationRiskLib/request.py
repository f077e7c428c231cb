"""One request to the server: its files, its process, and its end whatever the scene does meanwhile."""

from typing import Any, Dict, Optional

import slicer
import vtk
from slicer.util import VTKObservationMixin

from ReidentificationRiskLib.client import DEFAULT_TIMEOUT
from ReidentificationRiskLib.connection import Connection
from ReidentificationRiskLib.errors import PanelError
from ReidentificationRiskLib.export import ExportFolder, export_volume, remove_left_behind
from ReidentificationRiskLib.process import ClientProcess
from ReidentificationRiskLib.signals import Signal


class Request(VTKObservationMixin):
    """Runs one request at a time; may be started again after its end.

    A volume that is sent needs the user's agreement to the address. Files that come back lie in a folder that is
    removed right after ``finished``: whoever wants one reads it there and then.

    Signals
    -------
    started, cancelled
        Nothing.
    progressed
        fraction (None: unknown), text.
    finished
        The last event of the client, see client.py.
    failed
        One sentence for the user.
    """

    def __init__(self, connection: Connection, process: Optional[ClientProcess] = None) -> None:
        super().__init__()
        self.connection = connection
        self.started, self.progressed = Signal(), Signal()
        self.finished, self.failed, self.cancelled = Signal(), Signal(), Signal()
        self._process = process or ClientProcess()
        self._process.progressed.connect(self._on_progress)
        self._process.heard.connect(connection.hear)
        self._process.ended.connect(self._on_ended)
        self._folder: Optional[ExportFolder] = None
        self._volume_id = ""
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self._on_scene_closes)
        self.addObserver(scene, scene.NodeAboutToBeRemovedEvent, self._on_node_goes)
        remove_left_behind()

    @property
    def busy(self) -> bool:
        """Whether the request is under way."""
        return self._process.running

    def start(
        self,
        action: str,
        volume: Any = None,
        params: Optional[Dict[str, Any]] = None,
        timeout: float = DEFAULT_TIMEOUT,
        **fields: Any,
    ) -> None:
        """Ask the server; what goes wrong before that is told by ``failed`` as well. Nothing happens while busy.

        Parameters
        ----------
        action
            One of client.py's.
        volume
            The node to send, where the action sends one.
        params
            Of the server's task.
        timeout
            Seconds for the whole of it.
        **fields
            What else the action knows, see client.py.
        """
        if self.busy:
            return
        try:
            self._start(action, volume, params or {}, timeout, fields)
        except PanelError as error:
            self._clean()
            self.failed.emit(str(error))
            return
        self.started.emit()

    def cancel(self) -> None:
        """Stop at once; nothing of it is kept."""
        if self.busy:
            self._process.stop()
            self._clean()
            self.cancelled.emit()

    def close(self) -> None:
        """Stop, and observe the scene no more; the request is of no use afterwards."""
        self.cancel()
        self.removeObservers()

    def _start(self, action: str, volume: Any, params: Dict[str, Any], timeout: float, fields: Dict[str, Any]) -> None:
        request = {"action": action, "timeout": timeout, "params": params, **self.connection.credentials(), **fields}
        if volume is not None:
            self.connection.require_agreement()
        self._folder = ExportFolder()
        request["folder"] = str(self._folder.path)
        if volume is not None:
            request["file"] = str(export_volume(volume, self._folder))
            self._volume_id = volume.GetID()
        self._process.start(request)

    def _on_progress(self, stage: str, fraction: Optional[float], text: str) -> None:
        self.progressed.emit(fraction, text)

    def _on_ended(self, event: Dict[str, Any]) -> None:
        try:
            if event["event"] == "error":
                self.connection.hear(event)
            else:
                self.finished.emit(event)
        finally:
            self._clean()
        if event["event"] == "error":
            self.failed.emit(str(event.get("message") or "The request ended without an answer: try again."))

    def _on_scene_closes(self, caller: Any, event: Any) -> None:
        self.cancel()

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _on_node_goes(self, caller: Any, event: Any, node: Any) -> None:
        if node is not None and self._volume_id and node.GetID() == self._volume_id:
            self.cancel()

    def _clean(self) -> None:
        self._volume_id = ""
        if self._folder is not None:
            self._folder.remove()
            self._folder = None
