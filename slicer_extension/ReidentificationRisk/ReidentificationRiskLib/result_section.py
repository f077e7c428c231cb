"""The headline of a report: how risky, in a word, a colour and a sentence, and what the number assumes."""

from typing import Any, Dict, Optional

from ReidentificationRiskLib.headline import show_headline
from ReidentificationRiskLib.section import Section
from ReidentificationRiskLib.wording import headline


class ResultSection(Section):
    """Draws the headline."""

    UI = "ResultSection.ui"

    def prepare(self) -> None:
        """Follow the report."""
        self.logic.report_changed.connect(self._on_report)

    def update(self) -> None:
        """Show it while there is a report."""
        self.widget.setVisible(self.logic.report is not None)

    def _on_report(self, report: Optional[Dict[str, Any]]) -> None:
        if report is not None:
            show_headline(self.ui, headline(report))
