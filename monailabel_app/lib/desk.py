"""Where scans are checked: encoder and gallery, loaded once and kept up to date."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from lib.failures import Refusal
from lib.options import Options
from lib.params import CheckParams, MeasureParams, ScanParams
from lib.quiet import LOG, where
from lib.shelf import NO_GALLERY, has_gallery
from lib.watch import TookTooLongError
from reid_engine.errors import GalleryError, NothingToExplainError, ReidError
from reid_engine.progress import Progress

if TYPE_CHECKING:
    from reid_engine.cohort import Sample
    from reid_engine.encoder import Encoder
    from reid_engine.risk import RiskAssessor
    from reid_engine.scan import Scan

    FindSample = Callable[[str], Sample | None]


class Answer(NamedTuple):
    """JSON values, and a volume as the bytes of a NIfTI file where there is one."""

    document: dict[str, Any]
    volume: bytes | None = None


class Desk:
    """Checks scans against the gallery of the options.

    The encoder is loaded at the first use, which :meth:`warm_up` brings forward; the gallery is opened when
    it is there, and followed when another process changes it.

    Parameters
    ----------
    options
        The app's options.
    find_sample
        Gives the sample of the studies that has a sample_id; None where none has. A map compares the scan with its
        picture, which is not shown to anybody.
    """

    def __init__(self, options: Options, find_sample: "FindSample" = lambda sample_id: None) -> None:
        self.options = options
        self.find_sample = find_sample
        self._lock = threading.Lock()
        self._encoder: Encoder | None = None
        self._loaded = ""
        self._assessor: RiskAssessor | None = None

    def warm_up(self) -> None:
        """Load what a check needs in the background."""
        threading.Thread(target=self._warm_up, name="warm-up", daemon=True).start()

    def check(self, path: Path, params: CheckParams) -> Answer:
        """Read a scan and give its RiskReport."""
        return Answer(self._check(self.assessor(), path, params)[0])

    def explain(self, path: Path, params: CheckParams, progress: Progress) -> Answer:
        """Give a scan's RiskReport, and the map of the regions that made a match, which lies over the scan.

        Where nothing can be explained there is no map; the report says why, under ``explanation``.
        """
        from reid_engine.explanation import SamplePictures, explain
        from reid_engine.grid import read_grid

        assessor = self.assessor()
        report, scan = self._check(assessor, path, params)
        start = time.perf_counter()
        try:
            pictures = SamplePictures(self.find_sample)
            found = explain(assessor, scan, params.explain_subject, enrolled=pictures, progress=progress)
        except (NothingToExplainError, TookTooLongError) as error:
            return Answer({**report, "explanation": {"reason": str(error)}})
        volume = read_grid(path, scan).write(found.map)
        report["timing_ms"]["explain"] = round(1000 * (time.perf_counter() - start), 1)
        return Answer({**report, "explanation": found.to_json()}, volume)

    def compare(self, path: Path, params: MeasureParams, progress: Progress) -> Answer:
        """Give what each measure would do to a scan's risk and to its picture, with small pictures."""
        from reid_engine.measures.comparison import measure_by_measure
        from reid_engine.measures.previews import document_with_previews

        assessor = self.assessor()
        scan = _read(path, params)
        before, rows = measure_by_measure(
            assessor,
            scan,
            params.measures,
            prior_enrolled=params.prior_enrolled,
            population=params.population,
            progress=progress,
        )
        return Answer(document_with_previews(before, rows, scan))

    def make_copy(self, path: Path, params: MeasureParams, progress: Progress) -> Answer:
        """Do as :meth:`compare` for one measure, and give the changed copy, which lies over the scan."""
        from reid_engine.measures.comparison import compare_measures
        from reid_engine.measures.copies import write_copy
        from reid_engine.measures.previews import document_with_previews

        if params.measures is None or len(params.measures) != 1:
            raise Refusal(422, "a copy is made by one measure; name exactly one in measures")
        assessor = self.assessor()
        scan = _read(path, params)
        before, rows = compare_measures(
            assessor,
            scan,
            params.measures,
            prior_enrolled=params.prior_enrolled,
            population=params.population,
            progress=progress,
        )
        return Answer(document_with_previews(before, rows, scan), write_copy(path, scan, rows[0]))

    def _check(self, assessor: "RiskAssessor", path: Path, params: CheckParams) -> tuple[dict[str, Any], "Scan"]:
        start = time.perf_counter()
        scan = _read(path, params)
        reading = time.perf_counter() - start
        report = assessor.assess(
            scan, prior_enrolled=params.prior_enrolled, population=params.population, top=params.top
        ).to_json()
        report["timing_ms"] = {"read": round(1000 * reading, 1), **report["timing_ms"]}
        return report, scan

    def digest_of(self, sample_id: str) -> str | None:
        """Give the pixel digest that a sample was enrolled with; None for one that is not."""
        table = self.assessor().gallery.table
        found = table.loc[table["sample_id"] == sample_id, "pixel_digest"]
        return None if found.empty else str(found.iloc[0])

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


def _read(path: Path, params: ScanParams) -> "Scan":
    from reid_engine.scan import read_scan

    return read_scan(path, modality=params.modality, window=params.window, invert=params.invert)
