"""A look at a volume's headers, a few files at a time so that Slicer goes on; nothing is sent."""

import time
from typing import Any, List, Optional

import qt

from ReidentificationRiskLib.errors import PanelError
from ReidentificationRiskLib.header import Look
from ReidentificationRiskLib.header_files import source_of
from ReidentificationRiskLib.i18n import tr as _
from ReidentificationRiskLib.signals import Signal

AT_A_TIME = 0.05  # seconds of reading between two looks of Qt at its events


class HeaderLogic:
    """Looks at one volume's files at a time.

    Signals
    -------
    progressed
        Files read, all files.
    finished
        The look, and how many files are missing.
    """

    def __init__(self) -> None:
        self.progressed, self.finished = Signal(), Signal()
        self._look: Optional[Look] = None
        self._left: List[str] = []
        self._all = 0
        self._missing = 0
        self._timer = qt.QTimer()
        self._timer.setSingleShot(True)
        self._timer.setInterval(0)
        self._timer.connect("timeout()", self._go_on)

    @property
    def busy(self) -> bool:
        """Whether files are left to be read."""
        return self._look is not None

    def start(self, volume: Any) -> None:
        """Begin; PanelError with one sentence where there is nothing to look at."""
        self.cancel()
        if volume is None:
            raise PanelError(_("No scan is selected: choose a volume first."))
        found = source_of(volume)
        if not found.dicom:
            raise PanelError(_("This volume did not come from DICOM, so it has no DICOM header here."))
        if not found.files:
            raise PanelError(
                _("This volume came from DICOM, but its files are no longer where they were: import them again.")
            )
        self._look, self._left, self._all, self._missing = Look(), found.files, len(found.files), found.missing
        self.progressed.emit(0, self._all)
        self._timer.start()

    def cancel(self) -> None:
        """Stop; nothing is kept."""
        self._timer.stop()
        self._look, self._left = None, []

    def _go_on(self) -> None:
        look, until = self._look, time.monotonic() + AT_A_TIME
        if look is None:
            return
        while self._left and time.monotonic() < until:
            look.add(self._left.pop(0))
        self.progressed.emit(self._all - len(self._left), self._all)
        if self._look is not look:  # whoever heard of progress stopped it
            return
        if self._left:
            self._timer.start()
            return
        self._look = None
        self.finished.emit(look, self._missing)
