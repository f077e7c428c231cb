"""The scoring: how easily each enrolled image of the studies is re-identified among all that are enrolled."""

from typing import Any

from monailabel.interfaces.tasks.scoring import ScoringMethod

from lib.lines import Lines
from lib.options import Options
from lib.shelf import NO_GALLERY, has_gallery
from lib.studies import StudiesFolder
from reid_engine.errors import GalleryError

NAME = "cohort_reidentification"

NOT_ENROLLED = "none of the studies is enrolled; run the train task 'gallery'"
NOT_FITTED = "the gallery has changed since it was fitted; run the train task 'gallery'"


class CohortReidentification(ScoringMethod):
    """Scores the studies and stores the result beside the gallery; it enrols nothing.

    The rows by image stay in the gallery; the answer is their summary, which names nobody.
    """

    def __init__(self, options: Options) -> None:
        super().__init__("Measures how easily each enrolled image of the studies is re-identified among the others")
        self.options = options

    def __call__(self, request: dict[str, Any], datastore: StudiesFolder) -> dict[str, Any]:
        """Run to the end and give the summary; say how far it is in lines that name nobody."""
        lines = Lines(NAME)
        try:
            return self._run(lines, datastore)
        except Exception as error:
            lines.failed(error, self.options)
            raise

    def _run(self, lines: Lines, datastore: StudiesFolder) -> dict[str, Any]:
        from reid_engine.cohort import read_cohort
        from reid_engine.exposure import cohort_exposure, is_fitted
        from reid_engine.exposure_report import save_exposure
        from reid_engine.matcher.gallery import Gallery

        if not has_gallery(self.options.gallery):
            raise GalleryError(NO_GALLERY)
        gallery = Gallery.open(self.options.gallery)
        samples = {sample.sample_id for sample in read_cohort(datastore.root).samples}
        if samples.isdisjoint(gallery.table["sample_id"]):
            raise GalleryError(NOT_ENROLLED)
        if not is_fitted(gallery):
            raise GalleryError(NOT_FITTED)
        exposure = cohort_exposure(gallery, samples=samples, progress=lines.progress)
        save_exposure(gallery, exposure)
        summary = exposure.summary()
        lines.say(f"done: {summary['samples']} images scored, {summary['not_enrolled']} not enrolled")
        return summary
