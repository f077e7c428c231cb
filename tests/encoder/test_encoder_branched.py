"""A branched encoder sends each modality through its own network, whatever is beside it in a batch."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from reid_engine.encoder import DEFAULT_ENCODER, IMAGENET_ENCODER, find_spec, load_encoder, specs
from reid_engine.encoder.model import load_spec
from reid_engine.encoder.shipped import FOLDER, branched_spec, shipped_specs
from reid_engine.encoder.spec import EncoderSpec, FolderWeights, Recipe
from reid_engine.encoder.trained import read_description
from reid_engine.scan import Scan

RECIPE = Recipe(size=64, mean=(0.5,) * 3, std=(0.25,) * 3)
TINY = EncoderSpec(
    name="tiny",
    architecture="mobilenetv2_035",
    dim=1280,
    modalities=("any",),
    recipe=RECIPE,
    source=None,
    licence="MIT",
)


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Specs of three encoders of one architecture: for the rest, for CXR and for OCT."""
    folder = tmp_path_factory.mktemp("parts")
    made = []
    for seed, modality in enumerate(("any", "CXR", "OCT")):
        torch.manual_seed(seed)
        state = timm.create_model(TINY.architecture, pretrained=False, num_classes=0).state_dict()
        save_file(state, folder / f"{modality}.safetensors")
        source = FolderWeights(folder / f"{modality}.safetensors")
        made.append(replace(TINY, name=modality, modalities=(modality,), source=source, licence=f"of {modality}"))
    return made


@pytest.fixture(scope="module")
def branched(parts):
    return load_spec(branched_spec("branched", parts[0], tuple(parts[1:])), device="cpu")


def scan(modality, seed):
    return Scan(values=np.random.default_rng(seed).random((1, 70, 80), dtype=np.float32), modality=modality)


def test_each_modality_has_the_features_of_its_own_network(branched, parts):
    alone = {spec.name: load_spec(spec, device="cpu") for spec in parts}
    scans = [scan(modality, seed) for seed, modality in enumerate(["OCT", "CFP", "CXR", "CXR", "unknown", "OCT"])]
    together = branched.embed_many(scans, batch_size=4)
    for vector, one in zip(together, scans, strict=True):
        expected = alone.get(one.modality, alone["any"]).embed(one)
        np.testing.assert_allclose(vector, expected, rtol=1e-4, atol=1e-4)
    assert np.abs(alone["CXR"].embed(scans[2]) - alone["any"].embed(scans[2])).max() > 1e-2


def test_the_fingerprint_follows_every_branch(branched, parts):
    without = load_spec(branched_spec("branched", parts[0], (parts[1],)), device="cpu")
    swapped = [replace(parts[1], modalities=("OCT",)), replace(parts[2], modalities=("CXR",))]
    other = load_spec(branched_spec("branched", parts[0], tuple(swapped)), device="cpu")
    again = load_spec(branched_spec("branched", parts[0], tuple(parts[1:])), device="cpu")
    prints = [one.identity.fingerprint for one in (branched, without, other)]
    assert len(set(prints)) == 3
    assert again.identity == branched.identity


def test_it_says_what_it_is_made_of(parts):
    spec = branched_spec("branched", parts[0], tuple(parts[1:]))
    assert spec.describe()["own_weights_for"] == ["CXR", "OCT"]
    assert (spec.licence, spec.modalities) == ("of any; those of CXR, OCT", ("any",))
    assert spec.at_hand
    gone = replace(spec, branches={"CXR": replace(parts[1], source=FolderWeights(Path("gone.safetensors")))})
    assert not gone.at_hand


def test_another_preprocessing_cannot_be_a_branch(parts):
    with pytest.raises(ValueError, match="built otherwise"):
        branched_spec("branched", parts[0], (replace(parts[1], recipe=replace(RECIPE, tiles=2)),))


