"""What would lower the risk of the selected volume: measures tried by the server, and copies put into the scene."""

from typing import Any, Dict, List, Optional

from slicer.util import VTKObservationMixin

from ReidentificationRiskLib.answer import MEASURES
from ReidentificationRiskLib.derisked import HEADER_ONLY, add_made_copy, add_plain_copy
from ReidentificationRiskLib.errors import PanelError
from ReidentificationRiskLib.export import require_image
from ReidentificationRiskLib.logic import CheckLogic
from ReidentificationRiskLib.request import Request
from ReidentificationRiskLib.signals import Signal

TIMEOUT = 900.0  # seconds: each measure is a check of its own


class MeasuresLogic(VTKObservationMixin):
    """Tries measures, and makes a copy at a time.

    Signals
    -------
    changed
        The document (reid-measures/1) or None: there is another one, or the one there was holds no more.
    added
        The new volume node, and whether values beyond the display window were cut to its ends in it.
    failed
        One sentence for the user.

    Attributes
    ----------
    trying, copying
        The two requests, whose progress can be shown.
    document
        What the measures did to the selected volume, or None.
    """

    def __init__(self, logic: CheckLogic) -> None:
        super().__init__()
        self._logic = logic
        self.trying, self.copying = Request(logic.connection), Request(logic.connection)
        self.changed, self.added, self.failed = Signal(), Signal(), Signal()
        self.document: Optional[Dict[str, Any]] = None
        self._volume: Any = None
        self._params: Dict[str, Any] = {}
        self._measure = ""
        self.trying.finished.connect(self._on_document)
        self.copying.finished.connect(self._on_copy)
        for request in (self.trying, self.copying):
            request.failed.connect(self.failed.emit)
        logic.volume_changed.connect(self._follow)

    @property
    def busy(self) -> bool:
        """Whether measures are tried, or a copy is made."""
        return self.trying.busy or self.copying.busy

    @property
    def offered(self) -> bool:
        """Whether the server can try measures, as far as is known."""
        return not self._logic.connection.info or self._logic.connection.has(MEASURES)

    def rows(self) -> List[Dict[str, Any]]:
        """Give the document's rows, none without one."""
        return list(self.document["measures"]) if self.document else []

    def try_measures(self) -> None:
        """Have the server try the measures for this kind of image; needs the user's agreement to its address."""
        if self.busy:
            return
        self.forget()
        self._volume, self._params = self._logic.volume, self._logic.scan_params()
        self.trying.start("measures", self._volume, self._params, TIMEOUT)

    def make_copy(self, measure: str) -> None:
        """Add a copy of the selected volume to the scene; only a measure that changes pixels asks the server."""
        volume = self._logic.volume
        if self.busy:
            return
        try:
            require_image(volume)
        except PanelError as error:
            self.failed.emit(str(error))
            return
        if measure == HEADER_ONLY:
            self.added.emit(add_plain_copy(volume), False)
            return
        self._measure = measure
        self._volume, self._params = volume, self._params or self._logic.scan_params()
        self.copying.start("copy", volume, {**self._params, "measures": [measure]}, TIMEOUT)

    def forget(self) -> None:
        """Forget what the measures did."""
        self._params = {}
        if self.document is not None:
            self.document = None
            self.changed.emit(None)

    def close(self) -> None:
        """Stop, and observe the scene no more."""
        self.trying.close()
        self.copying.close()
        self.removeObservers()

    def _on_document(self, event: Dict[str, Any]) -> None:
        self.document = event["document"]
        self.changed.emit(self.document)

    def _on_copy(self, event: Dict[str, Any]) -> None:
        try:
            copy = add_made_copy(self._volume, event["file"], self._measure)
        except PanelError as error:
            self.failed.emit(str(error))
            return
        self.added.emit(copy, "window" in self._params)

    def _follow(self, volume: Any) -> None:
        """Stop trying, and forget, with another volume, and with this one once its pixels change."""
        self.trying.cancel()
        self.copying.cancel()
        self.removeObservers(self._on_pixels)
        if volume is not None:
            self.addObserver(volume, volume.ImageDataModifiedEvent, self._on_pixels)
        self.forget()

    def _on_pixels(self, caller: Any, event: Any) -> None:
        self.trying.cancel()
        self.forget()
