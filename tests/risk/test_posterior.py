"""The posterior against tables worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reid_engine.posterior import posterior, top_probability


def test_two_subjects_worked_out_by_hand():
    """π = 0.5, N = 2, LR 100 and 1: 25 and 0.25 against 0.5 for nobody."""
    found = posterior(np.array([2.0, 0.0]), 0.5, 2)
    assert found.p == pytest.approx([25 / 25.75, 0.25 / 25.75])
    assert found.p_absent == pytest.approx(0.5 / 25.75)
    assert found.p_unseen == 0.0


def test_people_who_were_never_seen_count_with_ratio_one():
    """N = 10 of whom two have an image: eight more at π/N each."""
    found = posterior(np.array([2.0, 0.0]), 0.5, 10)
    total = 0.05 * (100 + 1 + 8) + 0.5
    assert found.p[0] == pytest.approx(5 / total)
    assert found.p_unseen == pytest.approx(0.4 / total)


def test_no_evidence_leaves_the_prior():
    found = posterior(np.full(50, np.nan), 0.3, 50)
    assert found.p == pytest.approx(np.full(50, 0.3 / 50))
    assert found.p_absent == pytest.approx(0.7)
    assert found.anonymity_set == pytest.approx(50)


def test_the_person_is_surely_enrolled_with_prior_one():
    found = posterior(np.array([1.0, 0.0, -1.0]), 1.0, 3)
    assert found.p_absent == 0.0
    assert found.p.sum() == pytest.approx(1.0)


def test_anonymity_set_of_three_worked_out_by_hand():
    """Shares 0.5, 0.25, 0.25 have an entropy of 1.5 bits."""
    found = posterior(np.log10([2.0, 1.0, 1.0]), 0.5, 3)
    assert found.anonymity_set == pytest.approx(2**1.5)
    assert posterior(np.array([9.0, 0.0]), 0.5, 2).anonymity_set == pytest.approx(1.0, abs=1e-6)


def test_the_unseen_widen_the_anonymity_set():
    """One subject with LR 1 and three unseen: four alike."""
    assert posterior(np.array([0.0]), 0.5, 4).anonymity_set == pytest.approx(4.0)


@given(
    llr=st.lists(st.floats(-6, 9), min_size=1, max_size=30),
    prior=st.floats(1e-6, 1.0),
    more=st.integers(0, 10**6),
)
def test_probabilities_add_up_and_the_set_is_within_1_and_n(llr, prior, more):
    population = len(llr) + more
    found = posterior(np.array(llr), prior, population)
    assert found.p.sum() + found.p_absent + found.p_unseen == pytest.approx(1.0)
    assert 1.0 <= found.anonymity_set <= population
    assert math.isfinite(found.anonymity_set)
    ratios = 10.0 ** np.array(llr)
    again = top_probability(ratios.max()[None], ratios.mean()[None], prior, len(llr), population)
    assert again[0] == pytest.approx(found.p.max())
