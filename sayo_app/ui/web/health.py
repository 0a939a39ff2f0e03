"""How the server is: one word at `/healthz` for whoever watches over it, figures at `/metrics` on request."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping

import psutil
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from sayo_app.core.disk import disk, free_bytes
from sayo_app.errors import SayoError
from sayo_app.ui.shared.studio import Studio
from storage.base.records import ACTIVE_RUN_STATES

HEALTH, METRICS = "/healthz", "/metrics"


class Figures:
    """What is counted as it happens, and what is looked up when asked.

    Attributes:
        answers: by their status.
    """

    def __init__(self, studio: Studio, waiting: Callable[[], int]) -> None:
        """Args: waiting: how many events are in the page's queue."""
        self.answers: Counter[int] = Counter()
        self._studio = studio
        self._waiting = waiting
        self._began = time.monotonic()

    def count(self, status: int) -> None:
        self.answers[status] += 1

    def health(self) -> tuple[bool, dict[str, str]]:
        """(whether it can be used, a word on each part)."""
        model, store = self._studio.model_state[0], "ready"
        try:
            self._studio.store.runs.current()
        except SayoError:
            store = "failed"
        well = model != "failed" and store == "ready"
        room = disk(self._studio.settings).state
        return well, {"status": "ok" if well else "failed", "model": model, "store": store, "disk": room}

    def text(self) -> str:
        """In Prometheus's format."""
        runs = Counter(run.state for run in self._studio.store.runs.active())
        memory = psutil.Process().memory_info().rss
        free = free_bytes(self._studio.settings.data_dir) or 0
        held = self._studio.shelf.weight
        up, waiting = round(time.monotonic() - self._began), self._waiting()
        answers = {f'{{status="{status}"}}': count for status, count in sorted(self.answers.items())}
        return "".join(
            (
                _figure("sayo_answers_total", "counter", "Answers to requests by status.", answers),
                _figure("sayo_queue", "gauge", "Events that wait in the page's queue.", {"": waiting}),
                _figure(
                    "sayo_runs",
                    "gauge",
                    "Training runs by state.",
                    {f'{{state="{state}"}}': runs[state] for state in ACTIVE_RUN_STATES},
                ),
                _figure("sayo_memory_bytes", "gauge", "Resident memory of the app.", {"": memory}),
                _figure("sayo_held_bytes", "gauge", "Kept for open pages, of their budget.", {"": held}),
                _figure("sayo_disk_free_bytes", "gauge", "Room on the data folder's disk.", {"": free}),
                _figure(
                    "sayo_up_seconds",
                    "gauge",
                    "Since the start.",
                    {"": up},
                ),
            )
        )


class Health:
    """Answers both addresses before anybody has to sign in; the figures only where the settings say so."""

    def __init__(self, app: ASGIApp, figures: Figures, metrics: bool) -> None:
        self._app, self._figures, self._metrics = app, figures, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"] if scope["type"] == "http" else ""
        if path == HEALTH:
            well, words = await run_in_threadpool(self._figures.health)
            await JSONResponse(words, status_code=200 if well else 503)(scope, receive, send)
        elif path == METRICS and self._metrics:
            text = await run_in_threadpool(self._figures.text)
            await PlainTextResponse(text, media_type="text/plain; version=0.0.4")(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def _figure(name: str, kind: str, words: str, values: Mapping[str, int]) -> str:
    lines = "".join(f"{name}{labels} {value}\n" for labels, value in values.items())
    return f"# HELP {name} {words}\n# TYPE {name} {kind}\n{lines}"
