"""The train task that trains an encoder on the studies: what it takes, says, writes and answers."""

import json
import re
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from lib.encoder_params import EncoderParams
from lib.failures import Refusal
from lib.options import Options, read_options
from lib.quiet import LOG
from lib.studies import StudiesFolder
from lib.trainers.reid_encoder import MOST_ENCODERS, TrainEncoder, summary
from serving import Served

from reid_engine.encoder.trained import _note, read_trained
from reid_engine.errors import TrainingError
from reid_engine.phantom import write_phantom_cohort

pytest.importorskip("pytorch_metric_learning")

TINY = {"size": 32, "subjects": 2, "images": 2}
FINISHED = {"encoder.safetensors", "encoder.json", "learnt.safetensors", "card.json", "model_card.md"}


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    """Give 10 subjects with 3 chest x-rays each."""
    folder = tmp_path_factory.mktemp("encoder_studies")
    write_phantom_cohort(folder, subjects=10, sessions=3, modalities=("CXR",), size=64, seed=3)
    return folder


def ask(server, body, query="", path="reid_encoder"):
    return server.session.post(f"{server.url}/train/{path}{query}", json=body, timeout=60)


def follow(server, until, seconds=240):
    """Read the task's state until it is as wanted; give the last answer and all lines that were seen."""
    end, lines = time.monotonic() + seconds, []
    while time.monotonic() < end:
        task = server.get("/train/").json()
        lines += [line for line in task["details"] if line not in lines]
        if until(task, lines):
            return task, lines
        time.sleep(0.05)
    pytest.fail(f"still at {task}")


def over(task, lines):
    return task["status"] not in ("SUBMITTED", "RUNNING")


@dataclass
class Seen:
    """A training that was stopped over HTTP after an epoch, and asked for again."""

    server: Served
    encoders: Path
    asked: dict
    second: int
    ended: dict
    left: set
    task: dict
    lines: list


@pytest.fixture(scope="module")
def seen(served, _phantom_gallery):
    body = {"name": "chest", "epochs": 4, "size": 32, "subjects": 8, "images": 2, "mirror": True, "tile_step": 0.5}
    encoders = _phantom_gallery.parent / "encoders"
    asked = ask(served, body)
    assert asked.status_code == 200, asked.text
    follow(served, lambda task, _: over(task, _) or (encoders / "chest" / "checkpoint.pt").exists())
    second = ask(served, {**body, "name": "more"}).status_code
    ended = served.session.delete(served.url + "/train/", timeout=60).json()
    left = {path.name for path in (encoders / "chest").iterdir() if not path.name.startswith(".")}
    assert ask(served, body).status_code == 200
    task, lines = follow(served, over)
    yield Seen(served, encoders, asked.json(), second, ended, left, task, lines)
    if "result" in task:
        _note(task["result"]["encoder"]).unlink(missing_ok=True)  # the server noted its place among the user's settings


def test_a_stopped_training_keeps_its_checkpoint(seen):
    assert seen.asked["model"] == seen.ended["model"] == "reid_encoder"
    assert seen.second == 429
    assert seen.ended["status"] == "STOPPED"
    assert seen.left == {"checkpoint.pt"}


def test_the_same_request_goes_on_to_its_end_and_answers_the_cards_summary(seen):
    assert seen.task["status"] == "DONE"
    result = seen.task["result"]
    assert re.fullmatch(r"trained:chest-[0-9a-f]{8}", result["encoder"])
    assert (result["base"], result["input_size"], result["dim"]) == ("efficientnet-lite0", 32, 1280)
    assert sum(result["data"][part]["subjects"] for part in ("training", "choosing", "judging")) == 24
    assert 2 <= len(result["curve"]) <= 5
    assert 0 <= result["held_out"]["before"]["value"] <= 1
    assert "on others" in result["note"]
    assert "licence" not in result


def test_it_goes_on_after_the_epoch_that_was_kept(seen):
    epochs = [int(line.split()[2]) for line in seen.lines if line.startswith("reid_encoder: epoch ")]
    assert epochs
    assert epochs[0] > 1


def test_the_folder_is_an_encoder_of_the_servers_own_choosing(seen):
    assert {path.name for path in (seen.encoders / "chest").iterdir()} == FINISHED
    spec = read_trained(seen.encoders / "chest")
    assert spec.name == seen.task["result"]["encoder"]
    assert (spec.recipe.size, spec.recipe.mirror, spec.recipe.tile_step) == (32, True, 0.5)
    assert seen.encoders.stat().st_mode & 0o077 == 0


