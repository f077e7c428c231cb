"""A training that is stopped goes on as if nothing had happened, and its folder is an encoder."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from reid_engine.cohort import read_cohort
from reid_engine.encoder import find_spec, load_encoder, specs, trained
from reid_engine.encoder.trained import describe_trained, read_trained, trained_name
from reid_engine.encoder.weights import read_state
from reid_engine.errors import EncoderError, GalleryError, TrainingError
from reid_engine.scan import read_scan
from reid_engine.training import run as run_module
from reid_engine.training.pictures import read_pictures
from reid_engine.training.rank import HeldOut

FINISHED = {"encoder.safetensors", "encoder.json", "learnt.safetensors", "card.json", "model_card.md"}


class Stopped(BaseException):
    pass


@pytest.fixture
def stop_in_epoch():
    """Stop a training amid an epoch, 0 the first."""

    def progress_for(epoch):
        def progress(done, total, what):
            if what.startswith(f"epoch {epoch + 1} ") and done % 10 == 5:
                raise Stopped

        return progress

    return progress_for


@pytest.fixture(scope="module")
def whole(tmp_path_factory, small_cohort):
    """A training that nothing stopped."""
    from reid_engine.training.run import train
    from reid_engine.training.settings import TrainingSettings

    settings = TrainingSettings(epochs=3, frozen_epochs=1, patience=3, subjects=2, images=2)
    out = tmp_path_factory.mktemp("whole") / "encoder"
    spec = find_spec("efficientnet-lite0")
    return out, train(read_cohort(small_cohort), spec, out, settings, name="small", size=64)


def test_folder_holds_the_encoder_and_its_card(whole):
    out, result = whole
    assert {path.name for path in out.iterdir()} == FINISHED
    card = json.loads((out / "card.json").read_text())
    assert card == result.card
    assert card["name"] == result.spec.name == find_spec(str(out)).name
    assert result.spec.name.startswith("trained:small-")
    parts = card["data"]
    assert [parts[part]["subjects"] for part in ("training", "choosing", "judging")] == [6, 2, 2]
    assert parts["training"]["modalities"] == {"CXR": 18}
    assert parts["licences"] == ["not stated in the manifest"]
    assert len(card["curve"]) == 4
    assert (card["held_out"]["subjects"], card["held_out"]["queries"]) == (2, 6)
    text = (out / "model_card.md").read_text()
    assert all(said in text for said in (result.spec.name, "Apache-2.0", "not stated"))
    assert not any(f"P{n:03d}" in text + json.dumps(card) for n in range(1, 11))


def test_stopped_and_resumed_is_the_same_as_never_stopped(whole, train_small, stop_in_epoch, tmp_path):
    out = tmp_path / "encoder"
    for epoch in (0, 1, 2):
        with pytest.raises(Stopped):
            train_small(out, progress=stop_in_epoch(epoch))
        assert not (out / "encoder.json").exists()
    result = train_small(out)
    expected = whole[1]
    assert result.card["curve"] == expected.card["curve"]
    assert result.spec.name == expected.spec.name
    assert result.card["held_out"] == expected.card["held_out"]
    states = [read_state(folder / "encoder.safetensors") for folder in (out, whole[0])]
    assert all(np.array_equal(states[0][key].numpy(), states[1][key].numpy()) for key in states[1])


def test_a_stopped_training_says_so(train_small, stop_in_epoch, tmp_path):
    out = tmp_path / "encoder"
    with pytest.raises(Stopped):
        train_small(out, progress=stop_in_epoch(1))
    with pytest.raises(EncoderError, match="training has not ended"):
        find_spec(str(out))
    with pytest.raises(TrainingError, match="other settings"):
        train_small(out, learning_rate=0.5)
    (out / "checkpoint.pt").write_bytes(b"torn")
    with pytest.raises(TrainingError, match=r"damaged .* remove it to begin anew"):
        train_small(out)


def assert_judged_as_used(out, cohort):
    """Rank-1 of the encoder's own embeddings of the judged images is what the card says."""
    card = json.loads((out / "card.json").read_text())
    encoder = load_encoder(str(out), device="cpu")
    pictures = read_pictures(cohort.samples, encoder.spec.recipe)
    subjects = [one.subject_id for one in cohort.samples]
    split = run_module.split_subjects(subjects, pictures.modalities, choosing=card["split"]["choosing"])
    scans = [read_scan(cohort.samples[row].path, modality=pictures.modalities[row]) for row in split.judging]
    ranks = HeldOut(pictures, split.judging).ranks(encoder.embed_many(scans))
    assert ranks.rank_1 == pytest.approx(card["held_out"]["after"]["value"])


