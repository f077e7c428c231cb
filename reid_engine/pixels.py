"""The baseline that needs no network: which enrolled picture looks most alike, and how often that is the person."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from reid_engine.evaluation.confidence import mean_estimate
from reid_engine.matcher.duplicates import DuplicateIndex
from reid_engine.matcher.population import Population, Sessions

MOST_QUERIES = 300
"""Enrolled images on which the baseline is measured, at most."""


def measure_pixels(
    thumbnails: NDArray[Any], population: Population, sessions: Sessions, seed: int = 0
) -> dict[str, Any]:
    """Rank-1 of the pixel baseline, on a sample of the images that have a mate.

    Parameters
    ----------
    thumbnails
        ``(N, T)`` in the population's order.
    population
        The images.
    sessions
        Which of a subject's own images are eligible; near-duplicates never are.

    Returns
    -------
    dict
        ``rank_1`` and ``ci95`` (None where nothing can be measured), ``n`` images.
    """
    order = np.random.default_rng(seed).permutation(len(population))
    index = DuplicateIndex(thumbnails)
    hits, codes = [], []
    for image in order:
        if not len(population.mates(int(image), near=False, sessions=sessions)):
            continue
        alike = index.similarity(thumbnails[image])
        alike[population.ineligible(int(image), near=False, sessions=sessions)] = -1.0
        best = int(np.argmax(alike))
        hits.append(float(alike[best] > 0 and population.codes[best] == population.codes[image]))
        codes.append(int(population.codes[image]))
        if len(hits) == MOST_QUERIES:
            break
    estimate = mean_estimate(np.array(hits), np.array(codes, dtype=np.int64), share=True)
    value, low, high = (None if np.isnan(v) else float(v) for v in (estimate.value, estimate.low, estimate.high))
    return {"rank_1": value, "ci95": [low, high], "n": len(hits)}
