"""How much a request may send: little where it asks, and an upload as much as its kind of file may have.

Gradio has one limit for all uploads and none for anything else. What a file really is shows in its first
bytes, while it is still on its way: a picture of two gigabytes is refused after twenty megabytes.
"""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from gradio import route_utils
from gradio.route_utils import GradioMultiPartParser
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, Headers
from starlette.formparsers import MultiPartException, MultipartPart
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sayo_app.access.rights import may
from sayo_app.access.roles import Person
from sayo_app.core.disk import megabytes, require_room
from sayo_app.core.filetype import HEAD_BYTES, Kind, kind_of
from sayo_app.errors import StorageError
from sayo_app.settings import Settings

UPLOAD = "/upload"
# No component of this page takes files in these ways, and Gradio reads them into memory.
_UNUSED = ("/component_server", "/process_recording", "/deep_link")
# A boundary and headers beside the files themselves.
_SLACK_BYTES = 1_000_000
_WASTED_BYTES = 32 * 1024**2
_LOOK_EVERY_BYTES = 64 * 1024**2


@dataclass(frozen=True)
class Allowance:
    """What one upload may send.

    Attributes:
        most: bytes of a file by its kind.
        left: bytes that this visitor may still send today.
        settings: where it goes.
    """

    most: dict[Kind, int]
    left: int
    settings: Settings

    @property
    def all(self) -> int:
        """Bytes of a whole request."""
        return min(max(self.most.values()), self.left) + _SLACK_BYTES


_allowance: ContextVar[Allowance | None] = ContextVar("sayo_allowance", default=None)


def allowance_of(settings: Settings, person: Person, left: int) -> Allowance:
    """By what this person may do with files of each kind."""
    picture, answer = settings.max_file_bytes, settings.max_trace_bytes
    imports = settings.max_import_bytes if may(person, "corrections.import") else 0
    adapters = settings.max_adapter_bytes if may(person, "adapters.import") else 0
    # What it is no file of, its handler says in words: it may come as long as it is small.
    small = picture
    return Allowance(
        {
            "picture": picture,
            "zip": max(answer, imports, adapters),
            "weights": max(small, adapters),
            "table": max(small, imports),
            "text": max(small, imports),
            "other": small,
        },
        left,
        settings,
    )


class CheckedParser(GradioMultiPartParser):
    """Gradio's, which looks at each file as it comes in."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._allowance = _allowance.get()
        self._heads: dict[int, tuple[MultipartPart, bytearray, list[int]]] = {}
        self._all = self._looked = 0

    async def parse(self) -> FormData:
        try:
            return await super().parse()
        except BaseException:  # whoever sends has gone, too: Gradio would leave what had come
            for file in self._files_to_close_on_error:
                with contextlib.suppress(OSError):
                    file.close()
                    Path(file.name).unlink(missing_ok=True)
            raise

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        super().on_part_data(data, start, end)
        part, allowance = self._current_part, self._allowance
        if allowance is None or part.file is None:
            return
        _, head, size = self._heads.setdefault(id(part), (part, bytearray(), [0]))
        head += data[start : min(end, start + HEAD_BYTES - len(head))]
        size[0] += end - start
        self._all += end - start
        kind = kind_of(bytes(head))
        if size[0] > max(HEAD_BYTES, allowance.most[kind]):
            raise MultiPartException(
                f"This {_WORDS[kind]} is larger than the maximum allowed size of "
                f"{megabytes(allowance.most[kind])}. Choose a smaller one."
            )
        if self._all > allowance.left:
            raise MultiPartException(
                "You have sent more today than the maximum allowed size of "
                f"{megabytes(allowance.left)} that was left. Try again tomorrow."
            )
        if self._all - self._looked > _LOOK_EVERY_BYTES:
            self._looked = self._all
            try:
                require_room(allowance.settings, "an upload")
            except StorageError as error:
                raise MultiPartException(str(error)) from error


_WORDS: dict[Kind, str] = {
    "picture": "picture",
    "zip": "ZIP file",
    "weights": "file of weights",
    "table": "Parquet file",
    "text": "text file",
    "other": "file, which is none that the app knows,",
}


def look_at_uploads() -> None:
    """For this process, before the page is served."""
    setattr(route_utils, "GradioMultiPartParser", CheckedParser)  # noqa: B010


@runtime_checkable
class Sent(Protocol):
    """What keeps count of uploads, see `uploads`."""

    def allowance(self, connection: HTTPConnection) -> tuple[str, Allowance]: ...

    def charge(self, visitor: str, size: int) -> None: ...


class Bodies:
    """Middleware behind the gate: bounds every request, and says why where one is refused."""

    def __init__(self, app: ASGIApp, settings: Settings, uploads: Sent) -> None:
        self._app, self._settings, self._uploads = app, settings, uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["path"].rstrip("/").endswith(_UNUSED):
            await PlainTextResponse("This page has no such thing.", 404)(scope, receive, send)
        elif scope["method"] == "POST" and scope["path"].endswith(UPLOAD):
            await self._upload(scope, receive, send)
        else:
            await self._bounded(self._settings.max_request_bytes, scope, receive, send)

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            visitor, allowance = await run_in_threadpool(self._uploads.allowance, HTTPConnection(scope))
        except StorageError as error:
            await PlainTextResponse(str(error), 507)(scope, receive, send)
            return
        token = _allowance.set(allowance)
        try:
            sent = await self._bounded(allowance.all, scope, receive, send)
        finally:
            _allowance.reset(token)
        self._uploads.charge(visitor, sent)

    async def _bounded(self, most: int, scope: Scope, receive: Receive, send: Send) -> int:
        """Bytes that came in."""
        came, over, begun, ended = 0, _declared(scope) > most, False, not _has_body(scope)

        async def count() -> Message:
            nonlocal came, over, ended
            message = await receive()
            came += len(message.get("body", b""))
            ended = ended or not message.get("more_body")
            over = over or came > most
            # As if whoever sends had gone: nothing is made of half a request.
            return {"type": "http.disconnect"} if over else message

        async def refuse(message: Message) -> None:
            """A browser reads no answer before it has sent all: what is little is let through, to nowhere."""
            if message["type"] == "http.response.start" and not ended:
                wasted = came + _WASTED_BYTES
                while not ended and came < wasted:
                    await count()
                if not ended:
                    message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        async def answer(message: Message) -> None:
            nonlocal begun
            if begun or not over:
                begun = True
                await refuse(message)

        if not over:
            try:
                await self._app(scope, count, answer)
            except Exception:
                if not over:
                    raise
        if over and not begun:
            words = f"A request may send {megabytes(most)} at most. Choose something smaller."
            await PlainTextResponse(words, 413)(scope, receive, refuse)
        return came


def _has_body(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


def _declared(scope: Scope) -> int:
    length = Headers(scope=scope).get("content-length", "")
    return int(length) if length.isdecimal() and len(length) < 20 else 0
