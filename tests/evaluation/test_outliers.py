"""What stands out from a trend, compared with scipy and with draws of which the truth is known."""

import numpy as np
import pytest
from scipy import stats

from reid_engine.evaluation.outliers import FALSE_SHARE, FEWEST_VALUES, NONE, stand_out, tail_length


def largest(values):
    """Sort as `stand_out` wants its values, no more of them than it needs."""
    return np.sort(values)[::-1][: tail_length(len(values)) + 1]


def by_hand(values):
    """Tail, scale and p-values, the long way."""
    total = len(values)
    length = tail_length(total)
    falling = np.sort(values)[::-1]
    excess = [value - falling[length] for value in falling[:length]]
    censored = length // 2
    at_risk = sum(min(one, excess[censored]) for one in excess)
    scale = at_risk / (length - censored)
    r = length - censored
    # A new excess against the sum of r others is Pareto: x / (r b) ~ Lomax(r)
    return [length / total * stats.lomax(r).sf(one / (r * scale)) for one in excess[:censored]]


@pytest.mark.parametrize(("total", "length"), [(40, 10), (100, 25), (1000, 50), (20_000, 200), (10**7, 1000)])
def test_the_tail_is_a_hundredth_within_bounds(total, length):
    assert tail_length(total) == length


def test_p_values_and_discoveries_are_those_of_scipy():
    values = np.concatenate([np.random.default_rng(0).exponential(size=500), [14.0, 15.0, 30.0]])
    found = stand_out(largest(values), len(values))
    p = by_hand(values)
    assert found.expected / len(values) == pytest.approx(p, rel=1e-9)
    padded = np.concatenate([p, np.ones(len(values) - len(p))])
    adjusted = stats.false_discovery_control(padded, method="bh")
    assert found.count == np.count_nonzero(adjusted <= FALSE_SHARE) >= 3


@pytest.mark.parametrize("draw", ["exponential", "normal", "uniform"])
@pytest.mark.parametrize("total", [60, 2000])
def test_without_exceptions_something_is_named_at_most_at_the_stated_rate(draw, total):
    runs = 600
    rng = np.random.default_rng(1)
    named = sum(stand_out(largest(getattr(rng, draw)(size=total)), total).count > 0 for _ in range(runs))
    # 0.1 of 600 is 60, and 3 standard deviations are 22
    assert named <= FALSE_SHARE * runs + 3 * np.sqrt(runs * FALSE_SHARE * (1 - FALSE_SHARE))
    if draw == "exponential":
        assert named >= FALSE_SHARE * runs - 3 * np.sqrt(runs * FALSE_SHARE * (1 - FALSE_SHARE))


def test_exceptions_do_not_hide_each_other():
    rng = np.random.default_rng(2)
    values = np.concatenate([rng.normal(size=2000), rng.normal(9, 0.3, size=15)])
    assert stand_out(largest(values), len(values)).count == 15


def test_owners_are_counted_once():
    rng = np.random.default_rng(3)
    values = rng.exponential(size=1000)
    values[:3] = values.max() + 4.6, values.max() + 4.7, values.max() + 4.8
    order = np.argsort(-values)[: tail_length(1000) + 1]
    apart, one = np.arange(len(order)), np.where(np.arange(len(order)) < 3, 0, np.arange(len(order)))
    several = stand_out(values[order], 1000, apart).count
    together = stand_out(values[order], 1000, one).count
    assert several == 3
    assert together < several


@pytest.mark.parametrize("values", [np.ones(1000), np.arange(FEWEST_VALUES - 1), np.empty(0)])
def test_nothing_is_said_of_equal_or_few_values(values):
    assert stand_out(largest(values.astype(float)), len(values)) is NONE
