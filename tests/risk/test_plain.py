"""What reaches JSON is plain and finite, whatever comes in."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from reid_engine.plain import plain

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True, allow_infinity=True)
    | st.text()
    | st.floats(width=32).map(np.float32)
    | st.integers(-9, 9).map(np.int64)
    | st.booleans().map(np.bool_)
    | hnp.arrays(np.float64, hnp.array_shapes(max_dims=2, max_side=3))
)
TREES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4) | st.tuples(inner)
    ),
    max_leaves=20,
)


@settings(deadline=None, max_examples=60)
@given(TREES)
def test_anything_becomes_strict_json(tree):
    assert json.loads(json.dumps(plain(tree), allow_nan=False)) == plain(tree)


def test_values_keep_their_meaning():
    got = plain(
        {"a": np.float32(0.5), "b": (np.int64(3), math.nan, -math.inf), "c": np.array([1, 2]), "d": np.bool_(1)}
    )
    assert got == {"a": 0.5, "b": [3, None, None], "c": [1, 2], "d": True}
    assert type(got["d"]) is bool
    assert type(got["b"][0]) is int


@pytest.mark.parametrize("value", [object(), b"bytes", {"x": complex(1, 2)}])
def test_what_json_cannot_hold_is_refused(value):
    with pytest.raises(TypeError, match="no place in a report"):
        plain(value)
