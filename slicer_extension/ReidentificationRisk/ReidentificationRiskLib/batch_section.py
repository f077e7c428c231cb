"""Many scans in one go: all loaded volumes, or all studies of the server."""

import os
import time
from typing import Any, List

import slicer

from ReidentificationRiskLib.batch_logic import BatchLogic, Row
from ReidentificationRiskLib.batch_words import (
    batch_csv,
    batch_heads,
    batch_keys,
    batch_rows,
    batch_tips,
    short_batch_heads,
    summary,
)
from ReidentificationRiskLib.errors import PanelError
from ReidentificationRiskLib.file_dialog import ask_path
from ReidentificationRiskLib.i18n import tr as _
from ReidentificationRiskLib.logic import scans
from ReidentificationRiskLib.message import Message
from ReidentificationRiskLib.progress import ProgressArea
from ReidentificationRiskLib.section import Section
from ReidentificationRiskLib.server_section import ServerSection
from ReidentificationRiskLib.table import SortableTable
from ReidentificationRiskLib.writing import write_text

NAME = "re-identification-risk.csv"
PATIENCE = 20  # times as long as drawing took, until rows are drawn again while a batch runs


class BatchSection(Section):
    """Draws a batch."""

    UI = "BatchSection.ui"

    def prepare(self) -> None:
        """Connect the buttons with the batch."""
        ui = self.ui
        self.batch = batch = BatchLogic(self.logic)
        self.ask_path = ask_path
        self.message = Message(ui.batchMessageLabel)
        self.progress = ProgressArea(
            ui.batchProgressArea, ui.batchProgressBar, ui.batchProgressLabel, ui.batchCancelButton, batch
        )
        self.table = SortableTable(
            ui.batchTable, batch_heads(), short_batch_heads(), batch_tips(), numeric=(2,), folded=0
        )
        self.table.chosen.connect(self._on_row)
        ui.volumesButton.connect("clicked()", self._on_volumes)
        ui.studiesButton.connect("clicked()", self._on_studies)
        ui.csvButton.connect("clicked()", self._on_save)
        batch.changed.connect(self._on_rows)
        batch.failed.connect(self._on_failed)
        batch.cancelled.connect(lambda: self.message.say(_("Cancelled. What was checked so far is below.")))
        for moment in (batch.started, batch.finished, batch.failed, batch.cancelled):
            moment.connect(self._draw)

    def update(self, *what: Any) -> None:
        """Offer what can be done now."""
        ui, free = self.ui, not self.batch.busy and not self.logic.busy
        ui.volumesButton.setEnabled(free)
        ui.studiesButton.setEnabled(free)
        ui.batchTable.setVisible(bool(self.batch.rows))
        ui.csvButton.setVisible(bool(self.batch.rows))
        ui.csvButton.setEnabled(not self.batch.busy)
        ui.batchSummaryLabel.setVisible(bool(ui.batchSummaryLabel.text))

    def close(self) -> None:
        """Stop."""
        self.batch.close()
        super().close()

    def _on_volumes(self) -> None:
        self.message.say("")
        volumes = scans()
        if not volumes:
            self.message.warn(_("No volume is loaded: load scans first."))
            return
        if self.logic.volume is None:
            self.panel.ui.volumeSelector.setCurrentNode(volumes[0])
        if self.panel.may_send():
            self.batch.check_volumes(volumes)

    def _on_studies(self) -> None:
        self.message.say("")
        for section in self.panel.sections:
            if isinstance(section, ServerSection):
                section.take_address()
        self.batch.check_studies()

    _quiet_until = 0.0

    def _on_rows(self, rows: List[Row]) -> None:
        if time.monotonic() >= self._quiet_until:
            self._draw()

    def _draw(self, *what: Any) -> None:
        """Draw all rows; thousands take a while, so not at every one's turn."""
        began, rows = time.monotonic(), self.batch.rows
        self.ui.batchSummaryLabel.setText(summary(rows))
        self.update()  # first, as a hidden table does not know its header's height
        self.table.fill(batch_rows(rows), batch_keys(rows))
        self._quiet_until = time.monotonic() + PATIENCE * (time.monotonic() - began)

    def _on_failed(self, sentence: str) -> None:
        self.message.warn(sentence)

    def _on_row(self, index: int) -> None:
        """Select the volume of a row, so that what the scene keeps of it is shown."""
        row = self.batch.rows[index]
        volume = slicer.mrmlScene.GetNodeByID(row.node) if row.node else None
        if volume is not None and not self.batch.busy and not self.logic.busy:
            self.panel.ui.volumeSelector.setCurrentNode(volume)

    def _on_save(self) -> None:
        self.message.say("")
        path = self.ask_path(slicer.util.mainWindow(), _("Save the table"), NAME, "csv")
        if not path:
            return
        try:
            write_text(path, batch_csv(self.batch.rows))
        except PanelError as error:
            self.message.warn(str(error))
            return
        self.message.say(_("Saved as '{name}'.").format(name=os.path.basename(path)))
