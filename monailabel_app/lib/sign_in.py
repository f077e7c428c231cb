"""Who may use the server where its operator gave it a token: whoever sends the token with each request."""

import hmac

from fastapi.responses import JSONResponse
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from lib.upload import Body

SENTENCE = "the server asks for its token; send it as 'Authorization: Bearer TOKEN'"


class SignIn:
    """Answers 401 to a request without the token; nothing of such a request is kept.

    Parameters
    ----------
    app
        What is guarded.
    token
        What is asked for.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self.app = app
        self._token = token.encode("ascii")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] != "http" or self._knows(dict(scope["headers"]).get(b"authorization", b"")):
            await self.app(scope, receive, send)
            return
        await Body(Request(scope, receive)).drain()
        answer = JSONResponse({"detail": SENTENCE}, 401, {"www-authenticate": "Bearer"})
        await answer(scope, receive, send)

    def _knows(self, header: bytes) -> bool:
        scheme, _, given = header.partition(b" ")
        return hmac.compare_digest(given.strip(), self._token) and scheme.lower() == b"bearer"
