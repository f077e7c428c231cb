"""Every image searches for its subject among the others, once: all that is measured is counted on the way."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reid_engine.compiled import compiled, share_rows, threads
from reid_engine.evaluation.strata import Eligibility
from reid_engine.evaluation.sweep_kernel import COUNTS, score_rows, search_rows
from reid_engine.folds import FOLDS, subject_weights
from reid_engine.matcher.comparisons import BINS, HIGHEST, SAMPLED_PAIRS, Comparisons
from reid_engine.matcher.population import Ints, Population

Floats = NDArray[np.float64]
Block = tuple[Ints, NDArray[np.float32]]

TOP = 32
"""Highest scores of strangers that are kept for every query: what an open set is measured with."""


@dataclass(frozen=True)
class Sweep:
    """What was counted of N queries in T strata.

    Attributes
    ----------
    counts
        ``(N, T, 6)``, columns as in `sweep_kernel`: mates, eligible images, images above the best mate, images level
        with it, mates among those, and subjects with an image above it.
    precision
        ``(N, T)`` average precision at R.
    nearest
        ``(N, 2)`` best mate and best stranger in the first stratum, -1 where there is none; ``(N, 2)`` in
        `nearest_similarity`.
    comparisons
        Scores of queries against subjects.
    own_scores
        ``(N,)`` score against the own subject, -inf without a mate.
    top_scores, top_subjects
        ``(N, K)`` highest scores against other subjects, falling, and whose; -1 where there are fewer.
    """

    counts: NDArray[np.int32]
    precision: Floats
    nearest: Ints
    nearest_similarity: NDArray[np.float32]
    comparisons: Comparisons
    own_scores: NDArray[np.float32]
    top_scores: NDArray[np.float32]
    top_subjects: NDArray[np.int32]


def sweep(population: Population, blocks: Iterable[Block], eligible: Eligibility, scored: str, seed: int = 0) -> Sweep:
    """Go once over all similarities.

    Parameters
    ----------
    population
        N images.
    blocks
        Queries ``(B,)`` and their similarities ``(B, N)``, which are written to; every query once.
    eligible
        The strata.
    scored
        Name of the stratum whose mates the score against the own subject takes; near-duplicates are left out of all
        scores from its limit on.
    seed
        Of the sample of non-mated scores.
    """
    work = _Work(population, eligible, scored, seed)
    with ThreadPoolExecutor(threads(), thread_name_prefix="sweep") as pool:
        for queries, similarities in blocks:
            work.search(queries, similarities, pool)
            work.score(queries, similarities, pool)
    return work.result()


class _Work:
    """Arrays that the loops fill."""

    def __init__(self, population: Population, eligible: Eligibility, scored: str, seed: int) -> None:
        self.population, self.eligible = population, eligible
        self.bit = eligible.bit(scored)
        self.sessions = eligible.strata[self.bit].sessions
        self.rng = np.random.default_rng(seed)
        images, strata = len(population), len(eligible.strata)
        self.starts = np.append(population.starts, images)
        self.votes = subject_weights(population.codes)
        self.counts = np.zeros((images, strata, COUNTS), dtype=np.int32)
        self.precision = np.zeros((images, strata))
        self.nearest = np.full((images, 2), -1, dtype=np.int64)
        self.nearest_similarity = np.full((images, 2), -np.inf, dtype=np.float32)
        self.own = np.full(images, -np.inf, dtype=np.float32)
        self.hits = np.zeros(images, dtype=np.bool_)
        self.histograms = np.zeros((threads(), FOLDS, FOLDS, BINS))
        kept = min(TOP, max(len(population.subjects) - 1, 1))
        self.top_scores = np.empty((images, kept), dtype=np.float32)
        self.top_subjects = np.empty((images, kept), dtype=np.int32)
        self.highest = min(HIGHEST, kept)
        self.sampled = min(-(-SAMPLED_PAIRS // max(images, 1)), 4 * len(population.subjects))
        self.pairs: list[tuple[Ints, Ints, Ints, Floats]] = []

    def search(self, queries: Ints, similarities: NDArray[np.float32], pool: ThreadPoolExecutor) -> None:
        loop, e, starts = compiled(search_rows), self.eligible, self.starts
        size, strata = len(queries), len(e.strata)
        counts = np.zeros((size, strata, COUNTS), dtype=np.int32)
        precision, nearest = np.zeros((size, strata)), np.full((size, 2), -1, dtype=np.int64)

        def work(_: int, first: int, last: int) -> None:
            loop(
                first, last, queries, similarities, self.population.codes, starts, e.pair_starts, e.pair_bits,
                e.near_starts, e.near_images, e.near_similarity, e.relation, e.column, e.keys, e.key_counts,
                e.near_limit, counts, precision, nearest,
            )  # fmt: skip

        share_rows(work, size, pool)
        self.counts[queries], self.precision[queries], self.nearest[queries] = counts, precision, nearest
        lines = np.arange(size)
        for side in range(2):
            found = np.where(nearest[:, side] >= 0, similarities[lines, nearest[:, side]], -np.inf)
            self.nearest_similarity[queries, side] = found

    def score(self, queries: Ints, similarities: NDArray[np.float32], pool: ThreadPoolExecutor) -> None:
        loop, e, size = compiled(score_rows), self.eligible, len(queries)
        drawn = self.rng.integers(0, len(self.population.subjects), (size, self.sampled))
        kept, columns = self.top_scores.shape[1], self.highest + self.sampled
        own, hits = np.empty(size, dtype=np.float32), np.zeros(size, dtype=np.bool_)
        top, whose = np.empty((size, kept), dtype=np.float32), np.empty((size, kept), dtype=np.int32)
        place, weight = np.empty((size, columns), dtype=np.int64), np.zeros((size, columns))

        def work(thread: int, first: int, last: int) -> None:
            loop(
                first, last, queries, similarities, self.population.codes, self.starts, e.pair_starts, e.pair_bits,
                self.bit, e.near_starts, e.near_images, e.near_similarity, e.near_limit[self.bit],
                self.population.folds, self.votes, BINS, drawn, own, hits, self.histograms[thread], top, whose,
                place, weight,
            )  # fmt: skip

        share_rows(work, size, pool)
        self.own[queries], self.hits[queries] = own, hits
        self.top_scores[queries], self.top_subjects[queries] = top, whose
        line, column = np.nonzero((place >= 0) & (weight > 0))
        subject, bins = np.divmod(place[line, column], BINS)
        self.pairs.append((bins, self.population.codes[queries[line]], subject, weight[line, column]))

    def result(self) -> Sweep:
        mated = np.flatnonzero(np.isfinite(self.own))
        bins, query, subject, weight = (np.concatenate(part) for part in zip(*self.pairs, strict=True))
        comparisons = Comparisons(
            mated_scores=self.own[mated],
            mated_images=mated,
            hits=self.hits[mated],
            other_histogram=self.histograms.sum(axis=0),
            pair_bins=bins,
            pair_queries=query,
            pair_subjects=subject,
            pair_weights=weight,
            sessions=self.sessions,
        )
        return Sweep(
            counts=self.counts,
            precision=self.precision,
            nearest=self.nearest,
            nearest_similarity=self.nearest_similarity,
            comparisons=comparisons,
            own_scores=self.own,
            top_scores=self.top_scores,
            top_subjects=self.top_subjects,
        )
