"""What a trained encoder takes along beside its network: PLDA of its features, and which images it learnt from."""

import numpy as np
from numpy.typing import NDArray

from reid_engine.matcher.carried_plda import CarriedPlda, fit_carried, shorten
from reid_engine.training.pictures import Pictures
from reid_engine.training.rank import populations_of

Ints = NDArray[np.int64]


def fit_by_modality(pictures: Pictures, rows: Ints, vectors: NDArray[np.float32]) -> dict[str, CarriedPlda]:
    """Fit PLDA for each modality that has enough subjects.

    Parameters
    ----------
    pictures
        The cohort.
    rows
        (R,) images of subjects that the network did not learn from: the features of those it learnt from lie
        closer together than a stranger's will.
    vectors
        (R, D) their raw features.
    """
    digests = [pictures.digests[row] for row in rows]
    populations = populations_of(pictures, rows)
    found = {}
    for modality in sorted({pictures.modalities[row] for row in rows}):
        own = [one for one in populations if pictures.modalities[rows[one.rows[0]]] == modality]
        model = fit_carried(vectors, own, digests)
        if model is not None:
            found[modality] = model
    return found


def learnt_prints(pictures: Pictures, rows: Ints) -> Ints:
    """Give shortened pixel digests of images, ascending."""
    prints: Ints = np.unique(shorten(pictures.digests[row] for row in rows))
    return prints
