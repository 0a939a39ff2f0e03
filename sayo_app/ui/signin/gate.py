"""The gate before the page: whoever may do nothing gets the sign-in page, and no file, upload or queue."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from sayo_app.ui.shared.visitors import with_person
from sayo_app.ui.signin.people import People

SIGN_IN, SIGN_OUT = "/sign-in", "/sign-out"
# Gradio calls it as it starts, with no cookie; it tells nothing.
_OPEN = ("/gradio_api/startup-events",)


class Gate:
    """Answers the paths of signing in, and lets through who may do anything at all.

    What exactly somebody may do is asked again for each function, by `sayo_app.ui.shared.doors`.
    """

    def __init__(self, app: ASGIApp, people: People, own: Router) -> None:
        self._app = app
        self._people = people
        # Which finds no path of its own by an error; of others' errors nobody is told but as a 500.
        self._own = ExceptionMiddleware(own)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http" and _under(scope["path"], SIGN_IN, SIGN_OUT):
            await self._own(scope, receive, send)
        elif scope["path"] in _OPEN:
            await self._app(scope, receive, send)
        elif (person := await run_in_threadpool(self._people.person, HTTPConnection(scope))).role is not None:
            await self._app(with_person(scope, person), receive, send)
        elif scope["type"] == "http":
            await _refusal(Request(scope))(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})


def _under(path: str, *tops: str) -> bool:
    return any(path == top or path.startswith(f"{top}/") for top in tops)


def _refusal(request: Request) -> Response:
    if request.method in ("GET", "HEAD") and request.url.path.endswith("/"):
        # Relative, as a proxy may have the page below a folder.
        return RedirectResponse(SIGN_IN.lstrip("/"), status_code=303)
    return JSONResponse({"detail": "Sign in first."}, status_code=401)
