"""How often one visitor may ask the server for anything at all, before Gradio reads what they want.

The page's queues share out the work (`queue`); this is for whoever sends more requests than any page does.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from sayo_app.ui.shared.visitors import visitor_of

# What a page opened in a hurry asks for at once, in seconds of the rate.
_BURST_S = 20.0
_MOST_KEYS = 10_000
# Files of the page itself: many at once, and cheap.
_CHEAP = ("/assets/", "/static/", "/theme.css", "/svelte/", "/favicon.ico")


@dataclass
class _Bucket:
    left: float
    at: float


class Rates:
    """Tokens by key: each has a burst of them, and gets them back at a rate."""

    def __init__(self, a_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._a_second = a_second
        self._most = a_second * _BURST_S
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, key: str) -> float:
        """Seconds until there is another one; 0 where one was taken."""
        now = self._clock()
        bucket = self._buckets.pop(key, None) or _Bucket(self._most, now)
        self._buckets[key] = bucket
        while len(self._buckets) > _MOST_KEYS:
            self._buckets.popitem(last=False)
        bucket.left = min(self._most, bucket.left + (now - bucket.at) * self._a_second)
        bucket.at = now
        if bucket.left < 1:
            return (1 - bucket.left) / self._a_second
        bucket.left -= 1
        return 0.0


class Calm:
    """Middleware behind the gate: a rate for each account, and for all at an address who have none."""

    def __init__(self, app: ASGIApp, rates: Rates) -> None:
        self._app = app
        self._rates = rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(_CHEAP):
            await self._app(scope, receive, send)
            return
        visitor = visitor_of(HTTPConnection(scope))
        wait = self._rates.take(visitor.own)
        if not wait:
            await self._app(scope, receive, send)
            return
        said = {"detail": "You ask more often than any page does. Wait a moment."}
        answer = JSONResponse(said, 429, {"Retry-After": str(int(wait) + 1)})
        await answer(scope, receive, send)