def test_it_says_how_far_it_is_and_names_nobody(seen):
    assert any(re.fullmatch(r"reid_encoder: reading: \d+ of 216", line) for line in seen.lines)
    epoch = r"reid_encoder: epoch \d of 4, held-out rank-1 so far \d+\.\d %: \d+ of \d+"
    assert any(re.fullmatch(epoch, line) for line in seen.lines)
    assert any(line.startswith("reid_encoder: done: epoch ") for line in seen.lines)
    for text in (json.dumps(seen.task), *seen.lines, seen.server.printed()):
        assert not re.search(r"P0\d\d", text)
        assert ".png" not in text
        assert str(seen.encoders) not in text
    assert "chest" not in "".join(seen.lines)


def test_the_operator_takes_it_by_its_short_name(seen, tmp_path):
    conf = {"gallery": str(seen.encoders.parent / "gallery"), "encoder": "chest"}
    assert read_options(conf, str(tmp_path)).encoder == seen.task["result"]["encoder"]
    apart = {"gallery": str(tmp_path / "gallery"), "encoders": str(seen.encoders), "encoder": "chest"}
    assert read_options(apart, str(tmp_path)).encoder == seen.task["result"]["encoder"]


def test_nobody_waits_for_it_in_the_server(served):
    response = ask(served, {"name": "lungs2", **TINY}, "?run_sync=true")
    assert response.status_code == 400
    assert "run_sync" in response.json()["detail"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422), ({"name": ""}, 422), ({"name": "../../tmp/x"}, 422), ({"name": "/tmp/x"}, 422), ({"name": ".."}, 422),
        ({"name": "a/b"}, 422), ({"name": "a" * 65}, 422), ({"name": ["a"]}, 422), ({"name": "a\n"}, 422),
        ({"name": "a", "encoder": "/etc/passwd"}, 422), ({"name": "a", "encoder": "timm:resnet18"}, 422),
        ({"name": "a", "encoder": "trained:x-12345678"}, 422), ({"name": "a", "encoder": "rad-dino"}, 409),
        ({"name": "a", "loss": "mine"}, 422), ({"name": "a", "epochs": 0}, 422), ({"name": "a", "epochs": 1e9}, 422),
        ({"name": "a", "epochs": 1.5}, 422), ({"name": "a", "size": 31}, 422), ({"name": "a", "seed": -1}, 422),
        ({"name": "a", "size": 1024, "subjects": 256, "images": 64}, 422), ({"name": "a", "weights": "/tmp/w.pt"}, 400),
        ({"name": "a", "out": "/tmp"}, 400), ({"name": "a", "bundle_path": "/tmp"}, 400), ({"name": "a", "gpus": "0"}, 400),
        ({"name": "a", "learning_rate": 1}, 400), ([1], 400), ({"name": "a", "mirror": 1}, 422),
        ({"name": "a", "whole": "yes"}, 422), ({"name": "a", "tile_step": 0}, 422), ({"name": "a", "second_size": 2000}, 422),
        ({"name": "a", "members": 9}, 422), ({"name": "a", "members": 0}, 422), ({"name": "a", "members": "2"}, 422),
    ],
)  # fmt: skip
def test_hostile_parameters_are_refused(body, status, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HOME", str(tmp_path))  # no weights but those of the package
    with pytest.raises(Refusal) as caught:
        EncoderParams.parse(json.dumps(body))
    assert caught.value.status == status
    assert "tmp" not in caught.value.sentence
    assert "passwd" not in caught.value.sentence


def test_they_are_refused_over_http_and_nothing_is_made(seen, served):
    around = seen.encoders.parent
    before = sorted(around.rglob("*"))
    for body in ({"name": "../x", **TINY}, {"name": "x", "out": "/tmp/x"}, {"name": "x", "encoder": "/tmp"}):
        response = ask(served, body)
        assert response.status_code in (400, 422)
        assert "tmp" not in response.text
    assert ask(served, {"name": "x"}, path="leakage_probes").status_code == 400
    assert sorted(around.rglob("*")) == before


def test_what_is_asked_comes_back_out_of_a_request():
    params = EncoderParams.parse('{"name": "lungs", "size": 64, "epochs": 3, "members": 2, "loss": null}')
    assert params == EncoderParams("lungs", size=64, epochs=3, members=2)
    assert EncoderParams.of({**params.as_request(), "model": "reid_encoder"}) == params
    settings = params.settings()
    assert (settings.epochs, settings.members, settings.loss) == (3, 2, "multi-similarity")


def task_of(tmp_path, studies, **places):
    options = Options(places.get("gallery", tmp_path / "gallery"), studies, encoders=places.get("encoders"))
    return TrainEncoder(options), options


def test_the_same_request_goes_on_to_the_same_encoder(studies, tmp_path, monkeypatch):
    """In this process: killed after the first epoch, and never killed."""
    from reid_engine.encoder import trained
    from reid_engine.training.course import Course

    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(trained, "_seen", {})

    class Killed(BaseException):
        pass

    request = EncoderParams("same", epochs=2, **TINY).as_request()
    whole = task_of(tmp_path, studies, encoders=tmp_path / "whole")[0](request, StudiesFolder(studies))
    save = Course._save

    def save_and_die(course):
        save(course)
        raise Killed

    task, options = task_of(tmp_path, studies, encoders=tmp_path / "killed")
    with monkeypatch.context() as patch:
        patch.setattr(Course, "_save", save_and_die)
        with pytest.raises(Killed):
            task(request, StudiesFolder(studies))
    with pytest.raises(TrainingError, match=r"^the encoder's folder/checkpoint.pt: is of .* other settings"):
        task({**request, "epochs": 3}, StudiesFolder(studies))
    draft = tmp_path / "killed" / "same" / ".checkpoint.pt.123"
    draft.write_bytes(b"half")
    again = task(request, StudiesFolder(studies))
    assert not draft.exists()
    assert again["curve"] == whole["curve"]
    assert again["encoder"] == whole["encoder"]
    assert summary(options, EncoderParams.of(request)) == again
    with pytest.raises(TrainingError, match="an encoder of this name is trained already"):
        task(request, StudiesFolder(studies))


def test_an_encoder_of_several_networks_says_what_each_of_them_did(studies, tmp_path, monkeypatch, caplog):
    from reid_engine.encoder import trained

    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(trained, "_seen", {})
    task, options = task_of(tmp_path, studies)
    params = EncoderParams("both", epochs=1, members=2, **TINY)
    with caplog.at_level("INFO", LOG.name):
        result = task(params.as_request(), StudiesFolder(studies))
    assert result == summary(options, params)
    assert [len(one["curve"]) for one in (result, *result["further_networks"])] == [2, 2]
    assert re.search(r"done: epochs \d, \d of its networks are kept; rank-1 of \d+ held-out subjects", caplog.text)


@pytest.mark.parametrize(
    ("place", "words"), [("studies", "lies among the studies"), ("gallery", "lies among the gallery's files")]
)
def test_no_encoder_is_written_where_it_does_not_belong(studies, tmp_path, caplog, place, words):
    inside = {"studies": studies, "gallery": tmp_path / "gallery"}[place] / "encoders"
    task, _ = task_of(tmp_path, studies, encoders=inside)
    with caplog.at_level("INFO", LOG.name), pytest.raises(TrainingError, match=words):
        task({"name": "x"}, StudiesFolder(studies))
    assert not inside.exists()
    assert "--conf encoders DIR" in caplog.text


def test_there_are_no_more_encoders_than_the_server_keeps(studies, tmp_path):
    task, options = task_of(tmp_path, studies)
    for number in range(MOST_ENCODERS):
        (options.encoders_folder / f"e{number}").mkdir(parents=True)
    with pytest.raises(TrainingError, match=f"the server has {MOST_ENCODERS} encoders"):
        task({"name": "another"}, StudiesFolder(studies))


def test_too_few_subjects_are_one_sentence(tmp_path, caplog):
    write_phantom_cohort(tmp_path / "few", subjects=3, sessions=2, modalities=("CXR",), size=64)
    task, _ = task_of(tmp_path, tmp_path / "few")
    with caplog.at_level("INFO", LOG.name), pytest.raises(TrainingError):
        task({"name": "x", **TINY}, StudiesFolder(tmp_path / "few"))
    assert "reid_encoder: failed: only 3 subjects have two images of one modality" in caplog.text


def test_a_file_in_place_of_the_encoders_folder_is_told_to_the_operator(tmp_path):
    from reid_engine.errors import ServeError

    (tmp_path / "file").touch()
    with pytest.raises(ServeError, match="--conf encoders"):
        read_options({"gallery": str(tmp_path / "g"), "encoders": str(tmp_path / "file")}, str(tmp_path))
