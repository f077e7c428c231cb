"""Single linkage, compared with all ways to divide a subject's images."""

from itertools import combinations

import numpy as np
import pytest

from reid_engine.evaluation.harvest import Pairs
from reid_engine.evaluation.splits import split


def pairs_of(similarity):
    """All ordered pairs of different images of a symmetric matrix."""
    first, second = np.nonzero(~np.eye(len(similarity), dtype=bool))
    return Pairs(first, second, similarity[first, second].astype(np.float32))


def symmetric(rng, count):
    upper = np.triu(rng.uniform(-0.5, 1.0, (count, count)), 1).astype(np.float32)
    return upper + upper.T


def best_division(similarity):
    """The division whose closest pair across is least close: that similarity, the mean, and the two sides."""
    count = len(similarity)
    found = []
    for size in range(1, count // 2 + 1):
        for side in combinations(range(count), size):
            rest = [image for image in range(count) if image not in side]
            across = similarity[np.ix_(side, rest)]
            found.append((float(across.max()), float(across.mean()), set(side), set(rest)))
    return min(found, key=lambda one: one[0])


def connection(similarity, members):
    """The lowest similarity that is needed to connect some images, 1 if there is but one."""
    best = [1.0]
    inside, outside = {min(members)}, members - {min(members)}
    while outside:
        link, image = max((float(similarity[a, b]), b) for a in inside for b in outside)
        best.append(link)
        inside.add(image)
        outside.remove(image)
    return min(best)


@pytest.mark.parametrize("count", [3, 4, 5, 7])
def test_a_cut_is_the_best_of_all_divisions(count):
    rng = np.random.default_rng(count)
    for _ in range(40):
        similarity = symmetric(rng, count)
        tie, mean, one, other = best_division(similarity)
        found = split(pairs_of(similarity), np.zeros(count, dtype=np.int64))
        assert found.units.tolist() == [0]
        assert found.tie[0] == pytest.approx(tie, abs=1e-6)
        assert found.across[0] == pytest.approx(mean, abs=1e-6)
        assert found.hold[0] == pytest.approx(min(connection(similarity, one), connection(similarity, other)), abs=1e-6)
        apart = set(np.flatnonzero(found.apart == 1).tolist())
        assert apart in ((one, other) if len(one) == len(other) else (min(one, other, key=len),))
        assert set(np.flatnonzero(found.apart == 0).tolist()) | apart == set(range(count))


def test_units_are_cut_each_by_itself_and_small_ones_not_at_all():
    rng = np.random.default_rng(0)
    similarity = symmetric(rng, 14)
    unit = np.array([0, 1, 2, 2, 2, 2, 3, 3, 4, 4, 4, 7, 7, 7])
    found = split(pairs_of(similarity), unit)
    assert found.units.tolist() == [2, 4, 7]
    assert (found.apart[np.isin(unit, [0, 1, 3])] == -1).all()
    for place, number in enumerate(found.units):
        members = np.flatnonzero(unit == number)
        alone = split(pairs_of(similarity[np.ix_(members, members)]), np.zeros(len(members), dtype=np.int64))
        assert found.tie[place] == alone.tie[0]
        assert found.across[place] == pytest.approx(alone.across[0])
        assert found.apart[members].tolist() == alone.apart.tolist()


def test_two_directions_count_as_their_mean():
    similarity = symmetric(np.random.default_rng(5), 4)
    uneven = similarity + np.triu(np.full((4, 4), 0.2), 1) - np.tril(np.full((4, 4), 0.2), -1)
    unit = np.zeros(4, dtype=np.int64)
    assert split(pairs_of(uneven), unit).tie == pytest.approx(split(pairs_of(similarity), unit).tie, abs=1e-6)


def test_nobody_has_several_images():
    nothing = Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))
    found = split(nothing, np.arange(5))
    assert len(found.units) == 0
    assert (found.apart == -1).all()