def test_the_rest_may_look_at_some_modalities_in_a_mirror_too(parts):
    spec = branched_spec("branched", parts[0], tuple(parts[1:]), mirrored=("CFP", "OCT"))
    assert spec.own_weights == {"CXR", "OCT"}
    assert spec.describe()["own_weights_for"] == ["CXR", "OCT"]
    branched = load_spec(spec, device="cpu")
    assert not branched.knows_people("CFP")
    assert branched.knows_people("OCT")
    looking = load_spec(replace(parts[0], recipe=replace(RECIPE, mirror=True)), device="cpu")
    for seed, (modality, own) in enumerate([("CFP", looking), ("SLO", load_spec(parts[0], device="cpu"))]):
        one = scan(modality, seed)
        np.testing.assert_allclose(branched.embed(one), own.embed(one), rtol=1e-4, atol=1e-4)


def test_a_branch_may_look_at_larger_pictures(parts):
    larger = replace(parts[1], recipe=replace(RECIPE, size=96))
    branched = load_spec(branched_spec("branched", parts[0], (larger, parts[2])), device="cpu")
    alone = {"CXR": load_spec(larger, device="cpu"), "OCT": load_spec(parts[2], device="cpu")}
    scans = [scan(modality, seed) for seed, modality in enumerate(["OCT", "CXR", "CXR", "OCT", "CXR"])]
    for vector, one in zip(branched.embed_many(scans, batch_size=3), scans, strict=True):
        np.testing.assert_allclose(vector, alone[one.modality].embed(one), rtol=1e-4, atol=1e-4)
    assert branched.prepare(scans[1]).shape == (1, 4, 96, 96)


def test_own_weights_take_the_place_of_all_branches(parts):
    spec = branched_spec("branched", parts[0], tuple(parts[1:]))
    encoder = load_spec(spec, weights=parts[2].source.path, device="cpu")
    one = scan("CXR", 1)
    np.testing.assert_allclose(encoder.embed(one), load_spec(parts[2], device="cpu").embed(one), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("spec", shipped_specs(), ids=lambda spec: spec.name)
def test_what_is_carried_is_small_licensed_and_measured(spec):
    import json

    folder = FOLDER / spec.name
    assert sum(path.stat().st_size for path in folder.iterdir()) < 12e6
    assert {path.name for path in folder.iterdir()} >= {"card.json", "model_card.md"}
    card = json.loads((folder / "card.json").read_text())
    assert card["name"] == read_description(folder).name
    assert "not stated" not in card["licence"]
    assert card["held_out"]["gain"]["ci95"][0] > 0
    assert "reid-engine train" in card["command"]
    text = (folder / "model_card.md").read_text()
    assert f"--encoder {spec.name} --unseen" in text
    assert not any(word in text for word in ("/work", "/tmp", "/root", "/home"))


def test_the_default_sends_what_is_carried_through_its_own_weights(encoder):
    imagenet = load_encoder(IMAGENET_ENCODER)
    branches = find_spec(DEFAULT_ENCODER).branches
    assert encoder.identity.name == DEFAULT_ENCODER
    assert set(branches) - {"CFP"} == {m for spec in shipped_specs() for m in spec.modalities} == {"CXR", "OCT"}
    assert find_spec(DEFAULT_ENCODER).own_weights == {"CXR", "OCT"}
    assert encoder.knows_people("CXR")
    assert not encoder.knows_people("CFP")
    assert not imagenet.knows_people("CXR")
    plain = find_spec(IMAGENET_ENCODER)
    mirrored = load_spec(replace(plain, recipe=replace(plain.recipe, mirror=True)))
    alone = {"MR": imagenet, "CFP": mirrored}
    alone |= {modality: load_encoder(spec.name) for spec in shipped_specs() for modality in spec.modalities}
    for modality, own in alone.items():
        one = scan(modality, 3)
        np.testing.assert_allclose(encoder.embed(one), own.embed(one), rtol=1e-4, atol=1e-4)
    assert {spec.name for spec in shipped_specs()} < {spec.name for spec in specs()}
