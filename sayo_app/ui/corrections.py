"""Corrections: the work list of what is to be corrected and what has been; open, correct, review, go on."""

from __future__ import annotations

from typing import Any

import gradio as gr

from sayo_app.errors import NotFoundError
from sayo_app.ui import agreement, detail, exchange, worklist
from sayo_app.ui.handlers import PRIVATE, guarded
from sayo_app.ui.item import Opened, opened_entry
from sayo_app.ui.studio import Session, Studio
from sayo_app.ui.worklist import Listing, Shown


def build(studio: Studio, session: gr.State, changed: gr.State, tab: gr.Tab) -> None:
    """Lay out the tab; `changed` counts changes of the store and refreshes the list."""
    listing = worklist.lay_out()
    below = detail.lay_out()
    agreement.build(studio)
    exchange.build(studio, changed, tab, listing.filters.author)
    _wire_list(studio, listing, below.opened, changed, tab)

    @guarded
    def on_pick(session: Session, shown: Shown, event: gr.EventData) -> Any:
        entry = next((it for it in shown.entries if it.id == event.id), None)
        if entry is None:
            raise NotFoundError(
                expected="a line of the list", got="one that is gone", remedy="Choose one in the list."
            )
        return detail.values(studio, session, opened_entry(studio, entry))

    picked = listing.gallery.pick(on_pick, [session, listing.shown], below.outputs, **PRIVATE)
    picked.then(None, None, None, js="() => sayo.workOpened()", **PRIVATE)
    detail.wire(studio, session, below, changed, listing.filters)


def _wire_list(studio: Studio, listing: Listing, opened: gr.State, changed: gr.State, tab: gr.Tab) -> None:
    filters = listing.filters

    def turned(turn: Any) -> Any:
        @guarded
        def on_list(shown: Shown, *filters: Any) -> Any:
            return worklist.listed(studio, worklist.query_of(*filters), turn(shown))

        return on_list

    def first(shown: Shown) -> tuple[str | None, ...]:
        return (None,)

    def same(shown: Shown) -> tuple[str | None, ...]:
        return shown.places

    def newer(shown: Shown) -> tuple[str | None, ...]:
        return shown.places[:-1] or (None,)

    def older(shown: Shown) -> tuple[str | None, ...]:
        return shown.places if shown.after is None else (*shown.places, shown.after)

    inputs = [listing.shown, *filters]
    always: dict[str, Any] = {"trigger_mode": "always_last", **PRIVATE}
    gr.on([changed.change, tab.select], turned(same), inputs, listing.outputs, **always)

    def on_opened(opened: Opened | None) -> Any:
        return gr.HTML(active=0 if opened is None else opened.entry_id)

    opened.change(on_opened, opened, listing.gallery, **always)
    fields = [it for it in filters if isinstance(it, gr.Textbox)]
    narrowed = [it.change for it in filters if it not in fields]
    typed = [event for it in fields for event in (it.submit, it.blur)]
    gr.on([*narrowed, *typed], turned(first), inputs, listing.outputs, **always)
    listing.newer.click(turned(newer), inputs, listing.outputs, **PRIVATE)
    listing.older.click(turned(older), inputs, listing.outputs, **PRIVATE)

    @guarded
    def on_choices() -> Any:
        return worklist.choices(studio)

    offered = [filters.annotator, filters.model, filters.family]
    gr.on([changed.change, tab.select], on_choices, None, offered, **always)
