"""The exposure of the studies as it was last scored, read from the gallery."""

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from lib.shelf import NO_GALLERY, has_gallery
from reid_engine.errors import GalleryError, ReidError

if TYPE_CHECKING:
    from reid_engine.exposure_report import CohortExposure
    from reid_engine.matcher.snapshot import Snapshot

NOT_SCORED = (
    "the studies have not been scored since the gallery last changed; run the scoring 'cohort_reidentification'"
)


class Scored(NamedTuple):
    """An exposure, and the rows of the gallery that it was measured on."""

    snapshot: "Snapshot"
    exposure: "CohortExposure"


class Exposures:
    """Follows what the scoring stores.

    Parameters
    ----------
    path
        The gallery's folder, which may appear later.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._known: tuple[tuple[str, int, str], Scored] | None = None

    def current(self) -> Scored:
        """Give the exposure that holds; raise :class:`GalleryError` where there is none."""
        from reid_engine.exposure_report import MODEL, load_exposure
        from reid_engine.matcher.gallery import Gallery

        with self._lock:
            if not has_gallery(self.path):
                raise GalleryError(NO_GALLERY)
            gallery = Gallery.open(self.path)
            if MODEL not in gallery.models:
                self._known = None
                raise GalleryError(NOT_SCORED)
            ledger = gallery.snapshot().ledger
            state = (ledger.gallery_id, ledger.samples_generation, ledger.models[MODEL].file.name)
            if self._known is None or self._known[0] != state:
                exposure = load_exposure(gallery)
                if exposure is None:
                    raise GalleryError(NOT_SCORED)
                self._known = state, Scored(gallery.snapshot(), exposure)
            return self._known[1]

    def summary(self) -> dict[str, Any] | None:
        """Give the summary of the exposure that holds; None where there is none."""
        try:
            return self.current().exposure.summary()
        except ReidError:
            return None
