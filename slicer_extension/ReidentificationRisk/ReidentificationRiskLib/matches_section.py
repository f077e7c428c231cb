"""The nearest identities."""

from typing import Any, Dict, Optional

from ReidentificationRiskLib.i18n import tr as _
from ReidentificationRiskLib.rows import match_heads, match_rows
from ReidentificationRiskLib.section import Section
from ReidentificationRiskLib.table import fill_table, prepare_table


class MatchesSection(Section):
    """Draws the table of matches."""

    UI = "MatchesSection.ui"

    def prepare(self) -> None:
        """Follow the report."""
        prepare_table(self.ui.matchesTable, match_heads())
        self.ui.matchesNoteLabel.setText(_("Nobody: no image of this kind is enrolled."))
        self.ui.compareLabel.setVisible(False)
        self.ui.backButton.setVisible(False)
        self.logic.report_changed.connect(self._on_report)

    def update(self) -> None:
        """Show the table where it has rows, a sentence where it has none, and nothing without a report."""
        report = self.logic.report
        self.widget.setVisible(report is not None)
        self.ui.matchesTable.setVisible(bool(report and report["matches"]))
        self.ui.matchesNoteLabel.setVisible(bool(report and not report["matches"]))

    def _on_report(self, report: Optional[Dict[str, Any]]) -> None:
        self.update()  # first, as a hidden table does not know its header's height
        if report is not None:
            fill_table(self.ui.matchesTable, match_rows(report), numeric=(0, 2, 3))
