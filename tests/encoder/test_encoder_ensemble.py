"""Several networks as one encoder."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from sklearn.preprocessing import normalize

from reid_engine.encoder import IMAGENET_ENCODER, find_spec, load_encoder, trained
from reid_engine.encoder.ensemble import Ensemble, joined, members_of, parted
from reid_engine.encoder.folding import fold_batch_norms
from reid_engine.encoder.looks import takes_any_size
from reid_engine.encoder.model import load_network
from reid_engine.encoder.rounding import rounded
from reid_engine.encoder.trained import describe_trained, trained_name
from reid_engine.encoder.weights import hash_state
from reid_engine.errors import EncoderError
from reid_engine.scan import Scan


@pytest.fixture(autouse=True)
def own_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(trained, "_seen", {})


@pytest.fixture(scope="module")
def states():
    """Give two states of the ImageNet network, the second's kernels shaken."""
    state = {key: value.contiguous() for key, value in load_network(find_spec(IMAGENET_ENCODER))[1].state.items()}
    dice = torch.Generator().manual_seed(1)
    shaken = {
        key: value * (1 + 0.1 * torch.randn(value.shape, generator=dice)) if value.ndim == 4 else value.clone()
        for key, value in state.items()
    }
    return [state, shaken]


def write(folder, states, *, bits=32, **changes):
    """Write an encoder's folder from the states of its networks."""
    folder.mkdir()
    weights = rounded(joined(states), bits)
    digest = hash_state(weights)
    spec = replace(
        find_spec(IMAGENET_ENCODER), name=trained_name("few", digest), members=len(states), modalities=("OCT",)
    )
    spec = replace(spec, **changes)
    save_file(weights, folder / "encoder.safetensors")
    (folder / "encoder.json").write_text(json.dumps(describe_trained(spec, IMAGENET_ENCODER, digest)))
    return str(folder)


def scan(seed):
    return Scan(values=np.random.default_rng(seed).random((1, 70, 80), dtype=np.float32), modality="CXR")


@pytest.mark.parametrize("bits", [32, 8])
def test_features_are_the_mean_of_the_networks_directions(tmp_path, states, bits):
    both = load_encoder(write(tmp_path / "both", states, bits=bits), device="cpu")
    alone = [
        load_encoder(write(tmp_path / f"one{n}", [state], bits=bits), device="cpu") for n, state in enumerate(states)
    ]
    scans = [scan(seed) for seed in range(3)]
    directions = [normalize(one.embed_many(scans)) for one in alone]
    np.testing.assert_allclose(both.embed_many(scans), np.mean(directions, axis=0), rtol=1e-3, atol=1e-5)
    assert np.abs(directions[0] - directions[1]).max() > 1e-3
    assert len({one.identity.fingerprint for one in (both, *alone)}) == 3
    assert (both.dim, both.spec.members) == (1280, 2)
    assert both.spec.describe()["pooling"] == "the network's own, mean of 2 networks"
    assert alone[0].spec.describe()["pooling"] == "the network's own"
    assert both.identity.width == alone[0].identity.width  # of the first network's middle stages
    appearance = both.take_in(scan(0))[both.dim :]
    np.testing.assert_allclose(appearance, alone[0].take_in(scan(0))[both.dim :], rtol=1e-3, atol=1e-5)


def test_looks_and_networks_are_averaged_alike(tmp_path, states):
    recipe = replace(find_spec(IMAGENET_ENCODER).recipe, mirror=True)
    both = load_encoder(write(tmp_path / "both", states, recipe=recipe), device="cpu")
    one, other = scan(2), replace(scan(2), values=np.ascontiguousarray(scan(2).values[:, :, ::-1]))
    np.testing.assert_allclose(both.embed(one), both.embed(other), rtol=1e-3, atol=1e-4)


def test_states_are_joined_and_parted_again(states):
    together = joined(states)
    assert len(together) == 2 * len(states[0])
    parts, over = parted({**together, "members.2.x": torch.zeros(1), "y": torch.zeros(1)}, 2)
    assert over == ["members.2.x", "y"]
    assert all(torch.equal(part[key], state[key]) for part, state in zip(parts, states, strict=True) for key in state)
    assert joined(states[:1]).keys() == states[0].keys()
    assert parted(states[0], 1)[1] == []


def test_batch_norms_of_all_networks_are_folded(states):
    networks = [load_network(find_spec(IMAGENET_ENCODER))[0] for _ in range(2)]
    alone = fold_batch_norms(load_network(find_spec(IMAGENET_ENCODER))[0])
    assert fold_batch_norms(Ensemble(networks)) == 2 * alone > 0
    assert members_of(Ensemble(networks)) == networks
    assert takes_any_size(Ensemble(networks))


def test_vision_transformers_have_one_size_in_company_too():
    import timm

    network = timm.create_model("vit_tiny_patch16_224", pretrained=False, num_classes=0)
    assert not takes_any_size(Ensemble([network, network]))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda state: state.update({"members.2.conv_stem.weight": torch.zeros(2)}),
            "belong to none of its 2 networks",
        ),
        (lambda state: state.pop("members.1.conv_stem.weight"), r"1 missing \(conv_stem.weight\)"),
    ],
)
def test_weights_that_are_too_many_or_too_few_are_refused(tmp_path, states, change, words):
    folder = write(tmp_path / "both", states)
    weights = load_file(tmp_path / "both" / "encoder.safetensors")
    change(weights)
    save_file(weights, tmp_path / "both" / "encoder.safetensors")
    with pytest.raises(EncoderError, match=words):
        load_encoder(folder, device="cpu")


@pytest.mark.parametrize("members", [0, 9, True, "2", 1.5, None])
def test_a_number_of_networks_that_makes_no_sense_is_damage(tmp_path, states, members):
    folder = write(tmp_path / "one", states[:1])
    path = tmp_path / "one" / "encoder.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "members": members}))
    with pytest.raises(EncoderError, match="is damaged"):
        find_spec(folder)
