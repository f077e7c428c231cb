"""How a match is explained: by patch correspondence where that can be had, else by occlusion."""

import numpy as np
from numpy.typing import NDArray

from reid_engine.errors import NothingToExplainError, ReidError
from reid_engine.explanation.correspondence import CORRESPONDENCE, Correspondence, Margins, NoCorrespondenceError
from reid_engine.explanation.explanation import Explanation
from reid_engine.explanation.map import lay
from reid_engine.explanation.occlusion import OCCLUSION, Occlusion, similarities
from reid_engine.explanation.pictures import EnrolledPictures
from reid_engine.progress import Progress, silent
from reid_engine.risk import RiskAssessor
from reid_engine.roster import Roster
from reid_engine.scan import UNKNOWN, Scan

Floats = NDArray[np.float32]


def explain(
    assessor: RiskAssessor,
    scan: Scan,
    subject_id: str | None = None,
    *,
    enrolled: EnrolledPictures | None = None,
    progress: Progress = silent,
) -> Explanation:
    """Show which regions of a scan made it match a subject.

    Parameters
    ----------
    assessor
        The gallery and its encoder.
    scan
        What `reid_engine.scan.read_scan` gave.
    subject_id
        An enrolled subject; the most alike one when left out.
    enrolled
        Gives enrolled pictures, which a gallery does not hold. With them, the patches of a vision transformer are
        compared; without, and for other networks, regions are blurred in turn.
    progress
        Called with (done, all, "images") or (done, all, "regions").

    Raises
    ------
    NothingToExplainError
        Nobody of the scan's modality is enrolled.
    ReidError
        This subject is not.
    """
    roster = assessor.roster(scan.modality)
    if roster is None:
        what = "choose the scan's modality" if scan.modality == UNKNOWN else f"enrol {scan.modality} images"
        raise NothingToExplainError(
            f"there is nothing to explain: the gallery has no images of this kind; {what}, and try again"
        )
    encoder = assessor.encoder
    prepared = encoder.prepare(scan)
    features = encoder.forward(prepared)
    pooled = features.mean(axis=0)[None]
    vector = roster.backend.transform(pooled)[0]
    image = _most_alike(roster, vector, subject_id)
    target = roster.vectors[image]
    whole = float(similarities(roster, pooled, target)[0])
    found, note = _margins(assessor, roster, enrolled, (prepared, vector), image, progress)
    if found is None:
        values = Occlusion(encoder, roster, prepared, features, target).lost(whole, progress)
    else:
        values = found.values
    return Explanation(
        map=lay(encoder, scan, values),
        subject_id=roster.population.subjects[int(roster.population.codes[image])],
        sample_id=str(roster.columns["sample_id"][image]),
        similarity=whole,
        method=OCCLUSION if found is None else CORRESPONDENCE,
        others=0 if found is None else found.others,
        note=note,
    )


def _margins(
    assessor: RiskAssessor,
    roster: Roster,
    enrolled: EnrolledPictures | None,
    scan: tuple[Floats, Floats],
    image: int,
    progress: Progress,
) -> tuple[Margins | None, str | None]:
    """Compare patches; where that cannot be done, say why, and nothing where the network has none."""
    if not assessor.encoder.has_patches:
        return None, None
    if enrolled is None:
        return None, "the enrolled images are not at hand"
    try:
        return Correspondence(assessor.encoder, roster, enrolled).margins(*scan, image, progress), None
    except NoCorrespondenceError as error:
        return None, str(error)


def _most_alike(roster: Roster, vector: Floats, subject_id: str | None) -> int:
    """Give the row of the subject's image that is most alike to a unit vector (d,)."""
    alike = roster.vectors @ vector
    if subject_id is not None:
        if subject_id not in roster.population.subjects:
            raise ReidError("no such subject is enrolled with images of this kind; take one of the matches of a check")
        own = roster.population.codes == list(roster.population.subjects).index(subject_id)
        alike = np.where(own, alike, -np.inf)
    return int(np.argmax(alike))
