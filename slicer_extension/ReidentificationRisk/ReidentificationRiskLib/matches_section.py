"""The nearest identities, and the image of the one that is selected beside the scan."""

from typing import Any, Dict, Optional

from ReidentificationRiskLib.comparison import Comparison
from ReidentificationRiskLib.i18n import tr as _
from ReidentificationRiskLib.rows import match_heads, match_keys, match_rows, match_tips, short_match_heads
from ReidentificationRiskLib.section import Section
from ReidentificationRiskLib.table import SortableTable


class MatchesSection(Section):
    """Draws the table of matches; a selected row is compared with the scan."""

    UI = "MatchesSection.ui"

    def prepare(self) -> None:
        """Follow the report, and what is selected."""
        ui = self.ui
        self.comparison = Comparison(self.logic)
        self._table = SortableTable(
            ui.matchesTable, match_heads(), short_match_heads(), match_tips(), numeric=(0, 2, 3), folded=1
        )
        self._table.chosen.connect(self._on_row)
        ui.matchesNoteLabel.setText(_("Nobody: no image of this kind is enrolled."))
        ui.backButton.connect("clicked()", self._on_back)
        self.comparison.changed.connect(self.update)
        self.logic.report_changed.connect(self._on_report)

    def update(self) -> None:
        """Show the table where it has rows, a sentence where it has none, and nothing without a report."""
        ui, report, comparison = self.ui, self.logic.report, self.comparison
        self.widget.setVisible(report is not None)
        ui.matchesTable.setVisible(bool(report and report["matches"]))
        ui.matchesNoteLabel.setVisible(bool(report and not report["matches"]))
        hint = _("Select a row to see that image beside the scan.")
        ui.compareLabel.setText(comparison.sentence or hint)
        ui.compareLabel.setVisible(bool(report and report["matches"]))
        ui.backButton.setVisible(comparison.shown or comparison.busy)
        ui.backButton.setText(_("&Back to my layout") if comparison.shown else _("Cancel"))

    def close(self) -> None:
        """Bring the views back."""
        self.comparison.close()
        super().close()

    def _on_report(self, report: Optional[Dict[str, Any]]) -> None:
        self.update()  # first, as a hidden table does not know its header's height
        if report is not None:
            self._table.fill(match_rows(report), match_keys(report))

    def _on_row(self, index: int) -> None:
        if self.logic.report is not None:
            match = self.logic.report["matches"][index]
            self.logic.choose_match(match)
            self.comparison.show(match)

    def _on_back(self) -> None:
        self._table.unselect()
        self.logic.choose_match(None)
        self.comparison.back()
