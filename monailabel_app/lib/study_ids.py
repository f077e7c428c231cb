"""Which image of the studies folder is which enrolled sample."""

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from lib.studies import StudiesFolder
from reid_engine.errors import ReidError

if TYPE_CHECKING:
    from reid_engine.cohort import Cohort, Sample

_MANIFEST = "manifest.csv"

_State = tuple[tuple[str, ...], tuple[int, int] | None]


class StudyIds:
    """Finds an enrolled sample's image in the studies folder; read anew when the folder changed.

    A manifest's samples are called by their files. DICOM files are enrolled under pseudonyms, so that the gallery does
    not tell which file was which: that follows from the files' headers, every time.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: tuple[_State, dict[str, str], dict[str, Sample]] | None = None

    def of(self, studies: StudiesFolder) -> dict[str, str]:
        """Give the id of the image that stands for each sample; of a series, that of its first slice."""
        return self._read(studies)[0]

    def sample(self, studies: StudiesFolder, sample_id: str) -> "Sample | None":
        """Give a sample of the studies; None where it has no image among them."""
        images, samples = self._read(studies)
        return samples[sample_id] if sample_id in images else None

    def _read(self, studies: StudiesFolder) -> "tuple[dict[str, str], dict[str, Sample]]":
        from reid_engine.cohort import read_cohort

        with self._lock:
            images = tuple(studies.list_images())
            state = (images, _stamp(studies.root / _MANIFEST))
            if self._known is None or self._known[0] != state:
                cohort = read_cohort(studies.root)
                samples = {sample.sample_id: sample for sample in cohort.samples}
                self._known = state, _matched(cohort, studies.root, images), samples
            return self._known[1:]


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def _matched(cohort: "Cohort", root: Path, images: tuple[str, ...]) -> dict[str, str]:
    by_file = {(root / image).resolve(): image for image in reversed(images)}
    found = {}
    for sample in cohort.samples:
        image = next((by_file[path] for path in _files(sample.path.resolve()) if path in by_file), None)
        if image is not None:
            found[sample.sample_id] = image
    return found


def _files(path: Path) -> list[Path]:
    """Give the file that a sample is, or those of its series, the first slice first."""
    from reid_engine.readers.series import find_series

    if path.is_file():
        return [path]
    try:
        return find_series(path)
    except (ReidError, OSError):
        return []  # gone since the cohort was read
