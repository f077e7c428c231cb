"""A mark on a result that the scene kept: it was made earlier."""

from ReidentificationRiskLib.document import shown_time
from ReidentificationRiskLib.i18n import tr as _
from ReidentificationRiskLib.section import Section

MARK = "color: #1a1a1a; background: #e6eefc; border: 1px solid #3a5a98; padding: 4px; font-weight: bold;"


class EarlierSection(Section):
    """Says when the result below was made, where it is not of a check in this session."""

    UI = "EarlierSection.ui"

    def prepare(self) -> None:
        """Look the same in light and dark."""
        self.ui.earlierLabel.setStyleSheet(MARK)

    def update(self) -> None:
        """Show it while such a result is shown."""
        made = self.logic.earlier
        self.widget.setVisible(bool(made))
        if made:
            text = _("Earlier result, of {when}, kept in the scene. The gallery may have changed since: check again.")
            self.ui.earlierLabel.setText(text.format(when=shown_time(made)))
