"""The endpoints of long tasks: start one, watch it, stop it, by MONAI Label's own mechanism; one at a time.

MONAI Label's own endpoints would merge the client's parameters into the task's request, where ``bundle_path`` is a
folder to import code from; these tasks take their own alone. It also sees a task only from when its process has
started, and counts train tasks and scorings apart, though both work on the one gallery.
"""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from types import MappingProxyType
from typing import Any

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from monailabel.utils.async_tasks import utils as monai_label
from monailabel.utils.async_tasks.task import AsyncTask

from lib.encoder_params import EncoderParams
from lib.exposures import Exposures
from lib.failures import Refusal, explain
from lib.lines import folders
from lib.options import Options
from lib.params import ProbeParams
from lib.quiet import said_by_task
from lib.scoring import cohort_reidentification
from lib.trainers import gallery, leakage_probes, reid_encoder
from lib.upload import Body

_SHOWN = ("id", "status", "start_ts", "end_ts")
_SECONDS_BETWEEN_LOOKS = 0.05


class Turn:
    """Whose turn it is: tasks of whatever kind run one after another."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._here = False
        self._apart: dict[str, tuple[str, Future[None]]] = {}

    def run_apart(self, method: str, request: dict[str, Any], *, enqueue: bool) -> dict[str, Any]:
        """Start a task in a process of its own; with `enqueue`, let it wait for those of its own kind."""
        with self._lock:
            self._refuse_a_second(method if enqueue else "")
            task: dict[str, Any] = AsyncTask.run(method, request=request, enqueue=True)[0]
            # MONAI Label runs the tasks of a kind one by one in one thread: this comes after the task, however it ends.
            ended = monai_label.background_executors[method].submit(lambda: None)
            self._apart = {**self._under_way(), task["id"]: (method, ended)}
        return task

    def run_here(self, method: str, request: dict[str, Any]) -> dict[str, Any]:
        """Run a task in this thread, to its result."""
        with self._lock:
            self._refuse_a_second("")
            self._here = True
        try:
            result: dict[str, Any] = AsyncTask.run(method, request=request, force_sync=True, enqueue=True)[0]
        finally:
            self._here = False
        return result

    def has(self, method: str) -> bool:
        """Whether a task of this kind waits or runs in a process of its own."""
        return any(one == method for one, _ in self._under_way().values())

    def holds(self, task: str) -> bool:
        """Whether the task of this id waits or runs in a process of its own."""
        return task in self._under_way()

    def _under_way(self) -> dict[str, tuple[str, "Future[None]"]]:
        return {task: (method, ended) for task, (method, ended) in self._apart.items() if not ended.done()}

    def _refuse_a_second(self, but: str) -> None:
        if self._here or any(method != but for method, _ in self._under_way().values()):
            raise Refusal(429, "a task is running already; train tasks and scorings run one at a time")


class Tasks:
    """The endpoints of one kind of task.

    Parameters
    ----------
    turn
        Shared by all kinds.
    options
        The app's options.
    """

    method: str
    """MONAI Label's word for the kind."""

    key: str
    """MONAI Label's word for the task's name in a request."""

    names: Mapping[str, Callable[[str], dict[str, Any]]]
    """The tasks of the kind, each with what reads the parameters of its request out of the body."""

    noun: str

    def __init__(self, turn: Turn, options: Options) -> None:
        self.turn = turn
        self.options = options

    def status(self, all: bool = False, check_if_running: bool = False) -> dict[str, Any] | list[dict[str, Any]]:
        """Tell how far the last task is, and what it found while that holds."""
        found, _ = AsyncTask.status(self.method, all, check_if_running)
        if found is None:
            raise Refusal(404, f"no {self.noun} {'is running' if check_if_running else 'was started'}")
        if isinstance(found, list):
            return [self._shown(task) for task in found]
        shown = self._shown(found)
        return {**shown, **self._found(found["request"])} if shown["status"] == "DONE" else shown

    def stop(self) -> dict[str, Any]:
        """Stop the running task; what it committed stays."""
        task = AsyncTask.stop(self.method)
        while task is None and self.turn.has(self.method):
            time.sleep(_SECONDS_BETWEEN_LOOKS)  # it was asked for, and its process is not there yet
            task = AsyncTask.stop(self.method)
        if task is None:
            raise Refusal(404, f"no {self.noun} is running")
        while self.turn.holds(task["id"]):
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        return self._shown(task)

    async def _start(self, request: Request, name: str, taken: set[str], run_sync: bool, enqueue: bool) -> Any:
        if set(request.query_params) - taken:
            raise Refusal(400, f"the address has a parameter that is not taken; {' and '.join(sorted(taken))} are")
        text = await Body(request).text()
        if name not in self.names:
            raise Refusal(404, f"there is no such {self.noun} here; the server has {' and '.join(self.names)}")
        asked = {**self.names[name](text), self.key: name}
        return await run_in_threadpool(self._run, asked, run_sync, enqueue)

    def _run(self, request: dict[str, Any], run_sync: bool, enqueue: bool) -> dict[str, Any]:
        if not run_sync:
            return self._shown(self.turn.run_apart(self.method, request, enqueue=enqueue))
        try:
            return self.turn.run_here(self.method, request)
        except Exception as error:
            raise explain(error, folders(self.options)) from None

    def _found(self, request: dict[str, Any]) -> dict[str, Any]:
        """Give what a task that is done left for its client, as ``result``."""
        return {}

    def _shown(self, task: dict[str, Any]) -> dict[str, Any]:
        """Give what names nobody: the task's own lines, not what libraries print."""
        held = self.turn.holds(task["id"])
        lines = [said_by_task(line) for line in list(task.get("details", ()))]
        shown = {key: task[key] for key in _SHOWN if key in task}
        if not held and shown["status"] in ("SUBMITTED", "RUNNING"):
            shown["status"] = "ERROR"  # its process could not be started
        return {**shown, self.key: task["request"][self.key], "details": [line for line in lines if line is not None]}


