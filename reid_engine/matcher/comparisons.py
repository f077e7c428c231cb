"""Scores of a gallery against itself, as a check would have made them: the ground that a calibration stands on.

A score is the best similarity of a query to a subject's eligible images, because that is what a check compares. The
query itself is missing among its own subject's images, so that the best is one of one fewer; to be fair, one image of
every other subject that has two or more is left out as well.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reid_engine.counting import sum_by
from reid_engine.folds import FOLDS, subject_weights
from reid_engine.matcher.population import Ints, Population, Sessions, subject_best

BINS = 2048
"""Bins of similarity over [-1, 1]; a thousandth is far below what a calibration can tell apart."""

SAMPLED_PAIRS = 400_000
"""Non-mated comparisons kept with their subjects, for resampling, beside each query's highest."""

HIGHEST = 8
"""Highest non-mated scores of each query that are all kept: what bounds a calibration lies among them."""

Blocks = Iterable[tuple[Ints, NDArray[np.float32]]]
"""Pairs of queries ``(B,)`` and their similarities ``(B, N)`` to all images, as a fresh, writable block."""


@dataclass(frozen=True)
class Comparisons:
    """Mated and non-mated scores of one modality.

    Attributes
    ----------
    mated_scores, mated_images
        ``(M,)`` score of each query against its own subject, and the query.
    hits
        ``(M,)`` whether that score was the highest of all.
    other_histogram
        ``(F, F, BINS)`` weight of the non-mated scores by fold of the query's subject, fold of the enrolled subject
        and bin; each pair of subjects weighs 1 in all.
    pair_bins, pair_queries, pair_subjects, pair_weights
        ``(K,)`` a sample of the non-mated scores: bin, subject of the query, enrolled subject, and the weight that
        makes the sample stand for all, each pair of subjects weighing 1.
    sessions
        Which of a subject's own images were eligible.
    """

    mated_scores: NDArray[np.float32]
    mated_images: Ints
    hits: NDArray[np.bool_]
    other_histogram: NDArray[np.float64]
    pair_bins: Ints
    pair_queries: Ints
    pair_subjects: Ints
    pair_weights: NDArray[np.float64]
    sessions: Sessions


def to_bin(scores: NDArray[np.floating[Any]]) -> Ints:
    """Bin of each score in [-1, 1]."""
    return np.clip(((scores + 1.0) * (BINS / 2)).astype(np.int64), 0, BINS - 1)


def bin_centres() -> NDArray[np.float64]:
    """``(BINS,)`` score in the middle of each bin."""
    return np.asarray((np.arange(BINS) + 0.5) * (2.0 / BINS) - 1.0)


def score_blocks(
    population: Population, blocks: Blocks, sessions: Sessions
) -> Iterator[tuple[Ints, NDArray[np.float32], NDArray[np.bool_]]]:
    """Turn similarities to images into scores against subjects.

    Near-duplicates of the query are left out for every subject, and of its own subject what `sessions` leaves out.

    Yields
    ------
    queries, scores, hits
        ``(B,)``; ``(B, S)``, ``-inf`` where the subject has no eligible image; and ``(B,)`` whether the best of all
        eligible images, none left out for fairness, is of the query's own subject.
    """
    counts = np.diff(population.starts, append=len(population))
    several = np.flatnonzero(counts > 1)
    for queries, similarities in blocks:
        own = population.codes[queries]
        lines = np.arange(len(queries))
        for line, query in enumerate(queries):
            out = population.ineligible(int(query), near=False, sessions=sessions)
            similarities[line, out] = -np.inf
        mated = subject_best(similarities, population.starts)[lines, own]
        hits = np.isfinite(mated) & (similarities.max(axis=1) <= mated) & _alone(similarities, mated, population, own)
        for line, query in enumerate(queries):
            others = several[several != own[line]]
            similarities[line, population.starts[others] + (query + others) % counts[others]] = -np.inf
        scores = subject_best(similarities, population.starts)
        scores[lines, own] = mated
        yield queries, scores, hits


