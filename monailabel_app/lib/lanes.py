"""Where work is done: in threads of its own, a few pieces at a time, so that the server hears others meanwhile."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from starlette.requests import ClientDisconnect, Request

from lib.failures import Refusal
from lib.watch import Watch, until_gone
from reid_engine.progress import Progress

T = TypeVar("T")


class Lane:
    """A queue for one kind of work: what is slow has another one than what is quick.

    Parameters
    ----------
    name
        Begins the names of its threads.
    workers
        Pieces of work at a time.
    waiting
        Requests, beyond those being worked on, that may be under way; more are told to come back.
    """

    def __init__(self, name: str, workers: int, waiting: int) -> None:
        self.most = workers + waiting
        self._under_way = 0
        self._turn = asyncio.Semaphore(workers)
        self._workers = ThreadPoolExecutor(workers, thread_name_prefix=name)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place in the queue; raise :class:`Refusal` where there is none."""
        if self._under_way >= self.most:
            raise Refusal(503, "the server is busy; try again in a moment")
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    async def run(self, request: Request, work: Callable[[], T]) -> T:
        """Do quick work when its turn comes, for a client that is still there then."""
        async with self._turn:
            if await request.is_disconnected():
                raise ClientDisconnect
            return await asyncio.get_running_loop().run_in_executor(self._workers, work)

    async def run_watched(self, request: Request, work: Callable[[Progress], T]) -> T:
        """Do slow work when its turn comes, and end it between two steps when the client goes away."""
        watch = Watch()
        task = asyncio.create_task(self._run(watch, work))
        gone = asyncio.create_task(until_gone(request))
        try:
            await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            watch.stop()
            if not watch.begun:
                task.cancel()
            await asyncio.wait({task})  # what it reads may be removed after
            raise ClientDisconnect
        finally:
            watch.stop()
            gone.cancel()

    async def _run(self, watch: Watch, work: Callable[[Progress], T]) -> T:
        async with self._turn:
            watch.begin()
            return await asyncio.get_running_loop().run_in_executor(self._workers, work, watch.progress)
