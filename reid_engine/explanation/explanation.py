"""A map of one match, and what is told of it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reid_engine.explanation.correspondence import CORRESPONDENCE
from reid_engine.explanation.occlusion import OCCLUSION
from reid_engine.plain import plain


@dataclass(frozen=True)
class Explanation:
    """A map of one match.

    Attributes
    ----------
    map
        ``(S, H, W)``, 0 to 1; 0 where the network does not look and in slices that are not embedded. By occlusion: the
        share of the similarity to the subject's image that is lost without the region. By patch correspondence: how
        much higher the cosine of the region's patch with the subject's image is than with any other subject's.
    subject_id, sample_id
        The subject, and the enrolled image that is most alike.
    similarity
        To that image, of the whole scan.
    method
        `OCCLUSION` or `CORRESPONDENCE`.
    others
        Images of other subjects that patches were compared with; 0 by occlusion.
    note
        Why a transformer's patches were not compared; None where they were, or where there are none.
    """

    map: NDArray[np.float32]
    subject_id: str
    sample_id: str
    similarity: float
    method: str = OCCLUSION
    others: int = 0
    note: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Give what the map is of as JSON values, without the map.

        Its highest value is ``most_lost`` by occlusion, and ``margin`` by patch correspondence, where nothing was taken
        away and ``most_lost`` is None.
        """
        most = float(self.map.max())
        facts: dict[str, Any] = {
            "method": self.method,
            "subject_id": self.subject_id,
            "sample_id": self.sample_id,
            "similarity": self.similarity,
        }
        if self.method == CORRESPONDENCE:
            facts |= {"most_lost": None, "margin": most, "others": self.others}
        else:
            facts |= {"most_lost": most} | ({} if self.note is None else {"note": self.note})
        return {name: plain(value) for name, value in facts.items()}