def test_the_encoder_is_the_network_that_was_judged(whole, small_cohort):
    assert_judged_as_used(whole[0], read_cohort(small_cohort))


def test_a_second_look_is_judged_and_used_and_trains_the_same_weights(train_small, small_cohort, tmp_path):
    settings, out = {"choosing": False, "epochs": 1, "frozen_epochs": 0}, tmp_path / "once"
    train_small(out, **settings)
    twice = train_small(tmp_path / "twice", second_size=48, **settings)
    state, other = (read_state(path / "encoder.safetensors") for path in (out, tmp_path / "twice"))
    assert all(torch.equal(state[key], other[key]) for key in state)
    assert_judged_as_used(tmp_path / "twice", read_cohort(small_cohort))
    encoder = load_encoder(str(tmp_path / "twice"), device="cpu")
    assert (twice.card["input_size"], twice.card["second_size"], encoder.spec.recipe.second_size) == (64, 48, 48)
    assert "64 and 48 px" in (tmp_path / "twice" / "model_card.md").read_text()
    assert encoder.identity.fingerprint != load_encoder(str(out), device="cpu").identity.fingerprint


def test_it_is_found_by_path_and_by_name_and_has_its_own_fingerprint(whole, encoder):
    out, result = whole
    by_path, by_name = load_encoder(str(out)), load_encoder(find_spec(str(out)).name)
    assert by_path.identity == by_name.identity
    assert by_path.identity.name == result.spec.name
    assert by_path.identity.fingerprint != encoder.identity.fingerprint
    trained._seen.clear()  # as in another process: the note among the settings remains
    assert find_spec(result.spec.name).name == result.spec.name


def test_an_encoder_that_is_gone_or_elsewhere_says_what_to_type(whole, tmp_path):
    import shutil

    name = whole[1].spec.name
    with pytest.raises(EncoderError, match=r"nobody knows where .* give its folder with --encoder DIR"):
        find_spec("trained:other-01234567")
    moved = shutil.copytree(whole[0], tmp_path / "first")
    find_spec(str(moved))
    moved.rename(tmp_path / "second")
    with pytest.raises(EncoderError, match=r"no longer in .*first; give its folder with --encoder DIR"):
        find_spec(name)
    assert find_spec(str(tmp_path / "second")).name == name == find_spec(name).name


@pytest.mark.parametrize(
    "damage",
    [
        lambda held: held.pop("recipe"),
        lambda held: held.update(name="trained:x"),
        lambda held: held.update(weights_sha256="0" * 64),
        lambda held: held["recipe"].update(size="64"),
        lambda held: held["recipe"].update(second_size=0),
        lambda held: held["recipe"].update(second_size="48"),
        lambda held: held["recipe"].update(tile_step=0),
        lambda held: held["recipe"].update(tile_step=1.5),
        lambda held: held["recipe"].update(tile_step="0.5"),
        lambda held: held["recipe"].update(mirror=1),
        lambda held: held["recipe"].update(interpolation="magic"),
        lambda held: held["recipe"].update(std=[0, 0, 0]),
        lambda held: held["recipe"].update(further=1),
        lambda held: held.update(dim=None),
        lambda held: held.update(modalities=None),
        lambda held: held.update(architecture="hf-hub:somebody/model"),
        lambda held: held.update(architecture="local-dir:/somewhere"),
        lambda held: held.update(options={"checkpoint_path": "/somewhere/weights.pth"}),
        lambda held: held.update(renormalise="yes"),
    ],
)
def test_damaged_descriptions_are_refused_in_one_line(whole, tmp_path, damage):
    held = json.loads((whole[0] / "encoder.json").read_text())
    damage(held)
    (tmp_path / "encoder.json").write_text(json.dumps(held))
    (tmp_path / "encoder.safetensors").write_bytes(b"")
    with pytest.raises(EncoderError, match=r"encoder.json: is damaged .* restore it, or train again"):
        find_spec(str(tmp_path))


