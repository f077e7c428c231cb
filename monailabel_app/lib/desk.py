"""Where scans are checked: encoder and gallery, loaded once and kept up to date."""

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.options import Options
from lib.params import CheckParams
from lib.quiet import LOG, where
from lib.shelf import NO_GALLERY, has_gallery
from reid_engine.errors import GalleryError, ReidError

if TYPE_CHECKING:
    from reid_engine.encoder import Encoder
    from reid_engine.risk import RiskAssessor


class Desk:
    """Checks scans against the gallery of the options.

    The encoder is loaded at the first use, which :meth:`warm_up` brings forward; the gallery is opened when
    it is there, and followed when another process changes it.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self._lock = threading.Lock()
        self._encoder: Encoder | None = None
        self._loaded = ""
        self._assessor: RiskAssessor | None = None

    def warm_up(self) -> None:
        """Load what a check needs in the background."""
        threading.Thread(target=self._warm_up, name="warm-up", daemon=True).start()

    def check(self, path: Path, params: CheckParams) -> dict[str, Any]:
        """Read a scan and give its RiskReport as JSON values."""
        from reid_engine.scan import read_scan

        assessor = self.assessor()
        start = time.perf_counter()
        scan = read_scan(path, modality=params.modality, window=params.window, invert=params.invert)
        reading = time.perf_counter() - start
        report = assessor.assess(
            scan, prior_enrolled=params.prior_enrolled, population=params.population, top=params.top
        ).to_json()
        report["timing_ms"] = {"read": round(1000 * reading, 1), **report["timing_ms"]}
        return report

    def assessor(self) -> "RiskAssessor":
        """Give the assessor of the gallery as it is now; raise :class:`GalleryError` while there is none."""
        with self._lock:
            if not has_gallery(self.options.gallery):
                self._assessor = None
                raise GalleryError(NO_GALLERY)
            if self._assessor is None or not self._is_current(self._assessor):
                self._assessor = self._open()
            return self._assessor

    def encoder(self) -> "Encoder":
        """Give the encoder that the options name, else the gallery's own, else the default."""
        with self._lock:
            return self._load_encoder()

    def _open(self) -> "RiskAssessor":
        from reid_engine.matcher.gallery import Gallery
        from reid_engine.risk import RiskAssessor

        encoder = self._load_encoder()
        return RiskAssessor(Gallery.open(self.options.gallery, encoder=encoder.identity), encoder)

    def _is_current(self, assessor: "RiskAssessor") -> bool:
        """Follow the gallery; one that was made anew must be opened again."""
        try:
            assessor.refresh()
        except GalleryError:
            return False
        return True

    def _load_encoder(self) -> "Encoder":
        from reid_engine.encoder import DEFAULT_ENCODER, load_encoder
        from reid_engine.matcher.gallery import Gallery

        name = self.options.encoder
        if name is None and has_gallery(self.options.gallery):
            name = Gallery.open(self.options.gallery).encoder.name
        name = name or DEFAULT_ENCODER
        if self._encoder is None or self._loaded != name:
            self._encoder = load_encoder(name)
            self._loaded = name
        return self._encoder

    def _warm_up(self) -> None:
        try:
            if has_gallery(self.options.gallery):
                self.assessor()
            else:
                self.encoder()
            LOG.info("ready for checks")
        except ReidError as error:
            LOG.warning("not ready for checks: %s", error)
        except Exception as error:
            LOG.error("not ready for checks: %s", where(error))
