"""The endpoints of the train task: start it, watch it, stop it, by MONAI Label's own mechanism."""

import threading
import time
from typing import Any

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from monailabel.utils.async_tasks.task import AsyncTask

from lib.failures import Refusal, explain
from lib.options import Options
from lib.quiet import said_by_task
from lib.trainers.gallery import NAME
from lib.upload import Body

_SHOWN = ("id", "status", "start_ts", "end_ts")
_NOT_RUNNING = "no train task is running"
_RUNNING = "a train task is running already"
_SECONDS_TO_START = 30.0
"""How long a task may have been asked for without a process, before it is taken to have failed."""


class Training:
    """Runs the train task in a process of its own, or in a thread where the client waits for the result.

    MONAI Label's own endpoint would merge the client's parameters into the task's request, where
    ``bundle_path`` is a folder to import code from; this task takes none.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self._starting = threading.Lock()
        self._in_this_process = False
        self._asked = 0.0

    async def start(
        self, request: Request, model: str, run_sync: bool = False, enqueue: bool = False
    ) -> dict[str, Any]:
        """Enrol the studies folder; the answer is the task, or its result with ``run_sync``."""
        if (await Body(request).short()).strip() not in (b"", b"{}", b"null"):
            raise Refusal(400, "the train task takes no parameters")
        if model != NAME:
            raise Refusal(404, f"there is no such train task here; the server has {NAME}")
        return await run_in_threadpool(self._run_now if run_sync else self._run_apart, enqueue)

    def status(self, all: bool = False, check_if_running: bool = False) -> dict[str, Any] | list[dict[str, Any]]:
        """Tell how far the last task is."""
        found, _ = AsyncTask.status("train", all, check_if_running)
        if found is None:
            raise Refusal(404, "no train task is running" if check_if_running else "no train task was started")
        return [_shown(task) for task in found] if isinstance(found, list) else _shown(found)

    def stop(self) -> dict[str, Any]:
        """Stop the running task; what it committed stays."""
        deadline = time.monotonic() + _SECONDS_TO_START
        task = AsyncTask.stop("train")
        while task is None and self._apart() and time.monotonic() < deadline:
            time.sleep(0.05)  # it was asked for, and its process is not there yet
            task = AsyncTask.stop("train")
        if task is None:
            raise Refusal(404, _NOT_RUNNING)
        return _shown(task)

    def _run_apart(self, enqueue: bool) -> dict[str, Any]:
        with self._starting:
            self._refuse_a_second(enqueue)
            self._asked = time.monotonic()
            task, _ = AsyncTask.run("train", request={"model": NAME}, enqueue=True)
        return _shown(task)

    def _run_now(self, enqueue: bool = False) -> dict[str, Any]:
        with self._starting:
            self._refuse_a_second(enqueue=False)
            self._in_this_process = True
        try:
            result, _ = AsyncTask.run("train", request={"model": NAME}, force_sync=True, enqueue=True)
        except Exception as error:
            names = {
                str(self.options.gallery): "the gallery",
                str(self.options.studies): "the studies folder",
            }
            raise explain(error, names) from None
        finally:
            self._in_this_process = False
        return dict(result)

    def _refuse_a_second(self, enqueue: bool) -> None:
        if self._in_this_process or (self._apart() and not enqueue):
            raise Refusal(429, _RUNNING)

    def _apart(self) -> bool:
        """Whether a task waits or runs; MONAI Label itself sees one only from when its process has started."""
        tasks, _ = AsyncTask.status("train", all=True)
        states = {task["status"] for task in tasks or ()}
        return "RUNNING" in states or ("SUBMITTED" in states and time.monotonic() - self._asked < _SECONDS_TO_START)


def _shown(task: dict[str, Any]) -> dict[str, Any]:
    """Give what names nobody: the task's own lines, not what libraries print."""
    lines = [said_by_task(line) for line in task.get("details", ())]
    shown = {key: task[key] for key in _SHOWN if key in task}
    return {**shown, "model": NAME, "details": [line for line in lines if line is not None]}