@pytest.mark.parametrize("base", specs(), ids=lambda spec: spec.name)
def test_a_description_holds_all_that_the_network_is_built_of(tmp_path, base):
    own = replace(base, name=trained_name("x", "0" * 64))
    (tmp_path / "encoder.json").write_text(json.dumps(describe_trained(own, base.name, "0" * 64)))
    (tmp_path / "encoder.safetensors").write_bytes(b"")
    back = read_trained(tmp_path)
    for held in (
        "name",
        "architecture",
        "dim",
        "recipe",
        "options",
        "renormalise",
        "modalities",
        "licence",
        "citation",
    ):
        assert getattr(back, held) == getattr(own, held)


def test_torn_json_other_versions_and_missing_weights_are_refused(whole, tmp_path):
    text = (whole[0] / "encoder.json").read_text()
    (tmp_path / "encoder.json").write_text(text[:100])
    with pytest.raises(EncoderError, match="is damaged"):
        find_spec(str(tmp_path))
    (tmp_path / "encoder.json").write_text(text.replace("reid-encoder/1", "reid-encoder/9"))
    with pytest.raises(EncoderError, match="another version"):
        find_spec(str(tmp_path))
    (tmp_path / "encoder.json").write_text(text)
    with pytest.raises(EncoderError, match="weights are missing"):
        find_spec(str(tmp_path))
    (tmp_path / "encoder.safetensors").write_bytes((whole[0] / "encoder.safetensors").read_bytes()[:5000])
    with pytest.raises(EncoderError, match="not a weights file that can be read"):
        load_encoder(str(tmp_path))


def test_a_folder_without_an_encoder_is_refused(tmp_path):
    with pytest.raises(EncoderError, match="holds no trained encoder"):
        find_spec(str(tmp_path))


