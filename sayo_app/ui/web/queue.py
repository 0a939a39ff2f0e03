"""The page's queues: asking, saving and files wait apart, and in each of them people take turns.

Gradio has one bound for all its queues, and serves each in the order in which it was asked: whoever asks a
hundred times is served a hundred times first, and nobody can save meanwhile.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal
from weakref import WeakKeyDictionary

import fastapi
import gradio as gr
from gradio import route_utils
from gradio.block_function import BlockFunction
from gradio.data_classes import PredictBodyInternal
from gradio.queueing import Event, Queue
from gradio.server_messages import EstimationMessage, EventMessage

from sayo_app.settings import Settings
from sayo_app.ui.shared.visitors import Visitor, visitor_of
from sayo_app.ui.shared.words import counted
from sayo_app.ui.web.sessions import owned
from sayo_app.ui.web.turns import Turns

# Of all people in one queue, however short it takes; each keeps what was sent.
_MOST_WAITING = 2_000
_AT_ONCE = 4
# What an event is taken to last before one of its kind has been.
_UNKNOWN_S = 1.0
# Messages that a tab has not heard yet, beyond which it is not told its place again.
_MOST_TOLD = 20
# Gradio looks into its queue a thousand times a second, and for progress a hundred times: 7 % of a core.
_LOOK_S, _LOOK_FOR_PROGRESS_S = 0.02, 0.1
_Pushed = tuple[
    bool, str | list[dict[str, Any]], Literal["success", "error", "queue_full", "validator_error"]
]


@dataclass(frozen=True)
class _Place:
    """Of an event that waits or runs."""

    visitor: Visitor
    turn: float


def open_queue(page: gr.Blocks, settings: Settings) -> None:
    """Before the page is served; nothing that waits in a queue can be had past it."""
    page.queue(api_open=False)
    page._queue = FairQueue(page, settings)


class FairQueue(Queue):
    """In place of Gradio's own."""

    def __init__(self, page: gr.Blocks, settings: Settings) -> None:
        super().__init__(
            live_updates=True,
            concurrency_count=page.max_threads,
            update_intervals=1,
            max_size=None,
            blocks=page,
            default_concurrency_limit=_AT_ONCE,
        )
        self.sleep_when_free, self.progress_update_sleep_when_free = _LOOK_S, _LOOK_FOR_PROGRESS_S
        self._settings = settings
        self._turns: dict[str, Turns] = {}
        self._places: WeakKeyDictionary[Event, _Place] = WeakKeyDictionary()

    async def push(
        self, body: PredictBodyInternal, request: fastapi.Request, username: str | None
    ) -> _Pushed:
        """Raises HTTPException 429 for what would wait too long, with a word on the page."""
        if body.fn_index is None:
            return await super().push(body, request, username)
        visitor = visitor_of(request, body.session_hash)
        # Of the page as it was laid out: a request that is refused makes no page.
        function = route_utils.get_fn(self.blocks, None, body.model_copy(update={"session_hash": None}))
        self._admit(visitor, function)
        owned(self.blocks, body.session_hash, visitor.lasting)
        pushed = await super().push(body, request, username)
        event = self.event_ids_to_events.get(str(pushed[1])) if pushed[0] else None
        if event is not None:
            self._settle(event, visitor)
        return pushed

    def get_events(self) -> tuple[list[Event], bool, str] | None:
        """The next that may run: of a queue that has room, by turn, and of nobody who has enough running."""
        queues = [it for it in self.event_queue_per_concurrency_id.values() if it.queue]
        running = Counter(self._running() if queues else ())
        # The one that waits longest first, or a queue that is always full would keep the others out.
        for queue in sorted(queues, key=lambda it: it.queue[0].enqueue_time):
            limit = queue.concurrency_limit
            if limit is not None and queue.current_concurrency >= limit:
                continue
            for event in queue.queue:
                if self._may_run(event, running):
                    queue.queue.remove(event)
                    if event in self._places:
                        self._turns_of(queue.concurrency_id).began(self._places[event].turn)
                    return [event], False, queue.concurrency_id
        return None

    def _admit(self, visitor: Visitor, function: BlockFunction) -> None:
        waiting = self._waiting(function.concurrency_id)
        own = sum(place.visitor.own == visitor.own for _, place in waiting)
        there = sum(place.visitor.address == visitor.address for _, place in waiting)
        each, people = self._settings.max_waiting_each, self._settings.people_an_address
        if own >= each:
            raise _refused(f"You have {own} things waiting here already. Try again when one is done.", 5)
        if there >= each * people or len(waiting) >= _MOST_WAITING:
            raise _refused("Too many people are waiting here. Try again in a while.", 60)
        wait = self._wait(function, self._turns_of(function.concurrency_id).next(visitor))
        if wait > self._settings.max_wait_seconds:
            minutes = counted(math.ceil(wait / 60), "minute")
            raise _refused(
                f"So many are waiting that it would take about {minutes}. Try again in a while.",
                round(wait - self._settings.max_wait_seconds) + 1,
            )

    def _wait(self, function: BlockFunction, turn: float) -> float:
        """Seconds, for what would have that turn."""
        before = [event for event, place in self._waiting(function.concurrency_id) if place.turn <= turn]
        queue = self.event_queue_per_concurrency_id.get(function.concurrency_id)
        at_once = (queue.concurrency_limit if queue is not None else None) or _AT_ONCE
        return sum(self._cost(event.fn) for event in before) / at_once

    def _settle(self, event: Event, visitor: Visitor) -> None:
        """Put what was pushed last where its turn is, and tell those who now wait longer."""
        turn = self._turns_of(event.concurrency_id).take(visitor, self._cost(event.fn))
        self._places[event] = _Place(visitor, turn)
        queue = self.event_queue_per_concurrency_id[event.concurrency_id].queue
        queue.sort(key=lambda it: self._places[it].turn if it in self._places else 0.0)
        self.broadcast_estimations(event.concurrency_id, queue.index(event))

    def send_message(self, event: Event, event_message: EventMessage) -> None:
        """A tab that does not listen keeps what it is told, but not each place that it ever had."""
        if isinstance(event_message, EstimationMessage):
            told = self.pending_messages_per_session.get(event.session_hash)
            if told is not None and told.qsize() >= _MOST_TOLD:
                return
        super().send_message(event, event_message)

    def _running(self) -> Iterator[str]:
        """Keys of visitors and addresses, each as often as something of theirs runs."""
        for event in (it for job in self.active_jobs for it in job or ()):
            place = self._places.get(event)
            if place is not None:
                yield place.visitor.own
                yield f"at {place.visitor.address}"

    def _may_run(self, event: Event, running: Counter[str]) -> bool:
        place = self._places.get(event)
        if place is None:
            return True
        most = self._settings.max_running_each
        of_all = min(most * self._settings.people_an_address, self.max_thread_count // 2)
        there = running[f"at {place.visitor.address}"]
        return running[place.visitor.own] < most and there < of_all

    def _waiting(self, concurrency_id: str) -> list[tuple[Event, _Place]]:
        queue = self.event_queue_per_concurrency_id.get(concurrency_id)
        return [(it, self._places[it]) for it in (queue.queue if queue else ()) if it in self._places]

    def _turns_of(self, concurrency_id: str) -> Turns:
        return self._turns.setdefault(concurrency_id, Turns(self._settings.people_an_address))

    def _cost(self, function: BlockFunction) -> float:
        known = self.process_time_per_fn.get(function)
        return known.avg_time if known is not None and known.count else _UNKNOWN_S


def _refused(why: str, seconds: int) -> fastapi.HTTPException:
    return fastapi.HTTPException(429, why, {"Retry-After": str(max(seconds, 1))})
