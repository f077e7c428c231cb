"""Synthetic cohorts, arranged and measured as an evaluation does."""

import numpy as np
import pandas as pd

from reid_engine.evaluation.identification import outcomes_of
from reid_engine.evaluation.measure import measure
from reid_engine.evaluation.strata import MAIN, SWEEP, eligibility, list_near
from reid_engine.evaluation.sweep import sweep
from reid_engine.matcher.crossfit import CrossFitted
from reid_engine.matcher.population import arrange
from tests.synthetic import World

NOTHING = np.empty(0, dtype=np.int64)


def arranged(table, vectors):
    """Give the table and the vectors in subject order, and the population."""
    population = arrange(
        table["subject_id"].to_numpy(dtype=object),
        table["session_id"].to_numpy(dtype=object),
        None,
        np.arange(len(table)),
    )
    return table.iloc[population.rows].reset_index(drop=True), vectors[population.rows], population


def eligible_of(table, population, strata=(*MAIN, *SWEEP)):
    near = list_near(NOTHING, NOTHING, np.empty(0, dtype=np.float32), len(table))
    return eligibility(strata, population, near, table)


def measured(count=80, seed=0, attacker="cosine", **world):
    """Draw people with two visits and measure an attacker on them."""
    table, vectors, _, _ = World(seed=seed, **world).cohort(count)
    table, vectors, population = arranged(table, vectors)
    blocks = CrossFitted(attacker, vectors, population)
    return measure(population, blocks, eligible_of(table, population)), population, blocks, table


def square(blocks, count):
    """Give all similarities at once, ``(N, N)``."""
    out = np.empty((count, count), dtype=np.float32)
    for queries, similarities in blocks:
        out[queries] = similarities
    return out


def outcomes_from(similarities, codes):
    """Give the outcomes over all pairs of a similarity matrix, rows in subject order."""
    count = len(codes)
    table = pd.DataFrame(
        {
            "subject_id": [f"P{code:05d}" for code in codes],
            "session_id": pd.Series([None] * count, dtype=object),
            "acquired": pd.Series([None] * count, dtype=object),
            "age": np.nan,
        }
    )
    _, _, population = arranged(table, np.zeros((count, 1)))
    rows = np.array(similarities, dtype=np.float32)
    np.fill_diagonal(rows, -np.inf)
    swept = sweep(population, [(np.arange(count), rows)], eligible_of(table, population, MAIN), MAIN[1].name)
    return outcomes_of(swept, population, 0)
