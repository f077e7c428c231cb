"""The server: where it is, whether it answers, what it holds, and the user's agreement to send scans there."""

from ReidentificationRiskLib.connection import FAILED, SIGN_IN
from ReidentificationRiskLib.i18n import tr as _
from ReidentificationRiskLib.section import Section


class ServerSection(Section):
    """Chooses the server."""

    UI = "ServerSection.ui"

    def prepare(self) -> None:
        """Connect the address, the token and the agreement."""
        ui = self.ui
        ui.serverEdit.connect("editingFinished()", self._on_address)
        ui.connectButton.connect("clicked()", self._on_connect)
        ui.withdrawButton.connect("clicked()", self._on_withdraw)

    def refresh(self) -> None:
        """Show the remembered address."""
        self.ui.serverEdit.setText(self.logic.settings.server)

    def update(self) -> None:
        """Show how things stand with the server."""
        ui, busy, connection = self.ui, self.logic.busy, self.logic.connection
        agreed = connection.has_agreed()
        ui.agreementLabel.setText(
            _("You agreed to send scans here.") if agreed else _("Asks before the first scan is sent here.")
        )
        ui.serverEdit.setEnabled(not busy)
        ui.connectButton.setEnabled(not busy)
        ui.withdrawButton.setVisible(agreed)
        ui.withdrawButton.setEnabled(not busy)
        signing_in = connection.state == SIGN_IN or bool(connection.token)
        for widget in (ui.tokenLabel, ui.tokenEdit, ui.keepTokenCheck):
            widget.setVisible(signing_in)
        ui.connectionLabel.setText(connection.reason if connection.state == FAILED else connection.state)

    def take_address(self) -> None:
        """Take the address as it is typed."""
        self.logic.connection.move(self.ui.serverEdit.text)
        self.panel.update()

    def _on_address(self) -> None:
        self.take_address()

    def _on_connect(self) -> None:
        self.take_address()
        self.logic.connection.ask()

    def _on_withdraw(self) -> None:
        self.logic.settings.withdraw(self.logic.settings.server)
        self.panel.update()
