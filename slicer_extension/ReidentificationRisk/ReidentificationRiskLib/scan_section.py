"""Which volume is checked, and as what kind of image."""

from typing import Any

import slicer

from ReidentificationRiskLib.i18n import tr as _
from ReidentificationRiskLib.parameters import AUTOMATIC
from ReidentificationRiskLib.section import Section

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


class ScanSection(Section):
    """Chooses what is checked."""

    UI = "ScanSection.ui"

    def prepare(self) -> None:
        """Offer the kinds of images, and the volumes of the scene."""
        ui = self.ui
        for code, name in MODALITIES:
            ui.modalityCombo.addItem(name, code)
        ui.volumeSelector.setMRMLScene(slicer.mrmlScene)
        ui.volumeSelector.connect("currentNodeChanged(vtkMRMLNode*)", self._on_volume)
        ui.modalityCombo.connect("currentIndexChanged(int)", self._on_modality)
        ui.explainCheck.connect("toggled(bool)", self._on_explain)

    def refresh(self) -> None:
        """Show what the scene keeps."""
        kept = self.logic.parameters
        self.ui.volumeSelector.setCurrentNode(kept.volume)
        self.ui.modalityCombo.setCurrentIndex(max(self.ui.modalityCombo.findData(kept.modality), 0))
        self.ui.explainCheck.setChecked(kept.explain)

    def update(self) -> None:
        """Keep the choices as they are while a check runs."""
        for chooser in (self.ui.volumeSelector, self.ui.modalityCombo, self.ui.explainCheck):
            chooser.setEnabled(not self.logic.busy)

    def _on_volume(self, node: Any) -> None:
        if slicer.mrmlScene.IsBatchProcessing():  # closing or importing: the end of that refreshes everything
            return
        self.logic.select(node)

    def _on_modality(self, index: int) -> None:
        self.logic.choose_modality(self.ui.modalityCombo.itemData(index) or AUTOMATIC)

    def _on_explain(self, wanted: bool) -> None:
        self.logic.parameters.explain = wanted
