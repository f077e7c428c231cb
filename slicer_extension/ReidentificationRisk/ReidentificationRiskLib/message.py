"""One sentence in a label of a section, near the control that it is about."""

from typing import Any

from ReidentificationRiskLib.check_section import ALARM


class Message:
    """Shows a sentence in a label, and hides the label without one."""

    def __init__(self, label: Any) -> None:
        self._label = label
        self.say("")

    def say(self, sentence: str, alarming: bool = False) -> None:
        """Show a sentence; "" takes it away."""
        self._label.setStyleSheet(ALARM if alarming else "")
        self._label.setText(("⚠ " if alarming and sentence else "") + sentence)
        self._label.setVisible(bool(sentence))

    def warn(self, sentence: str) -> None:
        """Show a sentence that says what went wrong."""
        self.say(sentence, alarming=True)
