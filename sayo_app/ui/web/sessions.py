"""What the server keeps of an open page, and for how long: Gradio keeps more, and lets go of none of it.

Gradio copies the configuration of every component for each page (0.6 MB), and into it all that the page is
sent, for links that lead back to a page as it was. This page has no such links. A page that was closed keeps
its state there until 10,000 others have come, and then the oldest goes, whoever it is that opens so many.
"""

from __future__ import annotations

import logging
from collections import Counter
from copy import copy
from datetime import datetime, timedelta
from typing import Any

import gradio as gr
from gradio import routes, state_holder
from gradio.state_holder import SessionState, StateHolder

from sayo_app.settings import Settings

log = logging.getLogger(__name__)


class LeanState(SessionState):
    """The values of a page's states, and what its components allow; nothing that they only show."""

    def __init__(self, blocks: gr.Blocks) -> None:
        self.blocks_config = copy(blocks.default_config)
        self.config_values = {}
        self.state_data: dict[int, Any] = {}
        self._state_ttl: dict[int, Any] = {}
        self.is_closed = False
        self.STATE_TTL_WHEN_CLOSED = 3600

    def __setitem__(self, key: int, value: Any) -> None:
        if isinstance(value, gr.HTML):  # what it was told last is its props: maps of some megabytes
            known = getattr(self.blocks_config.blocks.get(key), "props", {})
            for name in value.props:
                value.constructor_args.pop(name, None)
            value.constructor_args.update(known)
            value.props = known
        super().__setitem__(key, value)
        self.config_values.clear()

    def _update_config(self, key: int) -> None: ...

    def _update_value_in_config(self, key: int, value: Any) -> None: ...


class FairHolder(StateHolder):
    """The states of all pages; of too many, whoever has most loses the one they have not used longest."""

    def __init__(self, closed: timedelta, idle: timedelta) -> None:
        """Args: closed, idle: how long a page is kept after it was closed, or when nobody uses it."""
        super().__init__()
        self._closed, self._idle = closed, idle
        self._owners: dict[str, str] = {}

    def own(self, session: str, owner: str) -> None:
        """Whose a page is, which is there from now on."""
        self._owners[session] = owner
        self[session]

    def update(self, session_id: str) -> None:
        """A page was used; another may be let go of for it."""
        with self.lock:
            if session_id in self.session_data:
                self.session_data.move_to_end(session_id)
            while len(self.session_data) > self.capacity:
                pages = Counter(self._owners.get(name, "") for name in self.session_data)
                most = max(pages.values())
                self._drop(next(it for it in self.session_data if pages[self._owners.get(it, "")] == most))

    def delete_all_expired_state(self) -> None:
        """Gradio calls it once a second."""
        self.let_go(datetime.now())

    def let_go(self, now: datetime) -> None:
        """Forget the pages that were closed, or that nobody has used, for too long."""
        with self.lock:
            over = [
                name
                for name, session in list(self.session_data.items())
                if now - self.time_last_used.get(name, now)
                > (self._closed if session.is_closed else self._idle)
            ]
            for name in over:
                self._drop(name)
        if over:
            log.info("state of %d pages was let go of", len(over))

    def _drop(self, name: str) -> None:
        self.session_data.pop(name, None)
        self.time_last_used.pop(name, None)
        self._owners.pop(name, None)


def keep_little(settings: Settings) -> None:
    """For this process, before the page is served: no more is kept of a page than it needs."""
    setattr(state_holder, "SessionState", LeanState)  # noqa: B010
    closed = timedelta(minutes=settings.closed_page_minutes)
    idle = timedelta(hours=settings.idle_page_hours)
    setattr(routes, "StateHolder", lambda: FairHolder(closed, idle))  # noqa: B010


def owned(page: gr.Blocks, session: str | None, owner: str) -> None:
    """Tell the page that is served whose a session of it is."""
    holder = page.state_holder
    if session and isinstance(holder, FairHolder):
        holder.own(session, owner)
