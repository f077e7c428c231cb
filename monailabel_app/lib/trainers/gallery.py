"""The train task: enrol the datastore's images and fit what is learnt from them."""

from typing import TYPE_CHECKING, Any

from monailabel.interfaces.tasks.train import TrainTask

from lib.desk import Desk
from lib.lines import Lines, count
from lib.shelf import has_gallery
from lib.studies import StudiesFolder

if TYPE_CHECKING:
    from reid_engine.cohort import Cohort
    from reid_engine.encoder import Encoder
    from reid_engine.matcher.gallery import Gallery

NAME = "gallery"
_ADVICE = "list each file with its subject_id in manifest.csv"


class EnrolStudies(TrainTask):
    """Enrols the studies folder into the gallery; images whose subject nobody names are left out."""

    def __init__(self, desk: Desk) -> None:
        super().__init__("Enrols the images of the studies folder and fits the gallery's models")
        self.desk = desk

    def __call__(self, request: dict[str, Any], datastore: StudiesFolder) -> dict[str, Any]:
        """Run to the end and give counts; say how far it is in lines that name nobody."""
        lines = Lines(NAME)
        try:
            return self._run(lines, datastore)
        except Exception as error:
            lines.failed(error, self.desk.options)
            raise

    def _run(self, lines: Lines, datastore: StudiesFolder) -> dict[str, Any]:
        from reid_engine.cohort import read_cohort
        from reid_engine.fitting import fit_gallery
        from reid_engine.matcher.enrolment import enrol

        datastore.refresh()
        cohort = read_cohort(datastore.root)
        unnamed = _unnamed(cohort, datastore)
        encoder = self.desk.encoder()
        gallery = self._gallery(encoder)
        enrolment = enrol(cohort, gallery, encoder, progress=lines.doing("enrolling"))
        fit_gallery(gallery, progress=lines.doing("fitting"))
        counts = {
            "added": enrolment.added,
            "skipped": enrolment.skipped,
            "replaced": enrolment.replaced,
            "unreadable": len(enrolment.refused),
            "without_subject": unnamed,
        }
        lines.say("done: " + ", ".join(f"{number} {word.replace('_', ' ')}" for word, number in counts.items()))
        if unnamed:
            lines.say(f"{count(unnamed, 'image')} left out because the subject is not known; {_ADVICE}")
        return counts

    def _gallery(self, encoder: "Encoder") -> "Gallery":
        from reid_engine.matcher.gallery import Gallery

        path = self.desk.options.gallery
        if has_gallery(path):
            return Gallery.open(path, encoder=encoder.identity)
        return Gallery.create(path, encoder.identity)


def _unnamed(cohort: "Cohort", datastore: StudiesFolder) -> int:
    named = {sample.path.resolve() for sample in cohort.samples}
    paths = (datastore.root / image for image in datastore.list_images())
    return sum(path.resolve() not in named and path.parent.resolve() not in named for path in paths)
