"""How the app's own endpoints take the place of MONAI Label's.

MONAI Label offers its apps no way to change its web server, and builds the app only when the server starts:
routes and middleware are then in place, behind ``middleware_stack``, which Starlette calls for every request
that comes later. Replacing that one attribute puts this app's endpoints in front under ``monailabel
start_server`` and ``reid-engine serve`` alike, and leaves no other endpoint to be reached: those that keep
uploads, list ids, show logs, fetch from other servers or run code from a path do not exist here. The start-up
in progress, and later the shut-down, go on in the stack that was replaced.
"""

import atexit
from contextlib import ExitStack
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from monailabel.config import settings
from monailabel.interfaces.app import MONAILabelApp
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from lib.checks import Checks
from lib.failures import NEUTRAL, Refusal
from lib.guard import LOOPBACK_ORIGIN, Guard
from lib.images import Images
from lib.options import Options
from lib.proposals import Proposals
from lib.quiet import hush
from lib.sign_in import SignIn
from lib.tasks import Scoring, Training, Turn
from reid_engine.blas import keep_to_one_thread
from reid_engine.private_folder import private_folder

_BODY = {
    "requestBody": {
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "params": {"type": "string", "example": '{"modality": "CXR", "top": 5}'},
                    },
                }
            }
        }
    }
}


_TRAIN_BODY = {
    "requestBody": {
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "attributes": {"type": "array", "items": {"type": "string"}, "example": ["sex"]},
                        "name": {"type": "string", "example": "lungs"},
                        "epochs": {"type": "integer", "example": 20},
                    },
                }
            }
        }
    }
}
"""Of `leakage_probes` the first, of `reid_encoder` the others and more; `gallery` takes none."""


def take_over(server: FastAPI, app: MONAILabelApp) -> None:
    """Let `server` answer with the app's endpoints alone; called while it starts up, on its event loop."""
    hush()
    keep_to_one_thread()
    leftovers = ExitStack()
    folder = leftovers.enter_context(private_folder("checks"))
    atexit.register(leftovers.close)
    # On SIGTERM uvicorn ends the process by that signal, without atexit: an empty folder then stays until the
    # next start. Uploads are gone before, with their requests.
    server.middleware_stack = guarded(build(app, app.options, folder), app.options)


def guarded(api: FastAPI, options: Options) -> Guard:
    """Put the checks of ``Host``, ``Origin`` and the token before the endpoints, and the CORS headers for own pages."""
    cors = CORSMiddleware(
        SignIn(api, options.token) if options.token else api,
        allow_origins=sorted(options.origins),
        allow_origin_regex=LOOPBACK_ORIGIN,
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["*"],
    )
    return Guard(cors, remote=options.remote, hosts=options.hosts, origins=options.origins)


def build(app: MONAILabelApp, options: Options, folder: Path) -> FastAPI:
    """Make the web application: what it answers, and the pages that describe it."""
    api = FastAPI(title=app.name, description=app.description, version=app.version, docs_url="/", redoc_url="/docs")
    checks, proposals, turn = Checks(app, options, folder), Proposals(app, options), Turn()
    training, scoring = Training(turn, options), Scoring(turn, options, app.exposures)
    api.add_api_route("/info/", app.info, methods=["GET"], summary="What the server checks with")
    summary = "Check a scan, or compare measures"
    api.add_api_route("/infer/{model}", checks.answer, methods=["POST"], summary=summary, openapi_extra=_BODY)
    images = Images(app, options, app.desk, app.study_ids)
    api.add_api_route("/datastore/", images.listing, methods=["GET"], summary="Which images the studies hold")
    api.add_api_route("/datastore/enrolled", images.enrolled, methods=["GET"], summary="What an enrolled image shows")
    api.add_api_route("/train/", training.status, methods=["GET"], summary="How far the train task is")
    api.add_api_route("/train/", training.stop, methods=["DELETE"], summary="Stop the train task")
    summary = "Enrol the studies, fit probes, or train an encoder"
    api.add_api_route("/train/{model}", training.start, methods=["POST"], summary=summary, openapi_extra=_TRAIN_BODY)
    if settings.MONAI_LABEL_TASKS_SCORING:
        api.add_api_route("/scoring/", scoring.status, methods=["GET"], summary="How far the scoring is")
        api.add_api_route("/scoring/", scoring.stop, methods=["DELETE"], summary="Stop the scoring")
        api.add_api_route("/scoring/{method}", scoring.start, methods=["POST"], summary="Score the studies")
    if settings.MONAI_LABEL_TASKS_STRATEGY:
        path = "/activelearning/{strategy}"
        api.add_api_route(path, proposals.answer, methods=["POST"], summary="Which image to look at next")
    api.add_exception_handler(Refusal, _refused)
    api.add_exception_handler(HTTPException, _not_here)
    api.add_exception_handler(RequestValidationError, _not_valid)
    api.add_exception_handler(Exception, _failed)
    return api


def _refused(request: Request, error: Refusal) -> Response:
    headers = {"retry-after": "5"} if error.status in (429, 503) else None
    return JSONResponse({"detail": error.sentence}, error.status, headers)


def _not_here(request: Request, error: HTTPException) -> Response:
    sentence = "the server has no such address; /openapi.json lists those it has"
    return JSONResponse({"detail": sentence}, error.status_code, error.headers)


def _not_valid(request: Request, error: RequestValidationError) -> Response:
    name = error.errors()[0]["loc"][-1]
    return JSONResponse({"detail": f"the parameter {name} has a value that is not taken"}, 422)


def _failed(request: Request, error: Exception) -> Response:
    return JSONResponse({"detail": NEUTRAL}, 500)
