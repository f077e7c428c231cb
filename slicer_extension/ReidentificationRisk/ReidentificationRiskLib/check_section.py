"""The button that starts a check, how far it is, and the sentence for the user."""

from ReidentificationRiskLib.i18n import tr as _
from ReidentificationRiskLib.progress import ProgressArea
from ReidentificationRiskLib.section import Section

ALARM = "color: #8c1d18; background: #fbe3e1; border: 1px solid #b3261e; padding: 4px; font-weight: bold;"


class CheckSection(Section):
    """Starts and stops a check."""

    UI = "CheckSection.ui"

    def prepare(self) -> None:
        """Connect the button with the check, and the sentence with its end."""
        ui, logic = self.ui, self.logic
        self.progress = ProgressArea(ui.progressArea, ui.progressBar, ui.progressLabel, ui.cancelButton, logic)
        ui.checkButton.connect("clicked()", self._on_check)
        logic.started.connect(lambda: self.say(""))
        logic.failed.connect(lambda sentence: self.say(sentence, alarming=True))
        logic.cancelled.connect(lambda: self.say(_("Cancelled. Nothing was kept.")))
        logic.volume_changed.connect(lambda volume: self.say("") if volume is not None else None)
        self.say("")

    def update(self) -> None:
        """No second check while one runs."""
        self.ui.checkButton.setEnabled(not self.logic.busy)

    def say(self, sentence: str, alarming: bool = False) -> None:
        """Show one sentence; "" takes it away."""
        label = self.ui.messageLabel
        label.setStyleSheet(ALARM if alarming else "")
        label.setText(("⚠ " if alarming else "") + sentence)
        label.setVisible(bool(sentence))

    def _on_check(self) -> None:
        self.say("")
        self.logic.forget()
        if self.panel.may_send():
            self.logic.check(explain=self.logic.parameters.explain)
