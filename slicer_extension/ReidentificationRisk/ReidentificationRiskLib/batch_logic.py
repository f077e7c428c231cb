"""Many scans checked one after another: volumes of the scene, or studies that the server holds."""

from typing import Any, Dict, List, NamedTuple, Optional

import qt
import slicer

from ReidentificationRiskLib.connection import FAILED, SIGN_IN
from ReidentificationRiskLib.export import dicom_modality, display_params
from ReidentificationRiskLib.i18n import tr as _
from ReidentificationRiskLib.keeping import keep
from ReidentificationRiskLib.logic import CheckLogic
from ReidentificationRiskLib.parameters import AUTOMATIC
from ReidentificationRiskLib.report_logic import document_of
from ReidentificationRiskLib.request import Request
from ReidentificationRiskLib.signals import Signal


class Row(NamedTuple):
    """One scan of a batch.

    Attributes
    ----------
    name
        The volume's name, or the study's id.
    node
        The volume's id in the scene, "" for a study.
    report
        Risk and most alike subject of what the check said; None before it, and where it failed.
    note
        Why there is no report; "" while its turn is still to come.
    """

    name: str
    node: str = ""
    report: Optional[Dict[str, Any]] = None
    note: str = ""


class BatchLogic:
    """Checks many scans; one that fails has a note and does not end it.

    Signals
    -------
    started, cancelled
        Nothing.
    progressed
        fraction, text.
    changed
        The rows.
    finished
        The rows, when each scan had its turn.
    failed
        One sentence, when it cannot go on.
    """

    def __init__(self, logic: CheckLogic) -> None:
        self._logic = logic
        self.rows: List[Row] = []
        self.started, self.progressed, self.changed = Signal(), Signal(), Signal()
        self.finished, self.failed, self.cancelled = Signal(), Signal(), Signal()
        self._turn: Optional[int] = None
        self._lost = False
        logic.connection.changed.connect(self._on_connection)
        self._request = request = Request(logic.connection)
        request.progressed.connect(self._on_progress)
        request.finished.connect(self._on_answer)
        request.failed.connect(self._on_refusal)
        request.cancelled.connect(self._on_gone)
        self._next = qt.QTimer()  # the next request begins when the last one has ended altogether
        self._next.setSingleShot(True)
        self._next.setInterval(0)
        self._next.connect("timeout()", self._go_on)

    @property
    def busy(self) -> bool:
        """Whether scans are being checked, or the list of studies is fetched."""
        return self._turn is not None

    def check_volumes(self, volumes: List[Any]) -> None:
        """Check volumes of the scene; needs the user's agreement to the address."""
        self._begin([Row(volume.GetName(), volume.GetID()) for volume in volumes])

    def check_studies(self) -> None:
        """Check every study that the server holds; no scan of this computer is sent."""
        if not self.busy:
            self._start([], -1)
            self._request.start("images")

    def cancel(self) -> None:
        """Stop at once; what was checked so far stays."""
        if self.busy:
            self._turn = None
            self._next.stop()
            self._request.cancel()
            self.cancelled.emit()

    def close(self) -> None:
        """Stop, and observe the scene no more."""
        self._turn = None
        self._next.stop()
        self._request.close()

    def _begin(self, rows: List[Row]) -> None:
        if not self.busy:
            self._start(rows, 0)
            self._next.start()

    def _start(self, rows: List[Row], turn: int) -> None:
        self.rows, self._turn = rows, turn
        self.changed.emit(self.rows)
        self.started.emit()

    def _go_on(self) -> None:
        turn = self._turn
        if turn is None:
            return
        if turn >= len(self.rows):
            self._turn = None
            self.finished.emit(self.rows)
            return
        row, self._lost = self.rows[turn], False
        self._on_progress(None, "")
        if not row.node:
            self._request.start("study", image=row.name, params=self._params(None))
            return
        volume = slicer.mrmlScene.GetNodeByID(row.node)
        if volume is None:
            self._note(_("No longer in the scene."))
        elif volume.GetImageData() is None:
            self._note(_("Holds no pixels."))
        else:
            self._request.start("check", volume, self._params(volume))

    def _params(self, volume: Any) -> Dict[str, Any]:
        """Give what a scan is: as chosen for all, or else as its own header says."""
        params: Dict[str, Any] = display_params(volume) if volume is not None else {}
        modality = self._logic.parameters.modality
        if modality == AUTOMATIC and volume is not None:
            modality = dicom_modality(volume)
        return {**params, "modality": modality} if modality else params

    def _on_progress(self, fraction: Optional[float], text: str) -> None:
        if not self.rows or self._turn is None:
            self.progressed.emit(None, text)
            return
        where = _("{n} of {all}: {name}").format(n=self._turn + 1, all=len(self.rows), name=self.rows[self._turn].name)
        self.progressed.emit(self._turn / len(self.rows), where)

    def _on_answer(self, event: Dict[str, Any]) -> None:
        if self._turn is None:
            return
        if event["event"] == "images":
            self.rows, self._turn = [Row(name) for name in event["images"]], 0
            self.changed.emit(self.rows)
            self._next.start()
            return
        row = self.rows[self._turn]
        volume = slicer.mrmlScene.GetNodeByID(row.node) if row.node else None
        if volume is not None and self._logic.parameters.keep:
            keep(volume, document_of(self._logic, volume, event["report"]))
        self._put(row._replace(report=_essence(event["report"])))

    def _on_refusal(self, sentence: str) -> None:
        if self._turn is None:
            return
        if self._turn < 0 or self._lost:  # nor would the next one do better
            self._turn = None
            self.failed.emit(sentence)
        else:
            self._note(sentence)

    def _on_connection(self) -> None:
        self._lost = self._logic.connection.state in (FAILED, SIGN_IN)

    def _on_gone(self) -> None:
        """Go on where a scan was removed under its check; the scene's closing ends a check of studies."""
        if self._turn is None:
            return
        if self._turn >= 0 and self.rows[self._turn].node:
            self._note(_("No longer in the scene."))
        else:
            self._turn = None
            self.cancelled.emit()

    def _note(self, sentence: str) -> None:
        if self._turn is not None:
            self._put(self.rows[self._turn]._replace(note=sentence))

    def _put(self, row: Row) -> None:
        if self._turn is not None:
            self.rows[self._turn] = row
            self._turn += 1
            self.changed.emit(self.rows)
            self._next.start()


def _essence(report: Dict[str, Any]) -> Dict[str, Any]:
    """Give what a table of thousands can hold in memory."""
    return {"risk": report["risk"], "matches": report["matches"][:1]}
