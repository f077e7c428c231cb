"""Results beyond the moment: kept in the scene, shown again with it, and saved as files."""

import base64
from typing import Any, Callable, Dict, Optional

import slicer
import vtk
from slicer.util import VTKObservationMixin

from ReidentificationRiskLib.document import Document, make_document, now, with_more, write_document
from ReidentificationRiskLib.document_html import page
from ReidentificationRiskLib.errors import PanelError
from ReidentificationRiskLib.i18n import tr as _
from ReidentificationRiskLib.keeping import drop, keep, kept, pixels_of
from ReidentificationRiskLib.logic import CheckLogic
from ReidentificationRiskLib.pdf import write_pdf
from ReidentificationRiskLib.scan_picture import scan_png
from ReidentificationRiskLib.writing import write_text

KINDS = ("html", "pdf", "json")


class ReportLogic(VTKObservationMixin):
    """Keeps the result of each check, brings back the one of the selected volume, and saves it.

    Attributes
    ----------
    document
        The document of the report that is shown, or None.
    """

    def __init__(self, logic: CheckLogic) -> None:
        super().__init__()
        self._logic = logic
        self.document: Optional[Document] = None
        logic.finished.connect(self._on_finished)
        logic.volume_changed.connect(self._on_volume)
        logic.report_changed.connect(self._on_report)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.NodeRemovedEvent, self._on_removed)

    def close(self) -> None:
        """Observe the scene no more."""
        self.removeObservers()

    def recall(self) -> None:
        """Show again what the scene keeps of the selected volume, unless there is a report or the pixels changed."""
        volume = self._logic.volume
        if volume is None or self._logic.report is not None or self._logic.busy:
            return
        document = kept(volume)
        if document is None or volume.GetImageData() is None or document["pixels"] != pixels_of(volume):
            return
        self._logic.show_earlier(document["report"], document["made"])
        self.document = document

    def keep_or_drop(self) -> None:
        """Keep the result in the scene, or take it out, as the user wants it."""
        volume = self._logic.volume
        if volume is None:
            return
        if self._logic.parameters.keep:
            if self.document is not None:
                keep(volume, self.document)
        else:
            drop(volume)

    def save(
        self,
        path: str,
        kind: str,
        measures: Optional[Dict[str, Any]] = None,
        header: Optional[Dict[str, Any]] = None,
        pictures: bool = False,
    ) -> None:
        """Write the result to a file.

        Parameters
        ----------
        path
            Where to; a file that is there is replaced once the new one is whole.
        kind
            One of KINDS.
        measures, header
            What else is known of this scan.
        pictures
            Whether pictures of the scan and of the copies go into it: they can identify the patient.

        Raises
        ------
        PanelError
            With one sentence, when there is no result or the file cannot be written.
        """
        if self.document is None:
            raise PanelError(_("There is no result to save: check a scan first."))
        picture = base64.b64encode(scan_png(self._logic.volume)).decode() if pictures else ""
        document = with_more(self.document, measures, header, picture, pictures)
        writers: Dict[str, Callable[[], None]] = {
            "html": lambda: write_text(path, page(document)),
            "pdf": lambda: write_pdf(path, page(document)),
            "json": lambda: write_text(path, write_document(document) + "\n"),
        }
        writers[kind]()

    def _on_finished(self, report: Dict[str, Any]) -> None:
        self.document = document_of(self._logic, self._logic.volume, report)
        if self._logic.parameters.keep:
            keep(self._logic.volume, self.document)

    def _on_volume(self, volume: Any) -> None:
        self.document = None
        self.recall()

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _on_removed(self, caller: Any, event: Any, node: Any) -> None:
        """Let a result go with its volume; a scene that closes takes everything anyway."""
        if node is not None and node.IsA("vtkMRMLVolumeNode") and not slicer.mrmlScene.IsBatchProcessing():
            drop(node)

    def _on_report(self, report: Optional[Dict[str, Any]]) -> None:
        if report is None:
            self.document = None


def document_of(logic: CheckLogic, volume: Any, report: Dict[str, Any]) -> Document:
    """Give the document of a volume's report that has just been made."""
    version = str(getattr(slicer.app, "applicationVersion", "") or "")
    return make_document(report, now(), _described(volume), pixels_of(volume), logic.connection.info, version)


def _described(volume: Any) -> Dict[str, Any]:
    """Say what kind of scan it was without naming it."""
    size = " × ".join(str(n) for n in volume.GetImageData().GetDimensions() if n > 1)
    spacing = " × ".join(f"{value:.3g}" for value in volume.GetSpacing()) + " mm"
    return {"size": size, "spacing": spacing}
