"""The endpoint of a strategy: which image to look at next."""

import json
from typing import Any

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from monailabel.interfaces.app import MONAILabelApp

from lib.failures import Refusal, explain
from lib.lines import folders
from lib.options import Options
from lib.quiet import LOG, where
from lib.strategies.highest_risk import NAME
from lib.upload import Body

MOST_REVIEWED = 1000
"""Most images that one request may say are reviewed."""

LONGEST_ID = 4096


class Proposals:
    """Answers with the id of the next image.

    MONAI Label's own endpoint would merge whatever a client sends into the request, write to the datastore, log the
    image, and answer its path.
    """

    def __init__(self, app: MONAILabelApp, options: Options) -> None:
        self.app = app
        self.options = options

    async def answer(self, request: Request, strategy: str) -> Response:
        """Propose the next image.

        The body may be a JSON object with `reviewed`, a list of ids of images that need not be proposed again;
        `client_id`, which MONAI Label's client sends, is passed over.
        """
        if request.query_params:
            raise Refusal(400, "the address takes no parameters; send reviewed in the body")
        body = await Body(request).short()
        if strategy != NAME:
            raise Refusal(404, f"there is no such strategy here; the server has {NAME}")
        proposal = await run_in_threadpool(self._next, _reviewed(body))
        return JSONResponse(proposal, headers={"cache-control": "no-store"})

    def _next(self, reviewed: list[str]) -> dict[str, Any]:
        try:
            proposal = self.app.next_sample({"strategy": NAME, "reviewed": reviewed})
        except Exception as error:
            refusal = explain(error, folders(self.options))
            LOG.warning("a proposal was refused with %d (%s)", refusal.status, where(error))
            raise refusal from None
        LOG.info("an image was proposed" if proposal else "no image is left to propose")
        return {key: value for key, value in proposal.items() if key != "path"}


def _reviewed(body: bytes) -> list[str]:
    """Give the ids that the body lists; raise :class:`Refusal` where it isn't taken."""
    try:
        values = json.loads(body.strip() or b"null")
    except (ValueError, RecursionError):
        raise Refusal(400, "the body is not a JSON object") from None
    if values is None:
        return []
    if not isinstance(values, dict) or set(values) - {"reviewed", "client_id"}:
        raise Refusal(400, "the body must be a JSON object with no other key than reviewed")
    reviewed = values.get("reviewed", [])
    if not isinstance(reviewed, list) or len(reviewed) > MOST_REVIEWED:
        raise Refusal(422, f"reviewed must be a list of at most {MOST_REVIEWED} images")
    if not all(isinstance(image, str) and 0 < len(image) <= LONGEST_ID for image in reviewed):
        raise Refusal(422, "reviewed must list images by their ids")
    return reviewed
