"""The panel: draws what the logic says, and hands on what the user does."""

from typing import Any, Callable, Dict, Optional

import slicer
from slicer.util import VTKObservationMixin

from ReidentificationRiskLib.consent import ask_consent
from ReidentificationRiskLib.errors import PanelError
from ReidentificationRiskLib.headline import show_headline
from ReidentificationRiskLib.i18n import tr as _
from ReidentificationRiskLib.logic import CheckLogic
from ReidentificationRiskLib.parameters import AUTOMATIC
from ReidentificationRiskLib.rows import leakage_heads, leakage_rows, match_heads, match_rows
from ReidentificationRiskLib.table import fill_table, prepare_table
from ReidentificationRiskLib.wording import caveats, headline, source

MODALITIES = (
    (AUTOMATIC, _("Automatic")),
    ("CFP", _("CFP: colour fundus photo")),
    ("OCT", _("OCT: optical coherence tomography")),
    ("CXR", _("CXR: chest x-ray")),
    ("CT", _("CT: computed tomography")),
    ("MR", _("MR: magnetic resonance")),
    ("XR", _("XR: other x-ray")),
    ("MG", _("MG: mammography")),
    ("US", _("US: ultrasound")),
    ("PT", _("PT: positron emission tomography")),
    ("NM", _("NM: scintigram")),
    ("XA", _("XA: x-ray angiogram")),
    ("FAF", _("FAF: fundus autofluorescence")),
    ("FA", _("FA: fluorescein angiogram")),
    ("SLO", _("SLO: scanning laser ophthalmoscopy")),
)

ALARM = "color: #8c1d18; background: #fbe3e1; border: 1px solid #b3261e; padding: 4px; font-weight: bold;"


