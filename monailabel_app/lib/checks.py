"""The endpoint of what is asked of one scan: a bounded upload or a study's id in, an answer or one sentence out."""

import json
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from monailabel.interfaces.app import MONAILabelApp
from requests_toolbelt import MultipartEncoder
from starlette.requests import ClientDisconnect

from lib.failures import Refusal, explain
from lib.infers import reidentification_measures, reidentification_risk
from lib.lanes import Lane
from lib.options import Options
from lib.params import CheckParams, MeasureParams, ScanParams
from lib.quiet import LOG, where
from lib.upload import Body, Form, receive
from lib.watch import NobodyWaitsError
from reid_engine.progress import Progress

WAITING = 16
"""Checks, beyond those being worked on, that may be under way; more are told to come back."""

SLOW_WORKERS = 1
"""Explanations and comparisons of measures at a time; checks don't wait for them."""

SLOW_WAITING = 4

_TAKEN = {"image", "output", "session_id"}
_NO_STORE = {"cache-control": "no-store"}


@dataclass(frozen=True)
class _Job:
    """What a request asks for.

    Attributes
    ----------
    params
        What reads its parameters.
    volume
        The name of the volume that comes with the answer, where one may.
    slow
        Whether it takes long.
    noun
        What the log calls it.
    """

    params: type[ScanParams]
    volume: str | None
    slow: bool
    noun: str


_JOBS: Mapping[tuple[str, str], _Job] = MappingProxyType(
    {
        (reidentification_risk.NAME, "json"): _Job(CheckParams, None, False, "a check"),
        (reidentification_risk.NAME, "all"): _Job(CheckParams, "map.nii.gz", True, "an explanation"),
        (reidentification_measures.NAME, "json"): _Job(MeasureParams, None, True, "a comparison of measures"),
        (reidentification_measures.NAME, "all"): _Job(MeasureParams, "copy.nii.gz", True, "a copy"),
    }
)


class Checks:
    """Answers checks, explanations and comparisons of measures.

    MONAI Label's own endpoint would run the task on the event loop, merge whatever a client sends into the
    request, open any path that is named in it, and log it.

    Parameters
    ----------
    app
        Whose infer tasks are run.
    options
        The app's options.
    folder
        Private folder for uploads.
    """

    def __init__(self, app: MONAILabelApp, options: Options, folder: Path) -> None:
        self.app = app
        self.options = options
        self.folder = folder
        self._quick = Lane("check", options.workers, WAITING)
        self._slow = Lane("slow", SLOW_WORKERS, SLOW_WAITING)

    async def answer(
        self,
        request: Request,
        model: str,
        image: str = "",
        output: Literal["json", "all"] = "json",
        session_id: str = "",
    ) -> Response:
        """Check a scan, or compare measures on copies of it.

        Send it as the part `file` of a multipart body, or name an image of the studies folder; the part
        `params` may hold a JSON object with modality, prior_enrolled, population, window and invert, for a check
        also top and explain_subject, for measures also measures. With `output=all` the answer has two parts: `params`,
        which is the JSON, and `image`, a volume that lies over the scan: the map of the regions that made the match, or
        the copy that the one measure named in `measures` made.
        """
        body = Body(request)
        try:
            job = self._look_over(request, model, output, session_id)
            with self._lane(job).place():
                form = await receive(body, self.folder, self.options.max_upload)
                try:
                    return await self._in_turn(request, model, job, form, image)
                finally:
                    form.discard()
        except Refusal:
            await body.drain()
            raise
        except ClientDisconnect:
            return Response(status_code=499)  # nobody is there to read it

    def _look_over(self, request: Request, model: str, output: str, session_id: str) -> _Job:
        job = _JOBS.get((model, output))
        if job is None:
            names = " and ".join(dict.fromkeys(name for name, _ in _JOBS))
            raise Refusal(404, f"there is no such model here; the server has {names}")
        if set(request.query_params) - _TAKEN:
            raise Refusal(400, "the address has a parameter that is not taken; image and output are")
        if session_id:
            raise Refusal(400, "the server keeps no sessions; send the scan as the part 'file'")
        return job

    def _lane(self, job: _Job) -> Lane:
        return self._slow if job.slow else self._quick

    async def _in_turn(self, request: Request, model: str, job: _Job, form: Form, image: str) -> Response:
        params = job.params.parse(form.params)
        path = form.path if form.path and not image else await run_in_threadpool(self._find, form, image)
        asked = {"model": model, "image": str(path), **params.as_request()}
        if not job.slow:
            return await self._quick.run(request, lambda: self._work(job, path, asked))
        return await self._slow.run_watched(request, lambda progress: self._work(job, path, _told(asked, progress)))

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

    def _work(self, job: _Job, path: Path, asked: dict[str, Any]) -> Response:
        start = time.perf_counter()
        try:
            with self._result(job) as result:
                found = self.app.infer({**asked, **result})
                response = _response(job, found["params"], found["file"])
        except NobodyWaitsError:
            LOG.info("%s was given up: its client went away", job.noun)
            raise ClientDisconnect from None
        except Exception as error:
            refusal = explain(error, self._names(path))
            LOG.warning("%s was refused with %d (%s)", job.noun, refusal.status, where(error))
            raise refusal from None
        LOG.info("%s was answered in %.2f s", job.noun, time.perf_counter() - start)
        return response

    def _result(self, job: _Job) -> AbstractContextManager[dict[str, str]]:
        return nullcontext({}) if job.volume is None else _private_path(self.folder)

    def _names(self, path: Path) -> dict[str, str]:
        return {
            str(path): "the scan",
            path.name: "the scan",
            str(self.options.gallery): "the gallery",
            str(self.options.studies): "the studies folder",
        }


def _told(asked: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Add the progress as a function, which MONAI Label's deep copy of a request leaves as it is."""
    return {**asked, "progress": lambda done, total, what: progress(done, total, what)}


@contextmanager
def _private_path(folder: Path) -> Iterator[dict[str, str]]:
    """Give a path to write a volume to; what was written is gone after."""
    path = folder / secrets.token_hex(16)
    try:
        yield {"result": str(path)}
    finally:
        path.unlink(missing_ok=True)


def _response(job: _Job, document: dict[str, Any], file: str | None) -> Response:
    if job.volume is None:
        return JSONResponse(document, headers=_NO_STORE)
    parts = {"params": (None, json.dumps(document, allow_nan=False), "application/json")}
    if file is not None:
        parts["image"] = (job.volume, Path(file).read_bytes(), "application/octet-stream")
    encoder = MultipartEncoder(parts)
    return Response(encoder.to_string(), media_type=encoder.content_type, headers=_NO_STORE)
