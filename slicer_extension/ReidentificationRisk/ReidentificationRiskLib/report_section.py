"""Saving a result as a file, and keeping it in the scene."""

import os
from typing import Any, Dict, Optional, Tuple

import slicer

from ReidentificationRiskLib.document import header_part
from ReidentificationRiskLib.errors import PanelError
from ReidentificationRiskLib.file_dialog import ask_path
from ReidentificationRiskLib.header_section import HeaderSection
from ReidentificationRiskLib.i18n import tr as _
from ReidentificationRiskLib.measures_section import MeasuresSection
from ReidentificationRiskLib.message import Message
from ReidentificationRiskLib.report_logic import ReportLogic
from ReidentificationRiskLib.section import Section

NAME = "re-identification-risk"  # neutral: a volume's own name often holds the patient's


class ReportSection(Section):
    """Draws what can be done with a result."""

    UI = "ReportSection.ui"

    def prepare(self) -> None:
        """Connect the buttons with the files."""
        ui = self.ui
        self.report = ReportLogic(self.logic)
        self.ask_path = ask_path
        self.message = Message(ui.reportMessageLabel)
        self._buttons = {"html": ui.htmlButton, "pdf": ui.pdfButton, "json": ui.jsonButton}
        ui.htmlButton.connect("clicked()", lambda: self._save("html"))
        ui.pdfButton.connect("clicked()", lambda: self._save("pdf"))
        ui.jsonButton.connect("clicked()", lambda: self._save("json"))
        ui.keepCheck.connect("toggled(bool)", self._on_keep)
        self.logic.report_changed.connect(lambda report: self.message.say(""))

    def refresh(self) -> None:
        """Show what the scene keeps."""
        self.ui.keepCheck.setChecked(self.logic.parameters.keep)

    def update(self) -> None:
        """Offer to save where there is a result."""
        there = self.report.document is not None and not self.logic.busy
        for button in self._buttons.values():
            button.setEnabled(there)

    def close(self) -> None:
        """Let go of the scene."""
        self.report.close()
        super().close()

    def _on_keep(self, wanted: bool) -> None:
        if wanted != self.logic.parameters.keep:
            self.logic.parameters.keep = wanted
            self.report.keep_or_drop()

    def _save(self, kind: str) -> None:
        self.message.say("")
        path = self.ask_path(slicer.util.mainWindow(), _("Save the result"), f"{NAME}.{kind}", kind)
        if not path:
            return
        measures, header = self._more()
        try:
            self.report.save(path, kind, measures, header, bool(self.ui.picturesCheck.checked))
        except PanelError as error:
            self.message.warn(str(error))
            return
        self.message.say(_("Saved as '{name}'.").format(name=os.path.basename(path)))

    def _more(self) -> Tuple[Optional[Dict[str, Any]], Optional[Dict[str, Any]]]:
        """Give what the sections beside this one know of the scan: measures and header."""
        measures = header = None
        for section in self.panel.sections:
            if isinstance(section, MeasuresSection):
                measures = section.measures.document
            elif isinstance(section, HeaderSection) and section.look is not None:
                header = header_part(*section.look)
        return measures, header
