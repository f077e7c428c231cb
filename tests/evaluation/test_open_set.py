"""Open set: exact expectations against drawing who is enrolled."""

import numpy as np
import pytest
from cohorts import measured, square

from reid_engine.evaluation import open_set
from reid_engine.evaluation.open_set import miss_rates, subjects_needed


def test_what_it_takes_is_three_alarms_in_each_half():
    assert subjects_needed(0.01) == 600
    assert subjects_needed(0.003) == 2000


def test_a_small_cohort_cannot_be_estimated():
    found, population, *_ = measured(60)
    assert all(np.isnan(rate.value) for rate in miss_rates(found.swept, population, draws=20).values())


def by_drawing(similarities, codes, fpir, draws):
    """Enrol half of the subjects at random, again and again, and count as the definition says."""
    rng, subjects = np.random.default_rng(0), int(codes.max()) + 1
    best = np.full((len(codes), subjects), -np.inf)
    counts = np.bincount(codes)
    for query in range(len(codes)):
        for subject in range(subjects):
            images = np.flatnonzero(codes == subject)
            if subject != codes[query]:  # as a score is defined: one image of every other subject is left out
                images = np.delete(images, (query + subject) % counts[subject])
            best[query, subject] = similarities[query, images].max()
    alarms, searches = [], []
    for _ in range(draws):
        enrolled = rng.permutation(subjects)[: subjects // 2]
        inside = np.isin(np.arange(subjects), enrolled)
        for query, code in enumerate(codes):
            row = np.where(inside, best[query], -np.inf)
            if inside[code]:
                own = row[code]
                row[code] = -np.inf
                searches.append((own, row.max() < own))
            else:
                alarms.append(row.max())
    threshold = np.sort(alarms)[::-1][int(fpir * len(alarms))]
    return 1 - np.mean([first and own > threshold for own, first in searches])


def test_expectations_are_those_of_drawn_halves(monkeypatch):
    monkeypatch.setattr(open_set, "FPIRS", (0.1,))
    monkeypatch.setattr(open_set, "ALARMS", 1)
    found, population, blocks, _ = measured(30, seed=1, session=0.8, within=0.8)
    rate = miss_rates(found.swept, population, draws=200)[0.1]
    similarities = square(blocks, len(population))
    np.fill_diagonal(similarities, -np.inf)
    drawn = by_drawing(similarities, population.codes, 0.1, 400)
    assert 0.05 < drawn < 0.95
    assert rate.value == pytest.approx(drawn, abs=0.03)
    assert rate.low <= rate.value <= rate.high


@pytest.mark.slow
def test_clear_people_are_never_missed_and_noise_is_always():
    clear, population, *_ = measured(700, seed=2, session=0.05, within=0.05)
    assert miss_rates(clear.swept, population, draws=50)[0.01].value < 0.01
    noise, population, *_ = measured(700, seed=2, between=0.0, session=1.0, within=1.0)
    assert miss_rates(noise.swept, population, draws=50)[0.01].value > 0.97
