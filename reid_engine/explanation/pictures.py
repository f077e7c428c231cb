"""Where the pictures of enrolled images come from: a gallery holds none."""

from collections.abc import Callable

from reid_engine.cohort import Sample
from reid_engine.errors import ReidError
from reid_engine.scan import Scan, read_scan

EnrolledPictures = Callable[[str], Scan | None]
"""Gives the picture of a sample_id; None where it is not at hand. What it gives need not be what was enrolled: whoever
asks compares the pixel digests."""


class SamplePictures:
    """Reads pictures as enrolment does.

    Parameters
    ----------
    find
        Gives the sample of a sample_id; None, or a `ReidError`, where there is none.
    """

    def __init__(self, find: Callable[[str], Sample | None]) -> None:
        self.find = find

    def __call__(self, sample_id: str) -> Scan | None:
        """Read one; None where it cannot be had."""
        try:
            sample = self.find(sample_id)
            return None if sample is None else read_scan(sample.path, modality=sample.modality)
        except (ReidError, OSError):
            return None