class Panel(VTKObservationMixin):
    """Connects the widgets of the UI file with a logic.

    Parameters
    ----------
    root
        The widget loaded from ReidentificationRisk.ui.
    logic
        What does the work; one of its own if none is given.
    consent
        Asks whether scans may be sent to an address: a dialog unless something else is given.
    """

    def __init__(
        self,
        root: Any,
        logic: Optional[CheckLogic] = None,
        consent: Callable[[str, Any], bool] = ask_consent,
    ) -> None:
        super().__init__()
        self.root = root
        self.logic = logic or CheckLogic()
        self.ask_consent = consent
        self._report: Optional[Dict[str, Any]] = None
        self._volume: Any = None
        self.ui = slicer.util.childWidgetVariables(root)
        self._prepare()
        self._connect()
        self.refresh()

    @property
    def report(self) -> Optional[Dict[str, Any]]:
        """The report that is shown, or None."""
        return self._report

    def refresh(self) -> None:
        """Show what the scene and the settings say, choosing the only or active volume where none is chosen."""
        if self.logic.parameters.volume is None:
            self.logic.parameters.volume = _obvious_volume()
        self.ui.volumeSelector.setCurrentNode(self.logic.parameters.volume)
        index = self.ui.modalityCombo.findData(self.logic.parameters.modality)
        self.ui.modalityCombo.setCurrentIndex(max(index, 0))
        self.ui.serverEdit.setText(self.logic.settings.server)
        self._follow_volume(self.logic.parameters.volume)
        self._update()

    def close(self) -> None:
        """Stop a running check and let go of the scene."""
        self.logic.close()
        self.removeObservers()

    # Setting up

    def _prepare(self) -> None:
        ui = self.ui
        for code, name in MODALITIES:
            ui.modalityCombo.addItem(name, code)
        prepare_table(ui.matchesTable, match_heads())
        prepare_table(ui.leakageTable, leakage_heads())
        for label in (ui.matchesLabel, ui.leakageLabel):
            label.setStyleSheet("font-weight: bold; margin-top: 6px;")
        ui.caveatsLabel.setStyleSheet("margin-top: 6px;")
        ui.matchesNoteLabel.setText(_("Nobody: no image of this kind is enrolled."))
        ui.leakageNoteLabel.setText(_("Not known: too few subjects are enrolled for that, or the scan is unlike them."))
        self.root.setMRMLScene(slicer.mrmlScene)
        ui.volumeSelector.setMRMLScene(slicer.mrmlScene)
        self._say("")

    def _connect(self) -> None:
        ui, logic, scene = self.ui, self.logic, slicer.mrmlScene
        ui.volumeSelector.connect("currentNodeChanged(vtkMRMLNode*)", self._on_volume)
        ui.modalityCombo.connect("currentIndexChanged(int)", self._on_modality)
        ui.serverEdit.connect("editingFinished()", self._on_server)
        ui.withdrawButton.connect("clicked()", self._on_withdraw)
        ui.checkButton.connect("clicked()", self._on_check)
        ui.cancelButton.connect("clicked()", self._on_cancel)
        logic.started.connect(self._on_started)
        logic.progressed.connect(self._on_progress)
        logic.finished.connect(self._on_finished)
        logic.failed.connect(self._on_failed)
        logic.cancelled.connect(self._on_cancelled)
        self.addObserver(scene, scene.EndCloseEvent, self._on_scene)
        self.addObserver(scene, scene.EndImportEvent, self._on_scene)

    # What the user does

    def _on_volume(self, node: Any) -> None:
        if slicer.mrmlScene.IsBatchProcessing():  # closing or importing: the end of that refreshes everything
            return
        self.logic.parameters.volume = node
        self._follow_volume(node)
        self._update()

    def _on_modality(self, index: int) -> None:
        self.logic.parameters.modality = self.ui.modalityCombo.itemData(index) or AUTOMATIC
        self._forget_result()

    def _on_server(self) -> None:
        self.logic.settings.server = self.ui.serverEdit.text.strip()
        self._update()

    def _on_withdraw(self) -> None:
        self.logic.settings.withdraw(self.logic.settings.server)
        self._update()

    def _on_check(self) -> None:
        self._on_server()
        self._forget_result()
        try:
            address = self.logic.ready_address()
        except PanelError as error:
            self._on_failed(str(error))
            return
        self.ui.serverEdit.setText(address)
        self._on_server()
        if not self.logic.settings.has_agreed(address):
            if not self.ask_consent(address, slicer.util.mainWindow()):
                self._say(_("Nothing was sent."))
                return
            self.logic.settings.agree(address)
        self.logic.check()
        self._update()

    def _on_cancel(self) -> None:
        self.logic.cancel()

    # What the logic says

    def _on_started(self) -> None:
        self._say("")
        self._on_progress(None, _("Starting"))
        self._update()

    def _on_progress(self, fraction: Optional[float], text: str) -> None:
        self.ui.progressBar.setMaximum(0 if fraction is None else 100)
        self.ui.progressBar.setValue(0 if fraction is None else int(100 * fraction))
        self.ui.progressLabel.setText(text)

    def _on_finished(self, report: Dict[str, Any]) -> None:
        self._report = report
        self._update()  # first, as a hidden table does not know its header's height
        ui = self.ui
        show_headline(ui, headline(report))
        fill_table(ui.matchesTable, match_rows(report), numeric=(0, 2, 3))
        fill_table(ui.leakageTable, leakage_rows(report), numeric=(2, 3, 4))
        ui.caveatsLabel.setText(caveats(report))
        ui.sourceLabel.setText(source(report))

    def _on_failed(self, sentence: str) -> None:
        self._say(sentence, alarming=True)
        self._update()

    def _on_cancelled(self) -> None:
        self._say(_("Cancelled. Nothing was kept."))
        self._update()

    # What the scene says

    def _on_scene(self, caller: Any, event: Any) -> None:
        self.refresh()

    def _on_pixels(self, caller: Any, event: Any) -> None:
        self._forget_result()

    def _follow_volume(self, node: Any) -> None:
        """Forget the result of another volume, and of this one once its pixels change."""
        if node is self._volume:
            return
        self._volume = node
        self.removeObservers(self._on_pixels)
        self._report = None
        if node is not None:
            self.addObserver(node, node.ImageDataModifiedEvent, self._on_pixels)
            self._say("")

    # Drawing

    def _forget_result(self) -> None:
        self._report = None
        self._say("")
        self._update()

    def _say(self, sentence: str, alarming: bool = False) -> None:
        self.ui.messageLabel.setStyleSheet(ALARM if alarming else "")
        self.ui.messageLabel.setText(("⚠ " if alarming else "") + sentence)
        self.ui.messageLabel.setVisible(bool(sentence))

    def _update(self) -> None:
        ui, busy, report = self.ui, self.logic.busy, self._report
        for chooser in (ui.serverEdit, ui.volumeSelector, ui.modalityCombo, ui.checkButton):
            chooser.setEnabled(not busy)
        ui.progressArea.setVisible(busy)
        ui.resultArea.setVisible(report is not None and not busy)
        for table, note, rows in (
            (ui.matchesTable, ui.matchesNoteLabel, "matches"),
            (ui.leakageTable, ui.leakageNoteLabel, "leakage"),
        ):
            table.setVisible(bool(report and report[rows]))
            note.setVisible(bool(report and not report[rows]))
        agreed = self.logic.has_agreed()
        ui.agreementLabel.setText(
            _("You agreed to send scans here.") if agreed else _("Asks before the first scan is sent here.")
        )
        ui.withdrawButton.setVisible(agreed)
        ui.withdrawButton.setEnabled(not busy)


def _obvious_volume() -> Any:
    """Give the volume that the user looks at, or the only one, or None."""
    scene = slicer.mrmlScene
    selection = slicer.app.applicationLogic().GetSelectionNode()
    active = scene.GetNodeByID(selection.GetActiveVolumeID()) if selection.GetActiveVolumeID() else None
    if active is not None and active.GetClassName() in ("vtkMRMLScalarVolumeNode", "vtkMRMLVectorVolumeNode"):
        return active
    volumes = [
        node
        for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
        if node.GetClassName() in ("vtkMRMLScalarVolumeNode", "vtkMRMLVectorVolumeNode")
    ]
    return volumes[0] if len(volumes) == 1 else None