def test_two_trainings_do_not_share_a_folder(train_small, small_cohort, tmp_path, monkeypatch):
    import subprocess
    import sys

    from reid_engine.private_folder import _home, held_alone

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    out = tmp_path / "encoder"
    code = (
        "import sys, time; from pathlib import Path; from reid_engine.private_folder import held_alone\n"
        "with held_alone('train', Path(sys.argv[1])) as alone:\n    print(alone, flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(out)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline().strip() == "True"
        with pytest.raises(TrainingError, match="another training writes to this folder"):
            train_small(out)
        assert not out.exists()
    finally:
        holder.kill()
        holder.communicate()
    assert train_small(out, epochs=1).spec.at_hand, "a killed process holds nothing"
    with held_alone("train", out) as alone:
        assert alone
        assert list(_home().glob(".train-*.lock"))
        with held_alone("train", out) as both:
            assert not both
        with held_alone("train", out) as still:
            assert not still, "who was refused has not let go for the other"
    assert not list(_home().glob(".train-*.lock"))


def test_a_used_folder_is_refused(whole, train_small, tmp_path):
    with pytest.raises(TrainingError, match="holds a trained encoder; give another folder"):
        train_small(whole[0])
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(TrainingError, match="holds other files"):
        train_small(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_gallery_takes_its_own_trained_encoder_only(whole, encoder, tmp_path, small_cohort):
    from reid_engine.matcher.enrolment import enrol
    from reid_engine.matcher.gallery import Gallery

    own = load_encoder(str(whole[0]))
    gallery = Gallery.create(tmp_path / "gallery", own.identity)
    enrol(read_cohort(small_cohort), gallery, own)
    again = load_encoder(Gallery.open(tmp_path / "gallery").encoder.name)
    assert Gallery.open(tmp_path / "gallery", encoder=again.identity).encoder == own.identity
    with pytest.raises(GalleryError):
        Gallery.open(tmp_path / "gallery", encoder=encoder.identity)


def test_held_out_rank_1_is_that_of_the_evaluation(small_cohort, encoder, tmp_path):
    """The curve's numbers are those which `evaluate` would print for the same images."""
    from reid_engine.evaluation import evaluate

    cohort = read_cohort(small_cohort)
    report = evaluate(cohort, [encoder], store=tmp_path, baselines=[])
    rows = report.to_json()["results"]
    wanted = {"kind": "encoder", "metric": "rank-1", "attacker": "cosine", "level": "image"}
    stratum = "near-duplicates removed"
    found = [r for r in rows if r["stratum"] == stratum and all(r[key] == value for key, value in wanted.items())]
    pictures = read_pictures(cohort.samples, encoder.spec.recipe)
    vectors = encoder.embed_many([read_scan(one.path, modality="CXR") for one in cohort.samples])
    ranks = HeldOut(pictures, np.arange(len(pictures))).ranks(vectors)
    assert [row["value"] for row in found] == [pytest.approx(ranks.rank_1)]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="there are no such signals")
def test_killed_and_run_again_it_goes_on(small_cohort, tmp_path):
    out = tmp_path / "killed"
    words = ["train", small_cohort, "--out", out, "--size", 64, "--epochs", 3, "--subjects", 2, "--images", 2]
    command = [sys.executable, "-m", "reid_engine.cli", *map(str, words), "--patience", "3", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 200
    while not (out / "checkpoint.pt").exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (out / "encoder.json").exists()
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert len(answer["card"]["curve"]) == 4
    assert {path.name for path in out.iterdir()} == FINISHED
    assert find_spec(str(out)).name == answer["encoder"]["name"]


def test_who_was_not_seen_is_known_again(whole, small_cohort, tmp_path, encoder):
    from reid_engine.training.unseen import unseen_part

    cohort = read_cohort(small_cohort)
    part = unseen_part(cohort, find_spec(str(whole[0])))
    split = run_module.split_subjects([s.subject_id for s in cohort.samples], ["CXR"] * len(cohort.samples))
    assert part.samples == tuple(cohort.samples[row] for row in split.judging)
    with pytest.raises(TrainingError, match="on another cohort than this one"):
        others = [replace(sample, subject_id=f"X{sample.subject_id}") for sample in cohort.samples]
        unseen_part(replace(cohort, samples=tuple(others)), find_spec(str(whole[0])))
    with pytest.raises(TrainingError, match="is not an encoder that reid-engine train made"):
        unseen_part(cohort, encoder.spec)


def test_without_choosing_all_epochs_are_run_and_the_last_is_kept(train_small, stop_in_epoch, tmp_path):
    settings = {"choosing": False, "fold": 2, "train_size": 48, "bits": 16, "epochs": 2, "frozen_epochs": 0}
    result = train_small(tmp_path / "one", **settings)
    card = result.card
    assert [row["rank_1"] for row in card["curve"]] == [None, None, None]
    assert card["best_epoch"] == 2
    assert [card["data"][part]["subjects"] for part in ("training", "choosing", "judging")] == [8, 0, 2]
    assert "No epoch was chosen" in (tmp_path / "one" / "model_card.md").read_text()
    state = read_state(tmp_path / "one" / "encoder.safetensors")
    assert {str(value.dtype) for value in state.values()} == {"torch.float16", "torch.int64"}
    assert load_encoder(str(tmp_path / "one")).spec.recipe.size == 64
    with pytest.raises(Stopped):
        train_small(tmp_path / "two", progress=stop_in_epoch(1), **settings)
    assert train_small(tmp_path / "two", **settings).spec.name == result.spec.name


def test_the_network_learns_from_pictures_of_the_size_that_is_asked_for(train_small, tmp_path, monkeypatch):
    from reid_engine.training import learner

    seen, original = [], learner.second_visit
    monkeypatch.setattr(
        learner, "second_visit", lambda squares, rng: seen.append(squares.shape) or original(squares, rng)
    )
    train_small(tmp_path / "out", choosing=False, train_size=32, late_size=48, epochs=2, frozen_epochs=0)
    sides = [shape[-1] for shape in seen]
    assert set(sides) == {32}  # the late size begins at 1.4 of two epochs
    seen.clear()
    train_small(tmp_path / "more", choosing=False, train_size=32, late_size=48, epochs=4, frozen_epochs=0)
    sides = [shape[-1] for shape in seen]
    assert sides == [32] * (len(sides) * 3 // 4) + [48] * (len(sides) // 4)


def test_long_pictures_are_looked_at_as_a_whole_too_and_not_learnt_from_so(tmp_path):
    from reid_engine.phantom import write_phantom_cohort
    from reid_engine.training.settings import TrainingSettings

    write_phantom_cohort(tmp_path / "cohort", subjects=10, sessions=2, modalities=("OCT",), size=64, seed=3)
    cohort = read_cohort(tmp_path / "cohort")
    for sample in cohort.samples:
        Image.open(sample.path).resize((200, 64)).save(sample.path)
    settings = TrainingSettings(epochs=1, subjects=2, images=2, choosing=False, frozen_epochs=0)
    spec = find_spec("efficientnet-lite0")
    parts = run_module.train(cohort, spec, tmp_path / "parts", settings, name="wide", size=32)
    result = run_module.train(cohort, spec, tmp_path / "out", settings, name="wide", size=32, whole=True, mirror=True)
    assert result.spec.name == parts.spec.name, "the same weights"
    middle = run_module.train(
        cohort, spec, tmp_path / "middle", settings, name="wide", size=32, whole=True, tile_step=0.5
    )
    assert middle.spec.name == parts.spec.name, "learnt from the same parts"
    assert "overlap, around its middle" in (tmp_path / "middle" / "model_card.md").read_text()
    for folder in ("out", "middle"):
        assert_judged_as_used(tmp_path / folder, cohort)
    assert json.loads((tmp_path / "out" / "encoder.json").read_text())["recipe"]["whole"] is True
    assert result.card["whole"] is True
    assert result.card["mirror"] is True
    text = (tmp_path / "out" / "model_card.md").read_text()
    assert "beside its parts" in text
    assert "looked at in a mirror" in text
    encoder = load_encoder(str(tmp_path / "out"))
    scan = read_scan(cohort.samples[0].path)
    assert len(encoder.prepare(scan)) == len(load_encoder("efficientnet-lite0").prepare(scan)) + 1
    assert np.abs(encoder.embed(scan) - load_encoder(str(tmp_path / "parts")).embed(scan)).max() > 1e-3
    broken = tmp_path / "out" / "encoder.json"
    broken.write_text(broken.read_text().replace('"whole": true', '"whole": 1'))
    with pytest.raises(EncoderError, match="is damaged"):
        read_trained(tmp_path / "out")


@pytest.mark.parametrize("split", [None, [], {"seed": 0}, {"seed": "0", "fold": 0, "choosing": True, "judged": ""}])
def test_a_card_that_does_not_say_whom_it_has_seen_is_refused(whole, small_cohort, tmp_path, split):
    import shutil

    from reid_engine.training.unseen import unseen_part

    out = shutil.copytree(whole[0], tmp_path / "copy")
    card = json.loads((out / "card.json").read_text())
    (out / "card.json").write_text(json.dumps({**card, "split": split}))
    with pytest.raises(TrainingError, match="does not say which subjects it has seen"):
        unseen_part(read_cohort(small_cohort), find_spec(str(out)))
    (out / "card.json").write_text("{")
    with pytest.raises(TrainingError, match="cannot be read"):
        unseen_part(read_cohort(small_cohort), find_spec(str(out)))
