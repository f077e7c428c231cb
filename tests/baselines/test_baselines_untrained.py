"""An untrained encoder differs from the named one in its weights alone."""

import numpy as np
import pytest
import torch
from made import phantom

from reid_engine.baselines import load_untrained
from reid_engine.encoder import load_encoder
from reid_engine.errors import EncoderError


def test_it_prepares_scans_as_the_named_encoder_does():
    untrained, encoder = load_untrained("efficientnet-lite0"), load_encoder("efficientnet-lite0")
    for modality in ("CFP", "OCT", "CXR"):
        scan = phantom(modality)
        assert np.array_equal(untrained.prepare(scan), encoder.prepare(scan))
    assert untrained.dim == encoder.dim
    assert untrained.spec.architecture == encoder.spec.architecture
    assert untrained.identity.fingerprint != encoder.identity.fingerprint


def test_the_seed_makes_the_weights_and_leaves_the_callers_dice_alone():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    one, other = load_untrained(seed=1), load_untrained(seed=2)
    assert torch.equal(torch.rand(3), expected)
    torch.manual_seed(77)
    assert load_untrained(seed=1).identity == one.identity
    assert one.identity.fingerprint != other.identity.fingerprint


def test_features_vary_between_images_far_above_rounding():
    untrained = load_untrained()
    for modality in ("CFP", "OCT", "CXR"):
        vectors = untrained.embed_many([phantom(modality, subject) for subject in range(6)])
        spread = np.linalg.norm(vectors - vectors.mean(axis=0), axis=1) / np.linalg.norm(vectors, axis=1)
        assert spread.min() > 1e-3
        assert (vectors.std(axis=0) > 1e-6).mean() > 0.9


def test_an_unknown_name_is_one_line():
    with pytest.raises(EncoderError, match="no encoder is called"):
        load_untrained("efficientnet-lite00")
    with pytest.raises(EncoderError, match="cannot be built untrained"):
        load_untrained(device="no-such-device")