def _alone(
    similarities: NDArray[np.float32], mated: NDArray[np.float32], population: Population, own: Ints
) -> NDArray[np.bool_]:
    """Whether no image of another subject ties with the best mate."""
    level = (similarities == mated[:, None]) & (population.codes != own[:, None])
    return np.asarray(~level.any(axis=1))


def compare(population: Population, blocks: Blocks, sessions: Sessions, seed: int = 0) -> Comparisons:
    """Score every image against every subject and keep what a calibration needs.

    Parameters
    ----------
    population
        The images.
    blocks
        Their similarities; a block's queries may come in any order, each query once.
    sessions
        Which of a subject's own images are eligible.
    seed
        Of the sample of non-mated scores.
    """
    rng = np.random.default_rng(seed)
    weights = subject_weights(population.codes)
    histogram = np.zeros(FOLDS * FOLDS * BINS)
    sampled = min(-(-SAMPLED_PAIRS // max(len(population), 1)), 4 * len(population.subjects))
    mated: list[NDArray[np.float32]] = []
    images: list[Ints] = []
    hits: list[NDArray[np.bool_]] = []
    pairs: list[_Pairs] = []
    for queries, scores, hit in score_blocks(population, blocks, sessions):
        own = population.codes[queries]
        best = scores[np.arange(len(queries)), own]
        there = np.isfinite(best)
        scores[np.arange(len(queries)), own] = -np.inf
        mated.append(best[there])
        images.append(queries[there])
        hits.append(hit[there])
        histogram += _histogram(population, own, scores, weights[queries])
        pairs.append(_sample(rng, own, scores, weights[queries], sampled))
    return Comparisons(
        mated_scores=np.concatenate(mated),
        mated_images=np.concatenate(images),
        hits=np.concatenate(hits),
        other_histogram=histogram.reshape(FOLDS, FOLDS, BINS),
        pair_bins=np.concatenate([bins for bins, _, _, _ in pairs]),
        pair_queries=np.concatenate([query for _, query, _, _ in pairs]),
        pair_subjects=np.concatenate([subject for _, _, subject, _ in pairs]),
        pair_weights=np.concatenate([weight for _, _, _, weight in pairs]),
        sessions=sessions,
    )


def _histogram(
    population: Population, own: Ints, scores: NDArray[np.float32], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    group = population.folds[own][:, None] * FOLDS + population.folds
    there = np.isfinite(scores)
    place = group * BINS + to_bin(np.where(there, scores, 0.0))
    counted = np.where(there, weights[:, None], 0.0)
    return sum_by(place.ravel(), counted.ravel(), FOLDS * FOLDS * BINS)


_Pairs = tuple[Ints, Ints, Ints, NDArray[np.float64]]


def _sample(
    rng: np.random.Generator,
    own: Ints,
    scores: NDArray[np.float32],
    weights: NDArray[np.float64],
    count: int,
) -> _Pairs:
    """Keep each query's highest non-mated scores, and `count` of the others at random, which stand for all others."""
    lines, subjects = np.arange(len(own))[:, None], scores.shape[1]
    highest = min(HIGHEST, subjects)
    kept = np.argpartition(scores, subjects - highest, axis=1)[:, subjects - highest :]
    rest = rng.integers(0, subjects, (len(own), count))
    among = (rest[:, :, None] == kept[:, None, :]).any(axis=2) | ~np.isfinite(scores[lines, rest])
    others = np.isfinite(scores).sum(axis=1) - np.isfinite(scores[lines, kept]).sum(axis=1)
    each = others / np.maximum((~among).sum(axis=1), 1)
    line = np.concatenate([np.repeat(lines[:, 0], highest), np.repeat(lines[:, 0], count)])
    subject = np.concatenate([kept.ravel(), rest.ravel()])
    weight = np.concatenate([np.ones(kept.size), np.where(among, 0.0, each[:, None]).ravel()])
    score = scores[line, subject]
    used = np.isfinite(score) & (weight > 0)
    line, subject, weight = line[used], subject[used], weight[used]
    return to_bin(score[used]), own[line], subject, weight * weights[line]
