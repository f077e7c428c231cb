"""One long task at a time, whatever its kind, seen from the moment it was asked for."""

import threading
import time
from types import SimpleNamespace

import pytest
from lib.failures import Refusal
from lib.options import Options
from lib.tasks import Training, Turn
from monailabel.utils.async_tasks import task, utils

ASKED = {"model": "gallery"}


class Stage:
    """MONAI Label's tasks without processes: each runs until it is let go."""

    def __init__(self):
        self.gate = threading.Event()
        self.started = []

    def run(self, one, method, callback=None):
        self.started.append(method)
        one["status"] = "RUNNING"
        assert self.gate.wait(10)
        one["status"] = "DONE"

    def info(self):
        return {}

    def bundle_path(self, model):
        return None

    def train(self, request):
        self.started.append("here")
        assert self.gate.wait(10)
        return {"added": 1}


@pytest.fixture
def stage(monkeypatch):
    held = Stage()
    monkeypatch.setattr(utils, "_task_func", held.run)
    monkeypatch.setattr(task, "app_instance", lambda: held)
    for name in ("background_tasks", "background_processes", "background_executors"):
        monkeypatch.setattr(utils, name, {})
    yield held
    held.gate.set()
    for executor in utils.background_executors.values():
        executor.shutdown()


def refused(*call, **more):
    turn, method = call
    with pytest.raises(Refusal) as caught:
        turn.run_apart(method, dict(ASKED), enqueue=more.get("enqueue", False))
    assert caught.value.status == 429


def until(condition):
    end = time.monotonic() + 10
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    assert condition()


def test_kinds_wait_for_each_other(stage):
    turn = Turn()
    turn.run_apart("train", dict(ASKED), enqueue=False)
    assert turn.has("train")
    assert not turn.has("scoring")
    refused(turn, "train")
    refused(turn, "scoring")
    refused(turn, "scoring", enqueue=True)
    stage.gate.set()
    until(lambda: not turn.has("train"))
    turn.run_apart("scoring", dict(ASKED), enqueue=False)
    until(lambda: not turn.has("scoring"))
    assert stage.started == ["train", "scoring"]


def test_of_many_that_come_at_once_one_is_started(stage):
    turn, answers = Turn(), []

    def ask(method):
        try:
            answers.append(turn.run_apart(method, dict(ASKED), enqueue=False)["id"])
        except Refusal as refusal:
            answers.append(refusal.status)

    threads = [threading.Thread(target=ask, args=(("train", "scoring")[n % 2],)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.count(429) == 15
    assert sum(map(len, utils.background_tasks.values())) == 1


def test_a_kind_may_queue_behind_itself_and_stays_under_way(stage):
    turn = Turn()
    first = turn.run_apart("train", dict(ASKED), enqueue=False)
    second = turn.run_apart("train", dict(ASKED), enqueue=True)
    stage.gate.set()
    until(lambda: not turn.holds(first["id"]))
    until(lambda: not turn.holds(second["id"]))
    assert stage.started == ["train", "train"]


def test_a_task_of_this_process_keeps_the_others_out(stage):
    turn, results = Turn(), []
    thread = threading.Thread(target=lambda: results.append(turn.run_here("train", dict(ASKED))))
    thread.start()
    until(lambda: stage.started == ["here"])
    refused(turn, "scoring")
    refused(turn, "train", enqueue=True)
    stage.gate.set()
    thread.join()
    assert results == [{"added": 1}]
    turn.run_apart("scoring", dict(ASKED), enqueue=False)


def test_after_a_failure_it_is_anothers_turn(stage, monkeypatch):
    turn = Turn()
    monkeypatch.setattr(stage, "train", lambda request: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        turn.run_here("train", dict(ASKED))
    turn.run_apart("train", dict(ASKED), enqueue=False)


def test_a_task_whose_process_cannot_be_started_is_told_as_failed(stage, monkeypatch, tmp_path):
    def fail(*given):
        raise OSError("no more processes")

    monkeypatch.setattr(utils, "_task_func", fail)
    turn = Turn()
    training = Training(turn, Options(tmp_path, tmp_path))
    turn.run_apart("train", dict(ASKED), enqueue=False)
    until(lambda: not turn.has("train"))
    assert training.status()["status"] == "ERROR"
    with pytest.raises(Refusal) as caught:
        training.stop()
    assert caught.value.status == 404


def test_an_operator_may_leave_a_kind_out(monkeypatch, tmp_path):
    from lib import takeover

    parts = dict.fromkeys(("exposures", "desk", "study_ids"))
    app = SimpleNamespace(name="x", description="", version="1", info=lambda: {}, **parts)

    def paths():
        return {route.path for route in takeover.build(app, Options(tmp_path, tmp_path), tmp_path).routes}

    assert {"/scoring/", "/scoring/{method}", "/activelearning/{strategy}"} <= paths()
    monkeypatch.setattr(takeover.settings, "MONAI_LABEL_TASKS_STRATEGY", False)
    monkeypatch.setattr(takeover.settings, "MONAI_LABEL_TASKS_SCORING", False)
    assert not {path for path in paths() if path.startswith(("/scoring", "/activelearning"))}
