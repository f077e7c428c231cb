"""What comparisons bear out, against counting by hand."""

import numpy as np
import pytest

from reid_engine.matcher.support import FEWEST_SUBJECTS, GRID, STEP, Support


def supported(mated, other, subjects, pairs):
    found = Support(np.asarray(mated, float), np.asarray(other, float), subjects, pairs)
    return found.under(np.ones(len(mated)), np.ones(len(other)))


def test_separated_scores_are_bounded_by_their_numbers():
    """One misleading comparison more: FPR 1 / (99 + 1), all mated beyond, so LR 100; below, FNR 1 / (9 + 1)."""
    table = supported([8.0] * 20, [-8.0] * 50, subjects=9, pairs=99)
    assert table.max() == pytest.approx(2.0, abs=2 * STEP)
    assert table.min() == pytest.approx(-1.0, abs=2 * STEP)


def test_with_few_subjects_a_ratio_is_cut_where_misleading_ones_begin():
    """A tenth of the others reaches log LR 3, so nothing beyond LR 10 is supported."""
    table = supported([5.0] * 40, [3.0] * 10 + [-5.0] * 90, subjects=40, pairs=780)
    assert table.max() == pytest.approx(1.0, abs=2 * STEP)
    assert table[np.abs(GRID) < 1] == pytest.approx(GRID[np.abs(GRID) < 1])


def normals(mean, count, rng):
    """Give log10 ratios of N(mean, 1) against N(0, 1), which are true as stated."""
    same, other = rng.normal(mean, 1, count), rng.normal(0, 1, 40 * count)
    return tuple((mean * x - mean**2 / 2) / np.log(10) for x in (same, other))


def test_ratios_that_are_true_as_stated_stay():
    mated, other = normals(2.5, 3000, np.random.default_rng(1))
    table = supported(mated, other, 3000, 3000 * 2999 // 2)
    inside = (GRID > -1.2) & (GRID < 2.2)
    assert table[inside] == pytest.approx(GRID[inside], abs=0.2)


def test_overstated_ratios_are_brought_back():
    """A model that doubles every log ratio is held to what is seen."""
    mated, other = normals(2.5, 3000, np.random.default_rng(2))
    table = supported(2 * mated, 2 * other, 3000, 3000 * 2999 // 2)
    inside = (GRID > -2.4) & (GRID < 4.4)
    assert table[inside] == pytest.approx(GRID[inside] / 2, abs=0.25)


def test_understated_ratios_are_raised_to_what_is_seen():
    mated, other = normals(2.5, 3000, np.random.default_rng(3))
    table = supported(mated / 2, other / 2, 3000, 3000 * 2999 // 2)
    inside = (GRID > -0.5) & (GRID < 1.0)
    assert table[inside] == pytest.approx(2 * GRID[inside], abs=0.35)


@pytest.mark.parametrize("subjects", [20, 500])
def test_scores_that_say_nothing_are_not_believed(subjects):
    rng = np.random.default_rng(4)
    table = supported(rng.normal(0, 1, 2000), rng.normal(0, 1, 20_000), subjects, subjects * (subjects - 1) // 2)
    assert np.abs(table).max() < 0.3


@pytest.mark.parametrize("subjects", [FEWEST_SUBJECTS - 1, FEWEST_SUBJECTS])
def test_the_table_rises_and_is_no_further_out_than_the_numbers_allow(subjects):
    rng = np.random.default_rng(5)
    table = supported(rng.normal(1, 1, 300), rng.normal(-1, 1, 5000), subjects, 900)
    assert (np.diff(table) >= -1e-12).all()
    assert table.max() <= np.log10(900 + 1)
    assert table.min() >= -np.log10(subjects + 1)


def test_weights_count_and_nothing_gives_nothing():
    found = Support(np.full(10, 5.0), np.array([3.0, -5.0]), 40, 10_000)
    assert found.under(np.ones(10), np.array([0.1, 0.9])).max() == pytest.approx(1.0, abs=2 * STEP)
    assert found.under(np.ones(10), np.array([0.01, 0.99])).max() == pytest.approx(2.0, abs=2 * STEP)
    assert not found.under(np.zeros(10), np.ones(2)).any()
