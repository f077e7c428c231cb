"""The baselines that stand beside every encoder, and what they leave alone."""

import numpy as np
import pandas as pd
import pytest
import torch

from reid_engine.baselines import DemographicBlocks, default_baselines


def test_there_are_three_by_name_and_the_seed_is_the_networks_alone():
    one, other = default_baselines(seed=4), default_baselines(seed=5)
    assert [baseline.identity.name for baseline in one] == ["pixels", "border-exposure", "untrained"]
    assert [a.identity == b.identity for a, b in zip(one, other, strict=True)] == [True, True, False]
    assert one[2].identity == default_baselines(seed=4)[2].identity


def test_an_accelerators_dice_are_left_alone(monkeypatch):
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda _: pytest.fail("the accelerators were seeded"))
    default_baselines(seed=4)


def test_what_is_not_known_makes_no_new_people():
    """Few different people among many rows cost little, and who is told the same ties, known in part or not."""
    table = pd.DataFrame({"sex": ["F", None, None, "M"] * 50, "age": [np.nan, 40.0, np.nan, 40.0] * 50})
    ((_, found),) = DemographicBlocks(table)
    # F without age: women, the unknown, men; (M, 40): women, the unknown, 40 of either sex, men of 40
    assert [len(np.unique(line[np.isfinite(line)])) for line in found[:4]] == [3, 2, 1, 4]
    assert DemographicBlocks(table).people == 4


def test_without_any_column_nobody_is_told_from_anybody():
    ((queries, found),) = DemographicBlocks(pd.DataFrame({"device": ["a", "b", "c"]}))
    assert queries.tolist() == [0, 1, 2]
    assert np.array_equal(found, np.where(np.eye(3, dtype=bool), -np.inf, 0))
