"""What to keep in mind about a report, and what was compared with what."""

from typing import Any, Dict, Optional

from ReidentificationRiskLib.section import Section
from ReidentificationRiskLib.wording import caveats, source


class CaveatsSection(Section):
    """Draws the caveats and the source."""

    UI = "CaveatsSection.ui"

    def prepare(self) -> None:
        """Follow the report."""
        self.logic.report_changed.connect(self._on_report)

    def update(self) -> None:
        """Show it while there is a report."""
        self.widget.setVisible(self.logic.report is not None)

    def _on_report(self, report: Optional[Dict[str, Any]]) -> None:
        if report is not None:
            self.ui.caveatsLabel.setText(caveats(report))
            self.ui.sourceLabel.setText(source(report))
