"""An encoder of several networks: they learn one after another, and are judged, stored and used as one."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from sklearn.preprocessing import normalize

from reid_engine.cohort import read_cohort
from reid_engine.encoder import find_spec, load_encoder
from reid_engine.encoder.ensemble import parted
from reid_engine.encoder.weights import read_state
from reid_engine.errors import TrainingError
from reid_engine.phantom import write_phantom_cohort
from reid_engine.report.training_text import training_result
from reid_engine.scan import read_scan
from reid_engine.training.learner import Learner
from reid_engine.training.pictures import read_pictures
from reid_engine.training.rank import HeldOut
from reid_engine.training.run import train
from reid_engine.training.settings import TrainingSettings
from reid_engine.training.split import split_subjects

TWO = {"members": 2, "epochs": 2, "frozen_epochs": 0}


class Stopped(BaseException):
    pass


@pytest.fixture
def both(train_small, tmp_path):
    """Give an encoder of two networks, stored in 8 bits, and what was said while they learnt."""
    said = []
    out = tmp_path / "both"
    result = train_small(out, progress=lambda *words: said.append(words), bits=8, **TWO)
    return out, result, [words for words in said if words[2] != "reading"]


def test_the_first_network_is_the_one_that_learns_alone(train_small, tmp_path):
    alone = train_small(tmp_path / "alone", **{**TWO, "members": 1})
    both = train_small(tmp_path / "both", **TWO)
    (first, second), over = parted(read_state(tmp_path / "both" / "encoder.safetensors"), 2)
    single = read_state(tmp_path / "alone" / "encoder.safetensors")
    assert over == []
    assert all(torch.equal(first[key], single[key]) for key in single)
    assert any(not torch.equal(second[key], single[key]) for key in single)
    assert both.card["curve"] == alone.card["curve"]
    assert both.card["further_networks"][0]["curve"][0] == alone.card["curve"][0]  # both begin with the base encoder
    assert "further_networks" not in alone.card
    assert both.card["held_out"]["before"] == alone.card["held_out"]["before"]


def test_it_is_used_as_it_was_judged(both, small_cohort):
    out, result, _ = both
    stored = load_file(out / "encoder.safetensors")
    assert stored["members.1.conv_head.weight"].dtype == torch.int8
    encoder = load_encoder(str(out), device="cpu")
    assert (encoder.spec.members, encoder.dim) == (2, 1280)
    cohort = read_cohort(small_cohort)
    pictures = read_pictures(cohort.samples, encoder.spec.recipe)
    split = split_subjects([one.subject_id for one in cohort.samples], pictures.modalities)
    scans = [read_scan(cohort.samples[row].path, modality=pictures.modalities[row]) for row in split.judging]
    ranks = HeldOut(pictures, split.judging).ranks(encoder.embed_many(scans))
    held = result.card["held_out"]["after"]
    assert ranks.rank_1 == pytest.approx(held["value"])
    assert len(ranks.hits) == result.card["held_out"]["queries"]


def test_what_is_said_of_it(both):
    out, result, said = both
    card, text = result.card, (out / "model_card.md").read_text()
    assert (card["settings"]["members"], card["settings"]["bits"]) == (2, 8)
    assert len(card["further_networks"]) == 1
    assert "It is 2 networks that learnt apart, whose features are averaged." in text
    assert text.count("| epoch | loss | rank-1 |") == 2
    assert "Network 2. Rank-1 of the subjects that decide" in text
    lines = training_result(card, out)
    assert " of network 1" in lines
    assert " of network 2" in lines
    done, total, _ = zip(*said, strict=True)
    assert list(done) == sorted(done)
    assert set(total) == {done[-1]}
    assert said[0][2].startswith("network 1 of 2, epoch 1 of 2")
    assert said[-1][2].startswith("network 2 of 2, epoch 2 of 2")


@pytest.mark.parametrize("network", [1, 2])
@pytest.mark.parametrize("epoch", [1, 2])
def test_stopped_in_either_network_it_goes_on_to_the_same_encoder(both, train_small, tmp_path, network, epoch):
    def stop(done, total, what):
        if what.startswith(f"network {network} of 2, epoch {epoch} ") and done % 10 == 5:
            raise Stopped

    out = tmp_path / "again"
    with pytest.raises(Stopped):
        train_small(out, progress=stop, bits=8, **TWO)
    first = []
    result = train_small(out, progress=lambda *words: first.append(words[2]), bits=8, **TWO)
    assert result.spec.name == both[1].spec.name
    for key in ("curve", "further_networks", "held_out", "best_epoch"):
        assert result.card[key] == both[1].card[key]
    learning = [what for what in first if what != "reading"]
    assert learning[0].startswith(f"network {network} of 2, epoch {epoch} of 2")
    assert {path.name for path in out.iterdir()} == {path.name for path in both[0].iterdir()}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [({"members": 0}, "1 to 8 networks, not 0"), ({"members": 9}, "not 9"), ({"bits": 4}, "not in 4")],
)
def test_numbers_that_make_no_sense_are_refused_before_anything_is_trained(wrong, words):
    with pytest.raises(ValueError, match=words):
        TrainingSettings(**wrong)


def test_nothing_is_trained_from_several_networks(both, small_cohort, tmp_path):
    settings = TrainingSettings(epochs=1, subjects=2, images=2)
    with pytest.raises(TrainingError, match="is several networks in one; start from another encoder"):
        train(read_cohort(small_cohort), find_spec(str(both[0])), tmp_path / "on", settings, name="on")
    assert not (tmp_path / "on").exists() or not any((tmp_path / "on").iterdir())


@pytest.fixture(scope="module")
def wide_cohort(tmp_path_factory):
    """Give 10 subjects with two b-scans each, three times as long as wide."""
    folder = tmp_path_factory.mktemp("wide")
    write_phantom_cohort(folder, subjects=10, sessions=2, modalities=("OCT",), size=64, seed=3)
    cohort = read_cohort(folder)
    for sample in cohort.samples:
        Image.open(sample.path).resize((200, 64)).save(sample.path)
    return cohort


@pytest.mark.parametrize("tile_step", [1.0, 0.5])
def test_every_second_network_learns_from_the_parts_that_are_looked_at(wide_cohort, tile_step):
    from dataclasses import replace

    from reid_engine.encoder.model import load_network

    spec = find_spec("efficientnet-lite0")
    recipe = replace(spec.recipe, size=32, whole=True, tile_step=tile_step)
    pictures = read_pictures(wide_cohort.samples, recipe)
    rows = np.arange(len(pictures))
    network = load_network(spec)[0]
    drawn = []
    for member in (0, 1, 2):
        settings = TrainingSettings(epochs=1, subjects=4, images=2, members=3)
        learner = Learner(network, replace(spec, recipe=recipe), settings, pictures, rows, torch.device("cpu"), member)
        rng = np.random.default_rng(0)
        drawn.append({int(one) for _ in range(60) for one in learner._choose(rows, rng)})
    side_by_side = read_pictures(wide_cohort.samples, replace(recipe, whole=False, tile_step=1.0)).squares
    parts = read_pictures(wide_cohort.samples, replace(recipe, whole=False))
    middle = parts.squares[parts.looked]
    assert drawn[0] == drawn[2]
    for places, expected in ((drawn[0], side_by_side), (drawn[1], middle)):
        found = pictures.squares[sorted(places)]
        assert {one.tobytes() for one in found} == {one.tobytes() for one in expected}
    assert (drawn[0] == drawn[1]) == (tile_step == 1)


def test_with_looks_and_parts_it_is_used_as_it_was_judged(wide_cohort, tmp_path):
    settings = TrainingSettings(
        epochs=1, subjects=2, images=2, choosing=False, frozen_epochs=0, members=2, bits=8, train_size=24
    )
    looks = {"size": 32, "second_size": 24, "whole": True, "mirror": True, "tile_step": 0.5}
    result = train(wide_cohort, find_spec("efficientnet-lite0"), tmp_path / "out", settings, name="wide", **looks)
    encoder = load_encoder(str(tmp_path / "out"), device="cpu")
    pictures = read_pictures(wide_cohort.samples, encoder.spec.recipe)
    split = split_subjects([one.subject_id for one in wide_cohort.samples], pictures.modalities, choosing=False)
    scans = [read_scan(wide_cohort.samples[row].path, modality="OCT") for row in split.judging]
    vectors = encoder.embed_many(scans)
    ranks = HeldOut(pictures, split.judging).ranks(vectors)
    assert ranks.rank_1 == pytest.approx(result.card["held_out"]["after"]["value"])
    assert np.isfinite(normalize(vectors)).all()
    assert json.loads((tmp_path / "out" / "encoder.json").read_text())["members"] == 2
