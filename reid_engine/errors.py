"""Every error that the library raises on purpose.

::

    ReidError                 one sentence: what, why, and what to do
    ├── ScanError             a file that cannot be read as a scan
    ├── CohortError           a manifest or folder with problems, all of them listed
    ├── EncoderError          an encoder that is unknown, or whose weights are not at hand
    ├── GalleryError          a gallery that is missing, damaged, full or made with another encoder
    ├── GateError             a limit that makes no sense
    ├── NothingToExplainError a scan of which no match can be explained
    ├── ProbeError            a probe that cannot be fitted
    │   └── SmallClassesError classes of an attribute that too few subjects share
    ├── ServeError            a server that cannot be started
    └── TrainingError         an encoder that cannot be trained
"""

from collections.abc import Mapping, Sequence


class ReidError(Exception):
    """Base of all errors that a user can mend; its text is one line without identifiers."""


class ScanError(ReidError):
    """A file cannot be read as a scan."""


class CohortError(ReidError):
    """A cohort's manifest or folder has problems.

    Parameters
    ----------
    where
        The manifest or folder.
    problems
        One line for each problem, with the manifest's row where there is one.
    """

    def __init__(self, where: str, problems: Sequence[str]) -> None:
        self.where = where
        self.problems = tuple(problems)
        noun = "problem" if len(self.problems) == 1 else "problems"
        super().__init__(f"{where}: {len(self.problems)} {noun}: " + "; ".join(self.problems))


class EncoderError(ReidError):
    """An encoder is unknown, or its weights are missing or do not fit."""


class GalleryError(ReidError):
    """A gallery is missing, damaged, in use, out of space or made with another encoder."""


class GateError(ReidError):
    """A limit of the gate that makes no sense."""


class NothingToExplainError(ReidError):
    """Nobody is enrolled to whom a scan could be compared."""


class ProbeError(ReidError):
    """A probe cannot be fitted on what is there."""


class SmallClassesError(ProbeError):
    """Fewer than two classes of an attribute have enough subjects.

    Parameters
    ----------
    text
        The sentence.
    counts
        Subjects a class. A class that few share may point to one person, so the sentence has no names of classes.
    """

    def __init__(self, text: str, counts: Mapping[str, int]) -> None:
        self.counts = dict(counts)
        super().__init__(text)


class ServeError(ReidError):
    """The MONAI Label server cannot be started."""


class TrainingError(ReidError):
    """An encoder cannot be trained on what is there."""
