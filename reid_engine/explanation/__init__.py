"""Which regions of a scan made a match: where it corresponds to the enrolled image, or what it would lose without."""

from reid_engine.explanation.explaining import explain
from reid_engine.explanation.explanation import Explanation
from reid_engine.explanation.pictures import EnrolledPictures, SamplePictures

__all__ = ["EnrolledPictures", "Explanation", "SamplePictures", "explain"]
