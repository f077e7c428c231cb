"""What the scan's DICOM header still says of the patient, looked at on this computer."""

from typing import Any, Optional, Tuple

import qt

from ReidentificationRiskLib.errors import PanelError
from ReidentificationRiskLib.header import Look
from ReidentificationRiskLib.header_logic import HeaderLogic
from ReidentificationRiskLib.header_words import header_heads, header_note, header_rows, header_sentences
from ReidentificationRiskLib.i18n import tr as _
from ReidentificationRiskLib.message import Message
from ReidentificationRiskLib.section import Section
from ReidentificationRiskLib.table import fill_table, prepare_table

VALUES = 3  # the column of the values


class HeaderSection(Section):
    """Draws a look at the header; values are shown only while the user wants them."""

    UI = "HeaderSection.ui"

    def prepare(self) -> None:
        """Connect the button with the look."""
        ui = self.ui
        self.header = header = HeaderLogic()
        self.look: Optional[Tuple[Look, int]] = None
        self.message = Message(ui.headerMessageLabel)
        prepare_table(ui.headerTable, header_heads())
        ui.headerNoteLabel.setText(header_note())
        ui.headerButton.connect("clicked()", self._on_look)
        ui.headerCancelButton.connect("clicked()", self._on_cancel)
        ui.revealCheck.connect("toggled(bool)", self._on_reveal)
        header.progressed.connect(self._on_progress)
        header.finished.connect(self._on_finished)
        self.logic.volume_changed.connect(self._on_volume)

    def update(self) -> None:
        """Offer what can be done now."""
        ui, found = self.ui, bool(self.look and self.look[0].findings)
        ui.headerButton.setEnabled(self.logic.volume is not None and not self.header.busy)
        ui.headerProgressArea.setVisible(self.header.busy)
        ui.headerSummaryLabel.setVisible(self.look is not None)
        for widget in (ui.revealCheck, ui.headerTable, ui.headerNoteLabel):
            widget.setVisible(found)

    def close(self) -> None:
        """Stop looking."""
        self.header.cancel()
        super().close()

    def _on_look(self) -> None:
        self._forget()
        try:
            self.header.start(self.logic.volume)
        except PanelError as error:
            self.message.say(str(error))
        self.update()

    def _on_cancel(self) -> None:
        self.header.cancel()
        self.update()

    def _on_progress(self, read: int, files: int) -> None:
        self.ui.headerProgressBar.setMaximum(files)
        self.ui.headerProgressBar.setValue(read)
        self.ui.headerProgressLabel.setText(_("Looking at file {n} of {all}").format(n=min(read + 1, files), all=files))

    def _on_finished(self, look: Look, missing: int) -> None:
        self.look = (look, missing)
        self.ui.headerSummaryLabel.setText("\n".join("• " + line for line in header_sentences(look, missing)))
        self.update()
        self._draw()

    def _on_reveal(self, wanted: bool) -> None:
        self._draw()

    def _on_volume(self, volume: Any) -> None:
        self.header.cancel()
        self._forget()
        self.update()

    def _forget(self) -> None:
        """Forget what was found, and hide values again."""
        self.look = None
        self.message.say("")
        self.ui.revealCheck.setChecked(False)
        self.ui.headerTable.setRowCount(0)

    def _draw(self) -> None:
        if self.look is None:
            return
        table, revealed = self.ui.headerTable, self.ui.revealCheck.checked
        table.setColumnHidden(VALUES, not revealed)
        mode = qt.QHeaderView.ResizeToContents if revealed else qt.QHeaderView.Stretch
        table.horizontalHeader().setSectionResizeMode(VALUES - 1, mode)
        fill_table(table, header_rows(self.look[0].findings, revealed), numeric=())
