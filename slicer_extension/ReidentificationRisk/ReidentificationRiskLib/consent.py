"""Asking the user before a scan is sent to an address for the first time."""

from typing import Any

import qt

from ReidentificationRiskLib.address import parse_address
from ReidentificationRiskLib.i18n import tr as _


def consent_text(address: str) -> str:
    """Say what is sent, where, and how safe the way there is."""
    where = parse_address(address)
    if where.is_loopback:
        way = _("The server runs on this computer.")
    elif where.scheme == "https":
        way = _("The connection is encrypted.")
    else:
        way = _("The connection is NOT encrypted: others on the network could read the scan.")
    return "\n\n".join(
        [
            _(
                "Sent are the pixels of the selected volume, its modality, spacing and orientation, and the display "
                "window. Names, DICOM headers and everything else in the scene stay here."
            ),
            _("Pixels alone can identify a person, and may hold burned-in text."),
            way,
            _("Your answer is remembered for this address until you withdraw it."),
        ]
    )


def ask_consent(address: str, parent: Any = None) -> bool:
    """Ask the user; True only when they agree."""
    box = qt.QMessageBox(parent)
    box.setObjectName("ConsentDialog")
    box.setIcon(qt.QMessageBox.Question)
    box.setWindowTitle(_("Re-identification Risk"))
    box.setText(_("Send scans to {address}?").format(address=parse_address(address).text))
    box.setInformativeText(consent_text(address))
    agree = box.addButton(_("Agree and send"), qt.QMessageBox.AcceptRole)
    refuse = box.addButton(_("Do not send"), qt.QMessageBox.RejectRole)
    box.setDefaultButton(refuse)
    box.setEscapeButton(refuse)
    box.exec_()
    return box.clickedButton() == agree
