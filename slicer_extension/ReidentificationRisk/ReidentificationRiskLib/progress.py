"""A bar, a text and a button for Cancel, bound to one request."""

from typing import Any, Optional

from ReidentificationRiskLib.i18n import tr as _


class ProgressArea:
    """Shows how far a request is while it runs, and hides otherwise.

    Parameters
    ----------
    area, bar, label, button
        Widgets: what is shown and hidden, a QProgressBar, a QLabel and a QPushButton in it.
    request
        Anything with ``busy``, ``cancel`` and the signals ``started``, ``progressed``, ``finished``, ``failed`` and
        ``cancelled``.
    """

    def __init__(self, area: Any, bar: Any, label: Any, button: Any, request: Any) -> None:
        self._area, self._bar, self._label, self._request = area, bar, label, request
        button.connect("clicked()", request.cancel)
        request.started.connect(self._begin)
        request.progressed.connect(self._show)
        for over in (request.finished, request.failed, request.cancelled):
            over.connect(self._end)
        area.setVisible(request.busy)

    def _begin(self) -> None:
        self._show(None, _("Starting"))
        self._area.setVisible(True)

    def _show(self, fraction: Optional[float], text: str) -> None:
        self._bar.setMaximum(0 if fraction is None else 100)
        self._bar.setValue(0 if fraction is None else int(100 * fraction))
        self._label.setText(text)

    def _end(self, *what: Any) -> None:
        self._area.setVisible(self._request.busy)
