"""The train task: fit the leakage probes of the gallery again, all or those that are named."""

from typing import Any

from monailabel.interfaces.tasks.train import TrainTask

from lib.lines import Lines, count
from lib.options import Options
from lib.params import ProbeParams
from lib.shelf import NO_GALLERY, has_gallery
from lib.studies import StudiesFolder
from reid_engine.errors import GalleryError, ReidError

NAME = "leakage_probes"

NOBODY = "nobody is enrolled; run the train task 'gallery' or reid-engine enrol"


class FitProbes(TrainTask):
    """Fits probes to the gallery's images and stores them, where checks use them; it enrols nothing."""

    def __init__(self, options: Options) -> None:
        super().__init__("Measures what the gallery's images give away of each attribute, or of those in 'attributes'")
        self.options = options

    def __call__(self, request: dict[str, Any], datastore: StudiesFolder) -> dict[str, Any]:
        """Run to the end and give counts and qualities; say how far it is in lines that name nobody."""
        lines = Lines(NAME)
        try:
            return self._run(lines, ProbeParams.of(request))
        except Exception as error:
            lines.failed(error, self.options)
            raise

    def _run(self, lines: Lines, params: ProbeParams) -> dict[str, Any]:
        from reid_engine.matcher.gallery import Gallery
        from reid_engine.probing import fit_probes

        if not has_gallery(self.options.gallery):
            raise GalleryError(NO_GALLERY)
        gallery = Gallery.open(self.options.gallery)
        if not len(gallery):
            raise GalleryError(NOBODY)
        found = fit_probes(gallery, params.attributes, discreet=True, progress=lines.doing("fitting"))
        without = count(len(found.unprobed), "attribute")
        lines.say(f"done: {count(len(found.probes), 'probe')} fitted, {without} without a probe")
        return found.to_json()


def summary(options: Options, params: ProbeParams) -> dict[str, Any] | None:
    """Give counts and qualities of the probes as the gallery holds them now; None where it cannot be read."""
    from reid_engine.matcher.gallery import Gallery
    from reid_engine.probing import read_probes

    try:
        return read_probes(Gallery.open(options.gallery), params.attributes, discreet=True).to_json()
    except ReidError:
        return None
