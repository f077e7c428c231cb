"""The strategy: the most exposed image of the studies that nobody has reviewed."""

from typing import Any

from monailabel.interfaces.tasks.strategy import Strategy

from lib.exposures import Exposures
from lib.failures import Refusal
from lib.reviews import Reviews
from lib.studies import StudiesFolder
from lib.study_ids import StudyIds

NAME = "highest_risk"


class HighestRisk(Strategy):
    """Proposes images by falling exposure, as the scoring found it; those without a probability come last."""

    def __init__(self, exposures: Exposures, study_ids: StudyIds) -> None:
        super().__init__("Proposes the image of the studies that is re-identified most easily, and was not reviewed")
        self.exposures = exposures
        self.reviews = Reviews()
        self.study_ids = study_ids

    def __call__(self, request: dict[str, Any], datastore: StudiesFolder) -> dict[str, Any]:
        """Note what ``request["reviewed"]`` lists, ids of images, and give the next one; nothing when all are reviewed.

        An image is proposed until it is said to be reviewed: being proposed is not being looked at.
        """
        snapshot, exposure = self.exposures.current()
        images = self.study_ids.of(datastore)
        rows = [row for row in exposure.by_exposure() if row.sample_id in images]
        samples = {images[row.sample_id]: row.sample_id for row in rows}
        said = request.get("reviewed", [])
        if not samples.keys() >= set(said):
            raise Refusal(404, "reviewed lists an image that is not among the studies that were scored")
        self.reviews.add(snapshot, [samples[image] for image in said])
        done = self.reviews.of(snapshot)
        left = [row for row in rows if row.sample_id not in done]
        if not left:
            return {}
        row = left[0]
        return {
            "id": images[row.sample_id],
            "modality": row.modality,
            "p_subject": row.p_subject,
            "p_top": row.p_top,
            "rank": row.rank,
            "near_duplicate": row.near_duplicate,
            "identical": row.identical,
            "reason": row.reason,
            "reviewed": len(rows) - len(left),
            "left": len(left),
        }
