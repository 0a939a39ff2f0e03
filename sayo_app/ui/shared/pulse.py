"""What changes by itself on the page (runs, the model), as one mark that is the same until something does.

Pages that are looked at wait for another mark at `PATH`; a hidden tab asks nothing
(assets/ui/shared/pulse.js). The mark is measured once a second at most, for all of them together, and not at
all while nobody waits. Only so many a second are told: where there are many, each is refreshed less often.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from sayo_app.core.disk import disk
from sayo_app.core.evaluations import evaluation_files
from sayo_app.errors import SayoError
from sayo_app.jobs.control import reconcile
from sayo_app.jobs.progress import file_size
from sayo_app.ui.shared.studio import Studio

log = logging.getLogger(__name__)
PATH = "/pulse"
# A proxy cuts a request that gives nothing for a minute.
_LONGEST_S, _EVERY_S = 50.0, 1.0
_TOLD_AT_ONCE = 10


def mark_of(studio: Studio) -> str:
    """Another one as soon as something can be seen elsewhere on the page without anybody's doing there."""
    try:
        reconcile(studio.store)
        runs = [(it.id, it.state, it.notes, it.cancel_requested_at) for it in studio.store.runs.all()]
        going = studio.store.runs.current()
        written = going and (
            file_size(going.progress_path),
            file_size(going.log_path),
            len(evaluation_files(going.folder)),
        )
        adapters = (studio.active_id(), [(it.id, it.name) for it in studio.store.adapters.all()])
        room = disk(studio.settings).state
        seen = repr((studio.model_state, runs, written, adapters, room, studio.store.audit.last_id()))
    except SayoError as error:
        log.warning("%s", error)
        seen = str(error)
    return hashlib.sha256(seen.encode()).hexdigest()[:16]


class Pulse:
    """Measures for everybody who waits. Belongs to one event loop, and waiting holds no thread."""

    def __init__(
        self,
        measure: Callable[[], str],
        *,
        every_s: float = _EVERY_S,
        longest_s: float = _LONGEST_S,
        told_at_once: int = _TOLD_AT_ONCE,
    ) -> None:
        """Args: told_at_once: pages told between two measurements."""
        self._measure = measure
        self._every_s, self._longest_s, self._told_at_once = every_s, longest_s, told_at_once
        self._mark, self._due = "", 0.0
        self._one_at_a_time = asyncio.Lock()
        # Whoever waits, longest first, and the mark that they know.
        self._waiting: dict[asyncio.Future[str], str] = {}
        self._watching: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many pages."""
        return len(self._waiting)

    async def after(self, seen: str) -> str:
        """Another mark than `seen` as soon as there is one, or the same after a while."""
        if not seen:
            return await self._now()
        told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting[told] = seen
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch())
        try:
            return await asyncio.wait_for(told, self._longest_s)
        except TimeoutError:
            return seen
        finally:
            del self._waiting[told]

    async def _watch(self) -> None:
        while self._waiting:
            mark = await self._now()
            others = [told for told, seen in self._waiting.items() if seen != mark and not told.done()]
            for told in others[: self._told_at_once]:
                told.set_result(mark)
            await asyncio.sleep(self._every_s)

    async def _now(self) -> str:
        async with self._one_at_a_time:
            if time.monotonic() >= self._due:
                # In a thread of the loop's own: those of the server may all be at work for somebody.
                self._mark = await asyncio.to_thread(self._measure)
                self._due = time.monotonic() + self._every_s
            return self._mark


class Beats:
    """Middleware: answers `PATH` with the mark, once it is another than `?seen=`."""

    def __init__(self, app: ASGIApp, pulse: Pulse) -> None:
        self._app = app
        self._pulse = pulse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        seen = Request(scope).query_params.get("seen", "")
        mark = asyncio.create_task(self._pulse.after(seen))
        over = [asyncio.create_task(_gone(receive)), asyncio.create_task(_stopped(scope))]
        try:
            await asyncio.wait([mark, *over], return_when=asyncio.FIRST_COMPLETED)
            answer = mark.result() if mark.done() else seen
        finally:
            for task in (mark, *over):
                task.cancel()
            await asyncio.wait([mark, *over])
        with suppress(OSError):  # nobody is there any more
            await JSONResponse({"mark": answer}, headers={"Cache-Control": "no-store"})(scope, receive, send)


async def _gone(receive: Receive) -> None:
    """Until the browser has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _stopped(scope: Scope) -> None:
    """Until the server ends, which Gradio tells those who hold a connection."""
    stop: Any = getattr(scope.get("app"), "stop_event", None)
    await (asyncio.Event() if stop is None else stop).wait()