def _nothing(text: str) -> dict[str, Any]:
    if text.strip() not in ("", "{}", "null"):
        raise Refusal(400, "the task takes no parameters")
    return {}


def _probe_params(text: str) -> dict[str, Any]:
    return ProbeParams.parse(text).as_request()


def _encoder_params(text: str) -> dict[str, Any]:
    return EncoderParams.parse(text).as_request()


class Training(Tasks):
    """The train tasks: the studies become the gallery; its probes are fitted again; an encoder is trained."""

    method, key, noun = "train", "model", "train task"
    names = MappingProxyType(
        {gallery.NAME: _nothing, leakage_probes.NAME: _probe_params, reid_encoder.NAME: _encoder_params}
    )

    async def start(self, request: Request, model: str, run_sync: bool = False, enqueue: bool = False) -> Any:
        """Enrol the studies, fit probes or train an encoder; the answer is the task, with ``run_sync`` its result."""
        if run_sync and model == reid_encoder.NAME:  # it could be neither stopped nor kept from slowing down checks
            raise Refusal(400, "training takes long and is not waited for; leave run_sync out and ask GET /train/")
        return await self._start(request, model, {"run_sync", "enqueue"}, run_sync, enqueue)

    def _found(self, request: dict[str, Any]) -> dict[str, Any]:
        if request[self.key] == reid_encoder.NAME:
            return {"result": reid_encoder.summary(self.options, EncoderParams.of(request))}
        if request[self.key] != leakage_probes.NAME:
            return {}
        return {"result": leakage_probes.summary(self.options, ProbeParams.of(request))}


class Scoring(Tasks):
    """The scoring: how exposed the studies are."""

    method, key, noun = "scoring", "method", "scoring"
    names = MappingProxyType({cohort_reidentification.NAME: _nothing})

    def __init__(self, turn: Turn, options: Options, exposures: Exposures) -> None:
        super().__init__(turn, options)
        self.exposures = exposures

    async def start(self, request: Request, method: str, run_sync: bool = False) -> Any:
        """Score the studies that are enrolled; the answer is the task, or its result with ``run_sync``."""
        return await self._start(request, method, {"run_sync"}, run_sync, enqueue=False)

    def _found(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"result": self.exposures.summary()}
