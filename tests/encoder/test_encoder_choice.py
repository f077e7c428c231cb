"""The encoder that is chosen for a modality."""

import pytest
from test_encoder_weights_folder import touch

from reid_engine.encoder import DEFAULT_ENCODER, choose_spec, find_spec, sole_modality, specs
from reid_engine.encoder import spec as spec_module
from reid_engine.errors import EncoderError


@pytest.fixture
def cached(monkeypatch):
    """Make it seem that the hub's cache holds some encoders' weights."""
    names = set()

    def locate(source):
        return "x" if any(find_spec(name).source == source for name in names) else None

    monkeypatch.setattr(spec_module.HubWeights, "locate", locate)
    monkeypatch.setattr(spec_module.LinkedWeights, "locate", locate)
    return names


@pytest.mark.parametrize("modality", ["CFP", "OCT", "CXR", "CT", "unknown", None])
def test_the_default_serves_what_has_nothing_at_hand(cached, modality):
    cached |= {"dinov2-l"}  # made for natural images, as the default is
    assert choose_spec(modality).name == DEFAULT_ENCODER


def test_the_encoder_made_for_the_modality_is_chosen_when_its_weights_are_at_hand(cached):
    cached |= {"retfound-oct", "retfound-dinov2-meh", "retfound-green", "rad-dino", "biomedclip"}
    chosen = {modality: choose_spec(modality).name for modality in ("CFP", "OCT", "CXR", "MR", "US", None)}
    assert chosen == {
        "CFP": "retfound-dinov2-meh",
        "OCT": "retfound-oct",
        "CXR": "rad-dino",
        "MR": "biomedclip",
        "US": DEFAULT_ENCODER,
        None: DEFAULT_ENCODER,
    }
    cached |= {"retfound-cfp"}
    assert choose_spec("CFP").name == "retfound-cfp"


def test_a_folder_is_looked_through_instead_of_the_caches(cached, tmp_path):
    cached |= {"retfound-cfp", "rad-dino"}
    touch(tmp_path, "RETFound_mae_shanghai.pth", "model.safetensors")
    assert choose_spec("CFP", tmp_path).name == "retfound-shanghai"
    assert choose_spec("CXR", tmp_path).name == DEFAULT_ENCODER, "model.safetensors may be anybody's"


def test_every_modality_that_a_spec_names_is_one_that_scans_have():
    from reid_engine.scan import MODALITIES

    assert {m for spec in specs() for m in spec.modalities} <= {*MODALITIES, "any"}


def test_one_gallery_has_one_encoder():
    assert sole_modality(["CFP", "CFP"]) == "CFP"
    assert sole_modality(["CFP", "OCT"]) is None
    assert sole_modality(["CFP", None]) is None
    assert sole_modality([None]) is None
    assert sole_modality([]) is None


def test_auto_is_no_encoder():
    with pytest.raises(EncoderError, match="auto chooses an encoder for a cohort"):
        find_spec("auto")
