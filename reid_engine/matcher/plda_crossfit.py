"""Similarities by PLDA models that had seen neither subject of a pair."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np

from reid_engine.folds import FOLDS
from reid_engine.matcher.leave_one_out import BLOCK_BYTES, FEWEST_ROWS
from reid_engine.matcher.plda import Plda, fit_scatter
from reid_engine.matcher.population import Ints, Population
from reid_engine.matcher.scatter import Flags, Floats, add_up, measure_scatter
from reid_engine.matcher.span import in_their_span

FEWEST_SUBJECTS = 20
"""Subjects with two different images that every training set must have; docs/method.md says why."""

Pair = tuple[int, int]


class CrossFittedPlda:
    """PLDA against one modality; iterate for blocks of similarities, as often as needed.

    A pair of images of subjects in folds f and g is compared by a model trained on the subjects of the other three
    folds; where f = g, the next fold is left out as well, so that all models see as many. Neither subject is ever
    known to the model, mate or stranger, so that no pair stands out by being new or by having been trained on.

    Parameters
    ----------
    vectors
        ``(N, D)`` raw features in the population's order.
    population
        The images; near-duplicates of an earlier image of the same subject do not count within it.

    Raises
    ------
    GalleryError
        There is nothing to train on; :func:`shortage` tells before.
    """

    def __init__(self, vectors: Floats, population: Population) -> None:
        self.population = population
        self._vectors = in_their_span(vectors)[0]
        self._rows = [np.flatnonzero(population.image_folds == fold) for fold in range(FOLDS)]
        self._models = _fit(self._vectors, population, self._rows)

    def __len__(self) -> int:
        return len(self._vectors)

    def __iter__(self) -> Iterator[tuple[Ints, Floats]]:
        """Yield queries ``(B,)`` and their similarities ``(B, N)``, a fresh block each; -inf to itself."""
        yield from self.of(np.arange(len(self)))

    def of(self, wanted: Ints) -> Iterator[tuple[Ints, Floats]]:
        """Yield the same for the queries that are wanted ``(M,)`` alone, fold by fold."""
        folds = self.population.image_folds[wanted]
        for fold in range(FOLDS):
            queries = wanted[folds == fold]
            if len(queries):
                yield from self._of_fold(fold, queries)

    def _of_fold(self, fold: int, wanted: Ints) -> Iterator[tuple[Ints, Floats]]:
        """Compare queries of one fold; only its view of all images is kept, as many numbers as there are features.

        Products are made fold by fold and then put into the population's order, which costs a twentieth of them.
        """
        models = [self._models[left_out(fold, other)] for other in range(FOLDS)]
        columns = [model.transform(self._vectors, rows) for model, rows in zip(models, self._rows, strict=True)]
        ends = np.cumsum([len(rows) for rows in self._rows])
        place = np.argsort(np.concatenate(self._rows))
        step = max(FEWEST_ROWS, BLOCK_BYTES // (4 * len(self)))
        buffer = np.empty((min(step, len(wanted)), len(self)), dtype=np.float32)
        for start in range(0, len(wanted), step):
            queries = wanted[start : start + step]
            products = buffer[: len(queries)]
            for model, column, end in zip(models, columns, ends, strict=True):
                part = products[:, end - len(column) : end]
                np.matmul(model.transform(self._vectors, queries), column.T, out=part)
            similarities = np.empty_like(products)
            np.take(products, place, axis=1, out=similarities, mode="clip")  # the default would copy it once more
            similarities[np.arange(len(queries)), queries] = -np.inf
            yield queries, similarities


def left_out(fold: int, other: int) -> Pair:
    """Give the two folds, lower first, that the model of their subjects' pairs was not trained on."""
    if fold == other:
        other = (fold + 1) % FOLDS
    return min(fold, other), max(fold, other)


def counted_images(population: Population) -> Flags:
    """Give for each image ``(N,)`` whether it is no near-duplicate of an earlier image of its subject."""
    images = np.repeat(np.arange(len(population)), np.diff(population.near_starts))
    near, codes = population.near_images, population.codes
    counted = np.ones(len(population), dtype=bool)
    counted[images[(near < images) & (codes[near] == codes[images])]] = False
    return counted


def shortage(population: Population) -> str | None:
    """Say why PLDA cannot be trained, as a part of a sentence; None where it can."""
    different = np.bincount(population.codes[counted_images(population)], minlength=len(population.starts))
    by_fold = np.bincount(population.folds[different > 1], minlength=FOLDS)
    fewest = min(int(by_fold.sum() - by_fold[list(pair)].sum()) for pair in combinations(range(FOLDS), 2))
    if fewest >= FEWEST_SUBJECTS:
        return None
    return (
        f"PLDA is trained on other subjects who have two images that are not near-duplicates; "
        f"{fewest} would be left for it, {FEWEST_SUBJECTS} are needed"
    )


def _fit(vectors: Floats, population: Population, rows: list[Ints]) -> dict[Pair, Plda]:
    """Train a model without each pair of folds; the scatter of a fold is measured once."""
    counted = counted_images(population)
    parts = [measure_scatter(vectors, population.codes, counted, fold) for fold in rows]
    return {
        pair: fit_scatter(add_up([part for fold, part in enumerate(parts) if fold not in pair]))
        for pair in combinations(range(FOLDS), 2)
    }
