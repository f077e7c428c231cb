"""Demographics alone: who agrees more is more alike, who is told the same ties."""

import numpy as np
import pandas as pd

from reid_engine.baselines import demographics
from reid_engine.baselines.demographics import DemographicBlocks, has_demographics

COLUMNS = ("sex", "age", "race", "ethnicity")


def table_of(*people, columns=COLUMNS):
    table = pd.DataFrame(list(people), columns=list(columns), dtype=object)
    table["subject_id"] = [f"P{place}" for place in range(len(table))]
    table["modality"] = "CXR"
    if "age" in columns:
        table["age"] = table["age"].astype(float)
    return table


def similarities(table):
    blocks = list(DemographicBlocks(table))
    assert np.array_equal(np.concatenate([queries for queries, _ in blocks]), np.arange(len(table)))
    return np.concatenate([block for _, block in blocks])


def test_a_case_worked_by_hand():
    """Sex speaks 1 or -1, ages d years apart (5 - d) / (5 + d), what is not known 0; the mean of the two."""
    found = similarities(table_of(("F", 40), ("F", 42), ("M", 40), ("F", None), (None, 45), columns=("sex", "age")))
    expected = [
        [-np.inf, (1 + 3 / 7) / 2, 0, 1 / 2, 0],
        [(1 + 3 / 7) / 2, -np.inf, (-1 + 3 / 7) / 2, 1 / 2, (2 / 8) / 2],
        [0, (-1 + 3 / 7) / 2, -np.inf, -1 / 2, 0],
        [1 / 2, 1 / 2, -1 / 2, -np.inf, 0],
        [0, (2 / 8) / 2, 0, 0, -np.inf],
    ]
    assert np.allclose(found, expected, atol=1e-7)


def test_the_order_is_that_of_agreement():
    people = [
        ("F", 50, "A", "X"),  # the query
        ("F", 50, "A", "X"),  # equal
        ("F", 51, "A", "X"),  # a year on
        ("F", 53, "A", "X"),
        ("F", 50, "B", "X"),  # another race
        ("F", 60, "B", "X"),
        ("M", 50, "B", "X"),
        ("M", 60, "B", "Y"),  # nothing agrees
    ]
    row = similarities(table_of(*people))[0]
    assert (np.diff(row[1:]) < 0).all()
    assert row[1] == 1
    assert -1 <= row[-1] < 0


def test_equal_people_tie_exactly_and_comparison_is_symmetric():
    rng = np.random.default_rng(3)
    kinds = [
        (rng.choice(["F", "M", None]), rng.choice([None, 31.3, 31.4, 47.0, 80.1]), rng.choice(["A", "B", None]), None)
        for _ in range(12)
    ]
    pick = rng.integers(0, 12, 150)
    found = similarities(table_of(*[kinds[place] for place in pick]))
    off = ~np.eye(150, dtype=bool)
    for query in range(12):
        for kind in range(12):
            cells = found[np.ix_(pick == query, pick == kind)][off[np.ix_(pick == query, pick == kind)]]
            assert len(np.unique(cells)) <= 1
    assert np.array_equal(found, found.T)
    assert np.abs(found[off]).max() <= 1


def test_blocks_are_bounded_and_the_queries_wanted_are_given(monkeypatch):
    rng = np.random.default_rng(4)
    table = table_of(*[(sex, age) for sex, age in zip(rng.choice(["F", "M"], 60), rng.integers(20, 90, 60), strict=True)],
                     columns=("sex", "age"))  # fmt: skip
    whole = similarities(table)
    monkeypatch.setattr(demographics, "BLOCK_BYTES", 8 * 60 * 25)
    blocks = list(DemographicBlocks(table))
    assert [len(queries) for queries, _ in blocks] == [25, 25, 10]
    assert np.array_equal(np.concatenate([block for _, block in blocks]), whole)
    wanted = np.array([40, 3, 17])
    ((queries, block),) = DemographicBlocks(table).of(wanted)
    assert np.array_equal(queries, wanted)
    assert np.array_equal(block, whole[wanted])
    block[:] = 0
    assert np.array_equal(similarities(table), whole)


def test_identifying_by_it_meets_a_count_of_ties():
    """Sex alone: of 3 women and 3 men with two images each, a query's mate is one of 5 that tie."""
    from reid_engine.evaluation.identification import hits_at

    table = table_of(*[("F" if subject < 3 else "M",) for subject in range(6) for _ in range(2)], columns=("sex",))
    found = similarities(table)
    images = np.arange(12)
    mate = found[images, images ^ 1]
    above, level = (found > mate[:, None]).sum(axis=1), (found == mate[:, None]).sum(axis=1)
    assert np.allclose(hits_at(1, above, level, np.ones(12, dtype=np.int64)), 1 / 5)


def test_without_a_word_about_the_person_there_is_nothing():
    assert not has_demographics(table_of(columns=()))
    assert not has_demographics(table_of((None, None, None, None), (None, None, None, None)))
    assert not has_demographics(pd.DataFrame({"age": ["old", "older"], "device": ["a", "b"]}))
    assert has_demographics(table_of((None, 30.0, None, None), (None, None, None, None)))
    assert has_demographics(table_of(("F",), (None,), columns=("sex",)))


def test_columns_that_are_not_the_persons_do_not_count():
    table = table_of(("F", 40.0, None, None), ("F", 40.0, None, None))
    table["device"], table["finding"] = ["a", "b"], ["c", "d"]
    assert similarities(table)[0, 1] == 1
