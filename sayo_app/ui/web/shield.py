"""Before everything else: by which host and from which page the server is asked, and what answers say.

Gradio reflects the origin of whoever asks, believes any X-Forwarded header, and hands out what lies behind
an address of the web. Here a page of elsewhere changes nothing and reads nothing, and nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sayo_app.ui.shared.peers import with_peer
from sayo_app.ui.web.places import Places

_SAFE = ("GET", "HEAD", "OPTIONS")
_FORWARDED = (b"x-forwarded-", b"x-direct-url", b"x-real-ip", b"forwarded")
# Gradio's page runs scripts of its own text and compiles the handlers that are written at its events.
_POLICY = {
    "default-src": "'self'",
    "script-src": "'self' 'unsafe-inline' 'unsafe-eval' blob:",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "media-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "worker-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'self'",
}
# Of files that people sent: nothing in them runs, whatever they are.
_FILE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; sandbox"
_FILE = "/file="


class Shield:
    """Refuses hosts and pages of elsewhere, and writes what a browser is to keep to into each answer."""

    def __init__(
        self, app: ASGIApp, places: Places, told: Callable[[int], None] = lambda status: None
    ) -> None:
        """Args: told: hears the status of every answer."""
        self._app = app
        self._places = places
        self._told = told
        ancestors = " ".join(("'self'", *places.ancestors))
        policy = "; ".join(f"{name} {sources}" for name, sources in _POLICY.items())
        self._ancestors = f"frame-ancestors {ancestors}"
        self._policy = f"{policy}; {self._ancestors}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        scope = self._as_configured(with_peer(scope))
        refusal = self._refusal(scope)
        if scope["type"] == "websocket":
            if refusal is None:
                await self._app(scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": 1008})
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._told(message["status"])
                self._mark(MutableHeaders(scope=message), scope["path"])
            await send(message)

        await (self._app if refusal is None else refusal)(scope, receive, answer)

    def _as_configured(self, scope: Scope) -> Scope:
        """The request without what only a trusted proxy may say, and with the page's public address."""
        client = scope.get("client")
        headers = list(scope["headers"])
        if self._places.is_proxy(client[0] if client else None):
            # The last is what the proxy saw; those before it are what somebody told the proxy.
            nearest = Headers(raw=headers).get("x-forwarded-for", "").rpartition(",")[2].strip()
            client = (nearest, 0) if nearest else client
        else:
            headers = [(name, value) for name, value in headers if not name.lower().startswith(_FORWARDED)]
        public, host = self._places.public, Headers(raw=headers).get("host", "")
        if public is not None and host == public[1]:
            own = {b"x-forwarded-proto": public[0].encode(), b"x-forwarded-host": public[1].encode()}
            headers = [(name, value) for name, value in headers if name.lower() not in own]
            headers += own.items()
        return {**scope, "headers": headers, "client": client}

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._places.is_host(host):
            return _refused(421, "This server is not called so. Name it in SAYO_ALLOWED_HOSTS.")
        changes = scope["type"] == "websocket" or scope["method"] not in _SAFE
        if changes and origin is not None and not self._places.is_own(origin, host):
            return _refused(403, "Asked by a page of elsewhere. Behind a proxy, set SAYO_PUBLIC_URL.")
        wanted = scope["path"].partition(_FILE)[2].lstrip("/").lower()
        if "/proxy=" in scope["path"] or wanted.partition(":")[0] in ("http", "https", "ftp", "data"):
            return _refused(403, "Nothing is fetched from elsewhere.")
        return None

    def _mark(self, headers: MutableHeaders, path: str) -> None:
        for name in [it for it in headers if it.lower().startswith("access-control-allow-")]:
            del headers[name]
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "same-origin"
        own = headers.get("Content-Security-Policy")  # such as the sign-in page's, which is stricter
        policy = f"{own}; {self._ancestors}" if own else self._policy
        headers["Content-Security-Policy"] = _FILE_POLICY if _FILE in path else policy


def _refused(status: int, why: str) -> Any:
    return JSONResponse({"detail": why}, status_code=status)
