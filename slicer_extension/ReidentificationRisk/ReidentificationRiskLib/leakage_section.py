"""What the image gives away of the patient."""

from typing import Any, Dict, Optional

from ReidentificationRiskLib.i18n import tr as _
from ReidentificationRiskLib.rows import leakage_heads, leakage_rows
from ReidentificationRiskLib.section import Section
from ReidentificationRiskLib.table import fill_table, prepare_table


class LeakageSection(Section):
    """Draws the table of leakage."""

    UI = "LeakageSection.ui"

    def prepare(self) -> None:
        """Follow the report."""
        prepare_table(self.ui.leakageTable, leakage_heads())
        self.ui.leakageNoteLabel.setText(
            _("Not known: too few subjects are enrolled for that, or the scan is unlike them.")
        )
        self.logic.report_changed.connect(self._on_report)

    def update(self) -> None:
        """Show the table where it has rows, a sentence where it has none, and nothing without a report."""
        report = self.logic.report
        self.widget.setVisible(report is not None)
        self.ui.leakageTable.setVisible(bool(report and report["leakage"]))
        self.ui.leakageNoteLabel.setVisible(bool(report and not report["leakage"]))

    def _on_report(self, report: Optional[Dict[str, Any]]) -> None:
        self.update()  # first, as a hidden table does not know its header's height
        if report is not None:
            fill_table(self.ui.leakageTable, leakage_rows(report), numeric=(2, 3, 4))
