"""Rank-1 among held-out subjects, as an evaluation counts it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reid_engine.evaluation.confidence import Estimate, mean_estimate
from reid_engine.matcher.comparisons import score_blocks
from reid_engine.matcher.crossfit import CrossFitted
from reid_engine.matcher.duplicates import near_duplicate_pairs
from reid_engine.matcher.population import Population, Sessions, arrange
from reid_engine.training.pictures import Pictures

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

BACKEND = "cosine"
"""The attacker of the curve and of the card; nothing is fitted for it but the mean."""


@dataclass(frozen=True)
class Ranks:
    """What Q queries found; a query has an eligible image of its own subject.

    Attributes
    ----------
    hits
        (Q,) 1 where the most similar image is of the own subject, else 0.
    margins
        (Q,) best similarity to the own subject less the best to another.
    codes
        (Q,) subject numbers.
    """

    hits: Floats
    margins: Floats
    codes: Ints

    @property
    def rank_1(self) -> float:
        """Share of the queries that find their subject first; 0 without queries."""
        return float(self.hits.mean()) if len(self.hits) else 0.0

    @property
    def merit(self) -> tuple[float, float]:
        """Rank-1, and the mean margin for where rank-1 is the same."""
        return self.rank_1, float(self.margins.mean()) if len(self.margins) else 0.0

    def estimate(self) -> Estimate:
        """Rank-1 with its interval by resampling subjects."""
        return mean_estimate(self.hits, self.codes, share=True)


class HeldOut:
    """Images that search for their subject among each other, leave-one-out and within their modality and data set.

    Near-duplicates of a query never count. Images of the query's own session do not either, unless no query has
    another one.

    Parameters
    ----------
    pictures
        The cohort.
    rows
        (R,) images of it.
    """

    def __init__(self, pictures: Pictures, rows: Ints) -> None:
        self.rows = rows
        self._populations = populations_of(pictures, rows)
        names = np.array([pictures.samples[row].subject_id for row in rows], dtype=object)
        self._codes = np.unique(names.astype(str), return_inverse=True)[1].astype(np.int64)
        self.subjects = len(np.unique(self._codes))
        self.sessions: Sessions = "not the same" if self._any_mates("not the same") else "any"

    def ranks(self, vectors: NDArray[np.float32]) -> Ranks:
        """Judge raw features (R, D) of the images."""
        hits, margins, queries = [], [], []
        for population in self._populations:
            blocks = CrossFitted(BACKEND, vectors[population.rows], population)
            for block, scores, hit in score_blocks(population, blocks, self.sessions):
                lines, own = np.arange(len(block)), population.codes[block]
                mated = scores[lines, own].copy()
                scores[lines, own] = -np.inf
                margin = mated - scores.max(axis=1)
                counts = np.isfinite(margin)
                hits.append(hit[counts].astype(np.float64))
                margins.append(margin[counts].astype(np.float64))
                queries.append(population.rows[block[counts]])
        if not queries:
            return Ranks(np.empty(0), np.empty(0), np.empty(0, dtype=np.int64))
        return Ranks(np.concatenate(hits), np.concatenate(margins), self._codes[np.concatenate(queries)])

    def _any_mates(self, sessions: Sessions) -> bool:
        return any(
            len(population.mates(image, near=False, sessions=sessions))
            for population in self._populations
            for image in range(len(population))
        )


def populations_of(pictures: Pictures, rows: Ints) -> list[Population]:
    """Arrange the images (R,) of each modality and data set; their rows are places in `rows`."""
    names = pictures.groups
    groups = np.array([names[row] for row in rows], dtype=object)
    subjects = np.array([pictures.samples[row].subject_id for row in rows], dtype=object)
    sessions = np.array([pictures.samples[row].session_id for row in rows], dtype=object)
    found = []
    for group in sorted(set(groups.tolist())):
        places = np.flatnonzero(groups == group)
        if len(np.unique(subjects[places].astype(str))) < 2:
            continue  # with one subject alone, everybody is found
        near = near_duplicate_pairs(pictures.thumbnails[rows[places]], subjects=subjects[places])
        found.append(arrange(subjects[places], sessions[places], near, places))
    return found
