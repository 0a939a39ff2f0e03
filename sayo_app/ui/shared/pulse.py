"""What changes by itself on the page (runs, the model), as one mark that is the same until something does.

Pages that are looked at wait for another mark at `PATH`. It is measured once a second at most, for all of
them together, and not at all while nobody waits; a hidden tab asks nothing (assets/ui/shared/pulse.js).
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable
from typing import Any

import gradio as gr
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from sayo_app.core.evaluations import evaluation_files
from sayo_app.errors import SayoError
from sayo_app.jobs.control import reconcile
from sayo_app.jobs.progress import file_size
from sayo_app.ui.shared.handlers import PRIVATE
from sayo_app.ui.shared.studio import Studio

log = logging.getLogger(__name__)
PATH = "/pulse"
# A proxy cuts a request that gives nothing for a minute.
_LONGEST_S, _EVERY_S = 25.0, 1.0
OnBeat = Callable[[Callable[..., Any], Any, Any], None]


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
        seen = repr((studio.model_state, runs, written, adapters, studio.store.audit.last_id()))
    except SayoError as error:
        log.warning("%s", error)
        seen = str(error)
    return hashlib.sha256(seen.encode()).hexdigest()[:16]


def on_beat(component: gr.HTML) -> OnBeat:
    """Wires handlers, with inputs and outputs, to what `sayo.mountPulse` triggers on the component."""

    def wire(handler: Callable[..., Any], inputs: Any, outputs: Any) -> None:
        # A mark that comes while the handler is at the one before must not be lost.
        component.beat(handler, inputs, outputs, queue=False, trigger_mode="always_last", **PRIVATE)

    return wire


class Pulse:
    """Measures for everybody who waits."""

    def __init__(
        self, measure: Callable[[], str], *, every_s: float = _EVERY_S, longest_s: float = _LONGEST_S
    ) -> None:
        self._measure = measure
        self._every_s, self._longest_s = every_s, longest_s
        self._mark, self._due = "", 0.0
        self._one_at_a_time = asyncio.Lock()

    async def after(self, seen: str) -> str:
        """Another mark than `seen` as soon as there is one, or the same after a while."""
        until = time.monotonic() + self._longest_s
        while True:
            mark = await self._now()
            if mark != seen or time.monotonic() >= until:
                return mark
            await asyncio.sleep(self._every_s)

    async def _now(self) -> str:
        async with self._one_at_a_time:
            if time.monotonic() >= self._due:
                self._mark = await run_in_threadpool(self._measure)
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
        mark = await self._pulse.after(Request(scope).query_params.get("seen", ""))
        await JSONResponse({"mark": mark}, headers={"Cache-Control": "no-store"})(scope, receive, send)
