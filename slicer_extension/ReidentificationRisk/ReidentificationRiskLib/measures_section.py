"""What would lower the risk: measures tried on a copy, what each costs, and a de-risked copy for the scene."""

from typing import Any, Dict, Optional

from ReidentificationRiskLib.derisked import HEADER_ONLY
from ReidentificationRiskLib.i18n import tr as _
from ReidentificationRiskLib.measure_words import (
    NUMERIC,
    before_sentence,
    measure_caveats,
    measure_heads,
    measure_rows,
    measure_sentence,
    useless_sentence,
)
from ReidentificationRiskLib.measures_logic import MeasuresLogic
from ReidentificationRiskLib.message import Message
from ReidentificationRiskLib.preview import show_preview
from ReidentificationRiskLib.progress import ProgressArea
from ReidentificationRiskLib.section import Section
from ReidentificationRiskLib.table import fill_table, prepare_table

SIDE = 128  # pixels; two pictures fit beside each other in a narrow panel


class MeasuresSection(Section):
    """Draws the measures."""

    UI = "MeasuresSection.ui"

    def prepare(self) -> None:
        """Connect the buttons with the trial and the copy."""
        ui = self.ui
        self.measures = measures = MeasuresLogic(self.logic)
        self.message = Message(ui.measuresMessageLabel)
        self.progress = [
            ProgressArea(area, bar, label, button, request)
            for area, bar, label, button, request in (
                (ui.measuresProgressArea, ui.measuresProgressBar, ui.measuresProgressLabel, ui.measuresCancelButton,
                 measures.trying),
                (ui.copyProgressArea, ui.copyProgressBar, ui.copyProgressLabel, ui.copyCancelButton, measures.copying),
            )
        ]  # fmt: skip
        prepare_table(ui.measuresTable, measure_heads())
        ui.tryMeasuresButton.connect("clicked()", self._on_try)
        ui.copyButton.connect("clicked()", self._on_copy)
        ui.plainCopyButton.connect("clicked()", self._on_plain_copy)
        ui.measuresTable.connect("itemSelectionChanged()", self._on_row)
        measures.changed.connect(self._on_document)
        measures.added.connect(self._on_added)
        measures.failed.connect(self.message.warn)
        for request in (measures.trying, measures.copying):
            request.cancelled.connect(lambda: self.message.say(_("Cancelled. Nothing was kept.")))
            for moment in (request.started, request.finished, request.failed, request.cancelled):
                moment.connect(self.update)

    def update(self, *what: Any) -> None:
        """Offer what can be done now."""
        ui, measures = self.ui, self.measures
        there, free = self.logic.volume is not None, not measures.busy and not self.logic.busy
        ui.tryMeasuresButton.setEnabled(there and free and measures.offered)
        ui.copyButton.setEnabled(there and free and self._selected() is not None)
        ui.plainCopyButton.setEnabled(there and free)
        unable = _("This server cannot try measures: a newer one can.")
        if not measures.offered:
            self.message.say(unable)
        elif ui.measuresMessageLabel.text == unable:  # it was another server's
            self.message.say("")
        known = measures.document is not None
        for widget in (ui.measuresBeforeLabel, ui.measuresTable, ui.measureCaveatsLabel, ui.copyButton):
            widget.setVisible(known)
        ui.uselessLabel.setVisible(known and bool(ui.uselessLabel.text))
        selected = known and self._selected() is not None
        ui.measureLabel.setVisible(selected)
        ui.previewArea.setVisible(selected and self._pictured)

    def close(self) -> None:
        """Stop what runs."""
        self.measures.close()
        super().close()

    _pictured = False

    def _on_try(self) -> None:
        self.message.say("")
        if self.panel.may_send():
            self.measures.try_measures()

    def _on_copy(self) -> None:
        row = self._selected()
        self.message.say("")
        if row is not None and (row.get("measure") == HEADER_ONLY or self.panel.may_send()):
            self.measures.make_copy(str(row.get("measure")))

    def _on_plain_copy(self) -> None:
        self.message.say("")
        self.measures.make_copy(HEADER_ONLY)

    def _on_document(self, document: Optional[Dict[str, Any]]) -> None:
        ui = self.ui
        ui.measuresTable.clearSelection()
        ui.uselessLabel.setText("")
        self.message.say("")
        self.update()  # first, as a hidden table does not know its header's height
        if document is None:
            return
        ui.measuresBeforeLabel.setText(before_sentence(document))
        ui.uselessLabel.setText(useless_sentence(document))
        ui.measureCaveatsLabel.setText(measure_caveats(document))
        fill_table(ui.measuresTable, measure_rows(document), numeric=NUMERIC)
        self.update()

    def _on_row(self) -> None:
        row = self._selected()
        if row is not None and self.measures.document is not None:
            self.ui.measureLabel.setText(measure_sentence(row, self.measures.document))
            self.ui.previewAfterLabel.setText(_("After: {measure}").format(measure=row.get("measure")))
            before = show_preview(self.ui.previewBefore, self.measures.document.get("preview_before"), SIDE)
            after = show_preview(self.ui.previewAfter, row.get("preview"), SIDE)
            self._pictured = before or after
        self.update()

    def _selected(self) -> Optional[Dict[str, Any]]:
        """Give the row of the document that is selected in the table, or None."""
        table = self.ui.measuresTable
        chosen = [item.text() for item in table.selectedItems() if item.column() == 0]
        return next((row for row in self.measures.rows() if str(row.get("measure")) in chosen), None)

    def _on_added(self, copy: Any, cut: bool) -> None:
        said = _("'{name}' is in the scene. The scan itself is as it was.").format(name=copy.GetName())
        if cut:
            said += " " + _("In the copy, values beyond the display window are cut to its ends.")
        self.message.say(said)
        self.update()
