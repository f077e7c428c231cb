"""The server: where it is, whether it answers, what it holds, and the user's agreement to send scans there."""

from ReidentificationRiskLib.address import parse_address
from ReidentificationRiskLib.connection import SIGN_IN
from ReidentificationRiskLib.connection_words import COLOURS, standing
from ReidentificationRiskLib.errors import PanelError
from ReidentificationRiskLib.i18n import tr as _
from ReidentificationRiskLib.section import Section


class ServerSection(Section):
    """Chooses the server, and signs in there."""

    UI = "ServerSection.ui"

    def prepare(self) -> None:
        """Connect the address, the token and the agreement."""
        ui = self.ui
        ui.serverEdit.connect("editingFinished()", self._on_address)
        ui.connectButton.connect("clicked()", self._on_connect)
        ui.tokenEdit.connect("returnPressed()", self._on_connect)
        ui.keepTokenCheck.connect("clicked(bool)", self._on_keep)
        ui.withdrawButton.connect("clicked()", self._on_withdraw)
        ui.tokenNoteLabel.setText(_("The connection is NOT encrypted: others on the network could read the token."))

    def refresh(self) -> None:
        """Show the remembered address."""
        self.ui.serverEdit.setText(self.logic.settings.server)
        self.ui.serverEdit.setCursorPosition(0)

    def update(self) -> None:
        """Show how things stand with the server."""
        ui, busy, connection = self.ui, self.logic.busy, self.logic.connection
        colour, word, sentence = standing(connection)
        ui.stateLabel.setStyleSheet(COLOURS[colour] + "padding: 1px 6px; border-radius: 3px; font-weight: bold;")
        ui.stateLabel.setText(word)
        ui.connectionLabel.setText(sentence)
        agreed = connection.has_agreed()
        ui.agreementLabel.setText(
            _("You agreed to send scans here.") if agreed else _("Asks before the first scan is sent here.")
        )
        ui.withdrawButton.setVisible(agreed)
        for control in (ui.serverEdit, ui.connectButton, ui.tokenEdit, ui.keepTokenCheck, ui.withdrawButton):
            control.setEnabled(not busy)
        self._update_token()

    def take_address(self) -> None:
        """Take the address as it is typed, and a token that was typed for it."""
        self.logic.connection.move(self.ui.serverEdit.text)
        self._take_token()
        self.panel.update()

    def _update_token(self) -> None:
        ui, connection = self.ui, self.logic.connection
        held = connection.token
        for widget in (ui.tokenLabel, ui.tokenEdit, ui.keepTokenCheck):
            widget.setVisible(connection.state == SIGN_IN or bool(held))
        ui.tokenNoteLabel.setVisible((connection.state == SIGN_IN or bool(held)) and self._is_open())
        ui.tokenEdit.setPlaceholderText(_("in use; type another to replace it") if held else _("as you were given it"))
        if held:
            ui.keepTokenCheck.setChecked(connection.keeps_token)

    def _is_open(self) -> bool:
        """Whether others on the network could read along."""
        try:
            where = parse_address(self.logic.settings.server)
        except PanelError:
            return False
        return where.scheme == "http" and not where.is_loopback

    def _take_token(self) -> None:
        typed = self.ui.tokenEdit.text
        if typed.strip():
            self.ui.tokenEdit.setText("")  # nobody reads it there afterwards
            try:
                self.logic.connection.sign_in(typed, remember=self.ui.keepTokenCheck.checked)
            except PanelError as error:
                self.panel.say(str(error), alarming=True)

    def _on_address(self) -> None:
        before = self.logic.settings.server
        self.take_address()
        if self.logic.settings.server != before:
            self.logic.connection.ask()

    def _on_connect(self) -> None:
        self.take_address()
        self.logic.connection.ask()

    def _on_keep(self, keep: bool) -> None:
        if self.logic.connection.token:
            self.logic.connection.sign_in(self.logic.connection.token, remember=keep)

    def _on_withdraw(self) -> None:
        self.logic.settings.withdraw(self.logic.settings.server)
        self.panel.update()
