"""A gallery against itself by PLDA: each image as a query that the model had not seen, all others as enrolled.

A check has this situation: its scan is new, the images that it is compared with are those on whose identities the
model was trained. Such a model brings the images of an enrolled subject closer together, and the attacker is stronger
than one who trains on other people (:mod:`reid_engine.matcher.plda_crossfit`). So the query is left out of the
training together with what a check's scan could not have there either (images of its session, near-duplicates), and
its subject's other images are not: they would stand out from all strangers by being new. To leave out a tenth of the
images at a time, dealt so that a subject's visits lie in different tenths, takes ten models instead of one an image.
"""

from collections.abc import Iterator

import numpy as np

from reid_engine.matcher.leave_one_out import BLOCK_BYTES, FEWEST_ROWS
from reid_engine.matcher.plda import Plda, fit_scatter
from reid_engine.matcher.plda_crossfit import counted_images
from reid_engine.matcher.population import Ints, Population, Sessions
from reid_engine.matcher.scatter import Floats, measure_scatter
from reid_engine.matcher.span import in_their_span

PARTS = 10
"""Parts of the images, each left out of one model; no two visits of a subject with up to so many are in one part."""


class LeftOutPlda:
    """PLDA of all images but the query's part; iterate for blocks of similarities, as often as needed.

    Parameters
    ----------
    vectors
        ``(N, D)`` raw features in the population's order.
    population
        The images; near-duplicates of an earlier image of the same subject do not count within it.
    sessions
        Which images of the query's own subject are eligible: the others are left out with the query.

    Raises
    ------
    GalleryError
        There is nothing to train on; :func:`reid_engine.matcher.plda_crossfit.shortage` tells before.
    """

    def __init__(self, vectors: Floats, population: Population, sessions: Sessions) -> None:
        self.population = population
        self._vectors = in_their_span(vectors)[0]
        self._parts = parts(population, sessions)
        counted = counted_images(population)
        self._models: list[Plda] = []
        for part in range(PARTS):
            kept = np.flatnonzero(self._parts != part)
            self._models.append(fit_scatter(measure_scatter(self._vectors, population.codes, counted, kept)))

    def __len__(self) -> int:
        return len(self._vectors)

    def __iter__(self) -> Iterator[tuple[Ints, Floats]]:
        """Yield queries ``(B,)`` and their similarities ``(B, N)``, a fresh block each; -inf to itself.

        So is the similarity to every image that was left out with it: two images that a model has not seen are more
        alike to it than one that it has seen and one that it has not.
        """
        step = max(FEWEST_ROWS, BLOCK_BYTES // (4 * len(self)))
        for part, model in enumerate(self._models):
            wanted = np.flatnonzero(self._parts == part)
            if not len(wanted):
                continue
            rows = model.transform(self._vectors)
            for start in range(0, len(wanted), step):
                queries = wanted[start : start + step]
                similarities = rows[queries] @ rows.T
                similarities[:, wanted] = -np.inf
                yield queries, similarities


def parts(population: Population, sessions: Sessions) -> Ints:
    """Give the part ``(N,)`` of each image; images of a subject that may not be compared are in the same one."""
    found = np.empty(len(population), dtype=np.int64)
    start = np.random.default_rng(0).integers(0, PARTS, len(population.subjects))
    for code, first in enumerate(population.starts):
        own = population.own(int(first))
        group = _groups(population, own, sessions)
        found[own] = (start[code] + group) % PARTS
    return found


def _groups(population: Population, own: Ints, sessions: Sessions) -> Ints:
    """Give a subject's images numbers ``(n,)``, the same to those that may not be compared, directly or in turn."""
    group: Ints = np.arange(len(own))
    for place, image in enumerate(own):
        out = np.flatnonzero(np.isin(own, population.ineligible(int(image), near=False, sessions=sessions)))
        group[np.isin(group, group[out])] = group[place]
    return np.unique(group, return_inverse=True)[1].astype(np.int64)
