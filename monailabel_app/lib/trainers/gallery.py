"""The train task: enrol the datastore's images and fit what is learnt from them."""

import time
from typing import TYPE_CHECKING, Any

from monailabel.interfaces.tasks.train import TrainTask

from lib.desk import Desk
from lib.failures import explain
from lib.quiet import LOG, where
from lib.shelf import has_gallery
from lib.studies import StudiesFolder
from reid_engine.errors import CohortError, ReidError

if TYPE_CHECKING:
    from reid_engine.cohort import Cohort
    from reid_engine.encoder import Encoder
    from reid_engine.matcher.gallery import Gallery

NAME = "gallery"
_SECONDS_BETWEEN_LINES = 1.0


class EnrolStudies(TrainTask):
    """Enrols the studies folder into the gallery; images whose subject nobody names are left out."""

    def __init__(self, desk: Desk) -> None:
        super().__init__("Enrols the images of the studies folder and fits the gallery's models")
        self.desk = desk

    def __call__(self, request: dict[str, Any], datastore: StudiesFolder) -> dict[str, Any]:
        """Run to the end and give counts; say how far it is in lines that name nobody."""
        try:
            return self._run(datastore)
        except Exception as error:
            _say(f"failed: {self._reason(error)}")
            raise

    def _run(self, datastore: StudiesFolder) -> dict[str, Any]:
        from reid_engine.cohort import read_cohort
        from reid_engine.fitting import fit_gallery
        from reid_engine.matcher.enrolment import enrol

        datastore.refresh()
        cohort = read_cohort(datastore.root)
        unnamed = _unnamed(cohort, datastore)
        encoder = self.desk.encoder()
        gallery = self._gallery(encoder)
        enrolment = enrol(cohort, gallery, encoder, progress=_Lines("enrolling"))
        fit_gallery(gallery, progress=_Lines("fitting"))
        counts = {
            "added": enrolment.added,
            "skipped": enrolment.skipped,
            "replaced": enrolment.replaced,
            "unreadable": len(enrolment.refused),
            "without_subject": unnamed,
        }
        _say("done: " + ", ".join(f"{number} {word.replace('_', ' ')}" for word, number in counts.items()))
        if unnamed:
            _say(f"{_count(unnamed, 'image')} left out because the subject is not known; {_ADVICE}")
        return counts

    def _reason(self, error: Exception) -> str:
        options = self.desk.options
        names = {str(options.gallery): "the gallery", str(options.studies): "the studies folder"}
        if not isinstance(error, ReidError):
            return where(error)
        problems = f" ({_count(len(error.problems), 'problem')})" if isinstance(error, CohortError) else ""
        return explain(error, names).sentence + problems

    def _gallery(self, encoder: "Encoder") -> "Gallery":
        from reid_engine.matcher.gallery import Gallery

        path = self.desk.options.gallery
        if has_gallery(path):
            return Gallery.open(path, encoder=encoder.identity)
        return Gallery.create(path, encoder.identity)


_ADVICE = "list each file with its subject_id in manifest.csv"
_HARMLESS = ("looking for changes", "fitting ")


class _Lines:
    """Progress as a line now and then; only what is known to name no file is repeated of the library's words."""

    def __init__(self, doing: str) -> None:
        self.doing = doing
        self._last = 0.0

    def __call__(self, done: int, total: int, what: str) -> None:
        now = time.monotonic()
        if done >= total or now - self._last > _SECONDS_BETWEEN_LINES:
            self._last = now
            _say(f"{what if what.startswith(_HARMLESS) else self.doing}: {done} of {total}")


def _unnamed(cohort: "Cohort", datastore: StudiesFolder) -> int:
    named = {sample.path.resolve() for sample in cohort.samples}
    paths = (datastore.root / image for image in datastore.list_images())
    return sum(path.resolve() not in named and path.parent.resolve() not in named for path in paths)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _say(text: str) -> None:
    LOG.info("gallery: %s", text)
