"""One pass against plain calculations: every count, every stratum, with ties."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from reid_engine.evaluation.strata import NO_NEAR, NOT_THE_SAME_SESSION, Stratum, eligibility, list_near, strata_of
from reid_engine.evaluation.sweep import TOP, sweep
from reid_engine.folds import subject_folds
from reid_engine.matcher.comparisons import compare
from reid_engine.matcher.duplicates import NEAR_DUPLICATE_SIMILARITY, NearPairs
from reid_engine.matcher.population import arrange
from tests.synthetic import World


class Case:
    """A cohort of coarse similarities, so that ties abound, with near-duplicates and columns."""

    def __init__(self, seed, ties=True):
        rng = np.random.default_rng(seed)
        sizes = rng.integers(1, 6, 23)
        codes = np.repeat(np.arange(len(sizes)), sizes)
        count = len(codes)
        self.table = pd.DataFrame(
            {
                "subject_id": [f"P{code:03d}" for code in codes],
                "session_id": rng.choice(["a", "b", None], count),
                "laterality": rng.choice(["L", "R", None], count),
                "view": rng.choice(["PA", "AP"], count),
                "device": [None] * count,
                "acquired": rng.choice(["2020-01-01", "2020-01-11", "2021-06-01", "2025-01-01", None], count),
                "age": rng.integers(20, 30, count).astype(float),
            }
        ).astype({"laterality": object, "session_id": object, "acquired": object})
        first, second = np.triu_indices(count, 1)
        own = codes[first] == codes[second]
        chosen = np.flatnonzero(rng.random(len(first)) < np.where(own, 0.3, 0.02))
        likeness = rng.uniform(0.6, 1.0, len(chosen)).astype(np.float32)
        self.near = NearPairs(first[chosen], second[chosen], likeness)
        flagged = likeness >= NEAR_DUPLICATE_SIMILARITY
        strict = NearPairs(*(side[flagged] for side in self.near))
        subjects = self.table["subject_id"].to_numpy(dtype=object)
        self.population = arrange(subjects, self.table["session_id"].to_numpy(dtype=object), strict, np.arange(count))
        scores = rng.normal(0, 0.2, (count, count)) + 0.3 * (codes[:, None] == codes[None])
        self.similarities = np.clip(np.round(scores, 1) if ties else scores, -1, 1).astype(np.float32)
        np.fill_diagonal(self.similarities, -np.inf)
        self.listed = list_near(*self.near, count)
        self.rows = self.table.astype(object).where(self.table.notna(), None).to_dict("records")
        for row in self.rows:
            row["acquired"] = row["acquired"] and date.fromisoformat(row["acquired"])
        pairs = zip(self.near.first.tolist(), self.near.second.tolist(), strict=True)
        self.likeness = dict(zip(pairs, self.near.similarity.tolist(), strict=True))
        self.strata = (*strata_of(self.table, "OCT"), NOT_THE_SAME_SESSION)
        self.eligible = eligibility(self.strata, self.population, self.listed, self.table)

    def blocks(self, size=7):
        order = np.random.default_rng(1).permutation(len(self.population))
        for first in range(0, len(order), size):
            rows = order[first : first + size]
            yield rows, self.similarities[rows].copy()

    def pair(self, i, j, stratum):
        """Whether j may be compared with i, mate or stranger, the long way."""
        if i == j or self.likeness.get((min(i, j), max(i, j)), 0.0) >= stratum.near_limit:
            return False
        one, other = self.rows[i], self.rows[j]
        if stratum.column:
            here, there = one[stratum.column], other[stratum.column]
            if here is None or there is None or (here == there) != (stratum.relation == "same"):
                return False
        if one["subject_id"] != other["subject_id"]:
            return True
        here, there = one["session_id"], other["session_id"]
        known = here is not None and there is not None
        if stratum.sessions == "different" and not (known and here != there):
            return False
        if stratum.sessions == "not the same" and known and here == there:
            return False
        if stratum.gap is None:
            return True
        column, low, high = stratum.gap
        if one[column] is None or other[column] is None:
            return False
        gap = abs((one[column] - other[column]).days if column == "acquired" else one[column] - other[column])
        return low <= gap < high


@pytest.mark.parametrize("seed", range(2))
def test_counts_are_those_of_the_long_way(seed):
    case = Case(seed)
    found = sweep(case.population, case.blocks(), case.eligible, NO_NEAR.name)
    ids = case.table["subject_id"]
    seen = 0
    for t, stratum in enumerate(case.strata):
        for i in range(len(ids)):
            allowed = [j for j in range(len(ids)) if case.pair(i, j, stratum)]
            mates = [j for j in allowed if ids[j] == ids[i]]
            counts = found.counts[i, t]
            assert counts[0] == len(mates)
            if not mates:
                continue
            seen += 1
            row = case.similarities[i]
            top = max(row[j] for j in mates)
            strangers = [j for j in allowed if ids[j] != ids[i]]
            above = [j for j in strangers if row[j] > top]
            assert counts[1] == len(allowed)
            assert counts[2] == len(above)
            assert counts[3] == sum(row[j] == top for j in allowed)
            assert counts[4] == sum(row[j] == top for j in mates)
            assert counts[5] == len({ids[j] for j in above})
            places = sorted(sum(row[s] > row[j] for s in strangers) for j in mates)
            places = [place + number + 1 for number, place in enumerate(places)]
            precision = sum((n + 1) / place for n, place in enumerate(places) if place <= len(mates)) / len(mates)
            assert found.precision[i, t] == pytest.approx(precision, abs=1e-12)
    assert seen > 100


@pytest.mark.parametrize("seed", range(3))
def test_scores_are_those_of_a_comparison(seed):
    case = Case(seed, ties=False)
    for stratum, sessions in ((NO_NEAR, "any"), (NOT_THE_SAME_SESSION, "not the same")):
        found = sweep(case.population, case.blocks(), case.eligible, stratum.name).comparisons
        plain = compare(case.population, case.blocks(), sessions)
        order = np.argsort(plain.mated_images)
        np.testing.assert_array_equal(found.mated_images, plain.mated_images[order])
        np.testing.assert_array_equal(found.mated_scores, plain.mated_scores[order])
        np.testing.assert_array_equal(found.hits, plain.hits[order])
        np.testing.assert_allclose(found.other_histogram, plain.other_histogram, atol=1e-12)
        sampled = np.zeros_like(plain.other_histogram)
        folds = case.population.folds
        np.add.at(sampled, (folds[found.pair_queries], folds[found.pair_subjects], found.pair_bins), found.pair_weights)
        assert sampled.sum() == pytest.approx(plain.other_histogram.sum(), rel=1e-9)
        assert found.sessions == sessions


def test_the_highest_scores_of_strangers_are_kept_in_order():
    case = Case(5, ties=False)
    found = sweep(case.population, case.blocks(), case.eligible, NO_NEAR.name)
    assert found.top_scores.shape[1] == min(TOP, len(case.population.subjects) - 1)
    falling = found.top_scores
    assert (falling[:, 1:] <= falling[:, :-1]).all()
    counted = found.comparisons.other_histogram.sum()
    assert counted == pytest.approx(len(case.population.subjects) * (len(case.population.subjects) - 1), rel=0.05)
    for image, row in enumerate(found.top_subjects):
        there = row[row >= 0]
        assert len(set(there.tolist())) == len(there)
        assert case.population.codes[image] not in there


def test_a_column_of_one_value_makes_no_stratum_and_dates_go_before_ages():
    table, *_ = World(seed=3).cohort(6)
    table["acquired"] = "2020-01-01"
    names = [stratum.name for stratum in strata_of(table, "CXR")]
    assert "gap under 30 days" in names
    assert not any("age" in name or "view" in name for name in names)
    table["acquired"] = None
    assert "same age" in [stratum.name for stratum in strata_of(table, "CXR")]


def test_more_strata_than_bits_are_refused():
    case = Case(0)
    with pytest.raises(ValueError, match="33 strata"):
        eligibility([Stratum(str(n)) for n in range(33)], case.population, case.listed, case.table)


def test_folds_of_the_population_are_those_of_its_subjects():
    case = Case(1)
    np.testing.assert_array_equal(case.population.folds, subject_folds(case.population.subjects))
