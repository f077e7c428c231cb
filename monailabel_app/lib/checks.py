"""The endpoint of a check: a bounded upload or a study's id in, a RiskReport or one sentence out."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from monailabel.interfaces.app import MONAILabelApp
from starlette.requests import ClientDisconnect

from lib.failures import Refusal, explain
from lib.infers.reidentification_risk import NAME
from lib.options import Options
from lib.params import CheckParams
from lib.quiet import LOG, where
from lib.upload import Body, Form, receive

WAITING = 16
"""Requests, beyond those being worked on, that may be under way; more are told to come back."""

_TAKEN = {"image", "output", "session_id"}


class Checks:
    """Answers checks; the work is done in threads of its own, so that the server hears others meanwhile.

    MONAI Label's own endpoint would run the task on the event loop, merge whatever a client sends into the
    request, open any path that is named in it, and log it.

    Parameters
    ----------
    app
        Whose infer task is run.
    options
        The app's options.
    folder
        Private folder for uploads.
    """

    def __init__(self, app: MONAILabelApp, options: Options, folder: Path) -> None:
        self.app = app
        self.options = options
        self.folder = folder
        self._under_way = 0
        self._turn = asyncio.Semaphore(options.workers)
        self._workers = ThreadPoolExecutor(options.workers, thread_name_prefix="check")

    async def answer(
        self,
        request: Request,
        model: str,
        image: str = "",
        output: Literal["json", "all"] = "json",
        session_id: str = "",
    ) -> Response:
        """Check a scan.

        Send it as the part `file` of a multipart body, or name an image of the studies folder; the part
        `params` may hold a JSON object with modality, prior_enrolled, population, top, window and invert.
        """
        body = Body(request)
        self._under_way += 1
        try:
            self._look_over(request, model, session_id)
            form = await receive(body, self.folder, self.options.max_upload)
            try:
                return await self._in_turn(request, form, image)
            finally:
                form.discard()
        except Refusal:
            await body.drain()
            raise
        except ClientDisconnect:
            return Response(status_code=499)  # nobody is there to read it
        finally:
            self._under_way -= 1

    def _look_over(self, request: Request, model: str, session_id: str) -> None:
        if model != NAME:
            raise Refusal(404, f"there is no such model here; the server has {NAME}")
        if set(request.query_params) - _TAKEN:
            raise Refusal(400, "the address has a parameter that is not taken; image and output are")
        if session_id:
            raise Refusal(400, "the server keeps no sessions; send the scan as the part 'file'")
        if self._under_way > self.options.workers + WAITING:
            raise Refusal(503, "the server is busy; try again in a moment")

    async def _in_turn(self, request: Request, form: Form, image: str) -> Response:
        params = CheckParams.parse(form.params)
        path = form.path if form.path and not image else await asyncio.to_thread(self._find, form, image)
        async with self._turn:
            if await request.is_disconnected():
                raise ClientDisconnect
            return await asyncio.get_running_loop().run_in_executor(self._workers, self._check, path, params)

    def _find(self, form: Form, image: str) -> Path:
        if form.path is not None and image:
            raise Refusal(400, "send a scan or name an image, not both")
        if form.path is not None:
            return form.path
        if not image:
            raise Refusal(400, "there is no scan; send it as the part 'file', or name an image of the studies")
        path = self.app.datastore().get_image_uri(image)
        if not path:
            raise Refusal(404, "there is no such image among the studies")
        return Path(path)

    def _check(self, path: Path, params: CheckParams) -> Response:
        start = time.perf_counter()
        try:
            result = self.app.infer({"model": NAME, "image": str(path), **params.as_request()})
            response = JSONResponse(result["params"], headers={"cache-control": "no-store"})
        except Exception as error:
            refusal = explain(error, self._names(path))
            LOG.warning("a check was refused with %d (%s)", refusal.status, where(error))
            raise refusal from None
        LOG.info("a check was answered in %.2f s", time.perf_counter() - start)
        return response

    def _names(self, path: Path) -> dict[str, str]:
        return {
            str(path): "the scan",
            path.name: "the scan",
            str(self.options.gallery): "the gallery",
            str(self.options.studies): "the studies folder",
        }
