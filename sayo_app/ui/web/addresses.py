"""Files by an address that says nothing of the server's folders.

Gradio calls an upload and a download by its whole path, in what it tells the page and in the address that
the page then asks for. On the wire the folder of uploads has another name.
"""

from __future__ import annotations

from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ALIAS = "/~uploads"
# What else is sent are files, and the page's own scripts.
_TOLD = ("application/json", "text/event-stream", "text/html", "text/plain")


class Addresses:
    """Middleware: the folder by its name in whatever is told, and by its path in whatever is asked."""

    def __init__(self, app: ASGIApp, folder: Path) -> None:
        self._app = app
        self._path = folder.as_posix()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        known = scope["path"].replace(f"={_ALIAS}/", f"={self._path}/")
        if known != scope["path"]:
            scope = {**scope, "path": known, "raw_path": known.encode()}
        kind = Headers(scope=scope).get("content-type", "")
        asked = self._asked(receive) if kind.startswith("application/json") else receive
        await self._app(scope, asked, self._told(send))

    def _asked(self, receive: Receive) -> Receive:
        """The whole request at once: a path may be cut in two. It is bounded, see `bodies`."""
        came: list[bytes] = []

        async def read() -> Message:
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    return message
                came.append(message.get("body", b""))
                if not message.get("more_body"):
                    break
            body = b"".join(came).replace(f'"{_ALIAS}/'.encode(), f'"{self._path}/'.encode())
            came.clear()
            return {"type": "http.request", "body": body, "more_body": False}

        return read

    def _told(self, send: Send) -> Send:
        """Each piece of an answer is a whole message, or all of it."""
        start: Message | None = None
        path, alias = f"{self._path}/".encode(), f"{_ALIAS}/".encode()

        async def tell(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                kind = Headers(raw=message["headers"]).get("content-type", "")
                if not kind.startswith(_TOLD):
                    await send(message)
                    return
                start = message
                return
            if message["type"] != "http.response.body":
                await send(message)
                return
            if start is not None:
                whole = not message.get("more_body")
                body = message.get("body", b"").replace(path, alias)
                headers = MutableHeaders(scope=start)
                if "content-length" in headers and whole:
                    headers["content-length"] = str(len(body))
                elif "content-length" in headers:
                    del headers["content-length"]
                await send(start)
                start, told[0] = None, True
                await send({**message, "body": body})
                return
            if told[0]:
                message = {**message, "body": message.get("body", b"").replace(path, alias)}
            await send(message)

        told = [False]
        return tell
