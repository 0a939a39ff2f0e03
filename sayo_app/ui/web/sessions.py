"""What the server keeps of an open page, and for how long: Gradio keeps more, and lets go of none of it.

Gradio copies the configuration of every component for each page (0.6 MB), and into it all that the page is
sent, for links that lead back to a page as it was. This page has no such links. A page that was closed keeps
its state there until 10,000 others have come.
"""

from __future__ import annotations

import logging
from copy import copy
from datetime import datetime, timedelta
from typing import Any

import gradio as gr
from gradio import state_holder
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


def keep_little(settings: Settings) -> None:
    """For this process, before the page is served: no more is kept of a page than it needs."""
    setattr(state_holder, "SessionState", LeanState)  # noqa: B010
    closed = timedelta(minutes=settings.closed_page_minutes)
    idle = timedelta(hours=settings.idle_page_hours)
    # Gradio calls it once a second.
    setattr(  # noqa: B010
        StateHolder, "delete_all_expired_state", lambda holder: let_go(holder, closed, idle, datetime.now())
    )


def let_go(holder: StateHolder, closed: timedelta, idle: timedelta, now: datetime) -> None:
    """Forget the pages that were closed, or that nobody has used, for that long."""
    with holder.lock:
        over = [
            name
            for name, session in list(holder.session_data.items())
            if now - holder.time_last_used.get(name, now) > (closed if session.is_closed else idle)
        ]
        for name in over:
            holder.session_data.pop(name, None)
            holder.time_last_used.pop(name, None)
    if over:
        log.info("state of %d pages was let go of", len(over))
