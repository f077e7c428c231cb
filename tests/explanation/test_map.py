"""Where the squares of a network lie in a scan."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from reid_engine.encoder import find_spec
from reid_engine.encoder.preprocessing import Preprocessing
from reid_engine.explanation.map import lay
from reid_engine.scan import Scan


def laid(values, **recipe):
    plain = replace(find_spec("efficientnet-lite0").recipe, crop=False, **recipe)
    scan = Scan(values=np.zeros((1, 40, 120), dtype=np.float32), modality="OCT")
    return lay(SimpleNamespace(preprocessing=Preprocessing(plain)), scan, np.float32(values)[:, None, None])[0]


def test_parts_lie_beside_each_other():
    found = laid([0.1, 0.2, 0.3], tiles=3)
    np.testing.assert_allclose(found[20, [10, 60, 110]], [0.1, 0.2, 0.3], atol=1e-6)


def test_what_is_lost_in_a_part_and_in_the_whole_adds_up_to_1_at_most():
    found = laid([0.1, 0.2, 0.9, 0.4], tiles=3, whole=True)
    np.testing.assert_allclose(found[20, [10, 60, 110]], [0.5, 0.6, 1.0], atol=1e-6)
