"""Corrections: the work list of what is to be corrected and what has been; open, correct, review, go on."""

from __future__ import annotations

from typing import Any

import gradio as gr

from sayo_app.errors import NotFoundError
from sayo_app.ui.shared.handlers import PRIVATE, does, guarded, needs
from sayo_app.ui.shared.session import Session
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.worklist import agreement, detail, editor, exporting, importing, listing
from sayo_app.ui.worklist.detail import Detail
from sayo_app.ui.worklist.filters import Filters, choices, query_of
from sayo_app.ui.worklist.listing import Listing, Shown
from sayo_app.ui.worklist.opened import Opened, opened_entry


def build(studio: Studio, session: gr.State, changed: gr.State, tab: gr.Tab) -> None:
    """Lay out the tab; `changed` counts changes of the store and refreshes the list."""
    rows = listing.lay_out()
    below = detail.lay_out()
    agreement.build(studio)
    _lay_out_files(studio, changed, tab, rows.filters.author)
    _wire_list(studio, rows, below.opened, changed, tab)
    _wire_choices(studio, rows.filters, changed, tab)
    _wire_picks(studio, session, rows, below)
    editor.wire(studio, session, below, changed, rows.filters)


def _lay_out_files(studio: Studio, changed: gr.State, tab: gr.Tab, author: gr.Textbox) -> None:
    with gr.Row(equal_height=False):
        with (
            gr.Column(min_width=320, elem_classes=needs("corrections.import")),
            gr.Accordion("Import questions and corrections", open=False, elem_id="import"),
        ):
            importing.build(studio, changed, tab, author)
        with (
            gr.Column(min_width=320, elem_classes=needs("corrections.export")),
            gr.Accordion("Export", open=False, elem_id="data-export"),
        ):
            exporting.build(studio)


def _wire_list(studio: Studio, rows: Listing, opened: gr.State, changed: gr.State, tab: gr.Tab) -> None:
    filters = rows.filters

    def turned(turn: Any) -> Any:
        @does("look")
        @guarded
        def on_list(shown: Shown, *filters: Any) -> Any:
            return listing.listed(studio, query_of(*filters), turn(shown))

        return on_list

    def first(shown: Shown) -> tuple[str | None, ...]:
        return (None,)

    def same(shown: Shown) -> tuple[str | None, ...]:
        return shown.places

    def newer(shown: Shown) -> tuple[str | None, ...]:
        return shown.places[:-1] or (None,)

    def older(shown: Shown) -> tuple[str | None, ...]:
        return shown.places if shown.after is None else (*shown.places, shown.after)

    inputs = [rows.shown, *filters]
    always: dict[str, Any] = {"trigger_mode": "always_last", **PRIVATE}
    gr.on([changed.change, tab.select], turned(same), inputs, rows.outputs, **always)

    @does("look")
    def on_opened(opened: Opened | None) -> Any:
        return gr.HTML(active=0 if opened is None else opened.entry_id)

    opened.change(on_opened, opened, rows.gallery, **always)
    fields = [it for it in filters if isinstance(it, gr.Textbox)]
    narrowed = [it.change for it in filters if it not in fields]
    typed = [event for it in fields for event in (it.submit, it.blur)]
    gr.on([*narrowed, *typed], turned(first), inputs, rows.outputs, **always)
    rows.newer.click(turned(newer), inputs, rows.outputs, **PRIVATE)
    rows.older.click(turned(older), inputs, rows.outputs, **PRIVATE)


def _wire_choices(studio: Studio, filters: Filters, changed: gr.State, tab: gr.Tab) -> None:
    @does("look")
    @guarded
    def on_choices() -> Any:
        return choices(studio)

    offered = [filters.annotator, filters.model, filters.family]
    gr.on([changed.change, tab.select], on_choices, None, offered, trigger_mode="always_last", **PRIVATE)


def _wire_picks(studio: Studio, session: gr.State, rows: Listing, below: Detail) -> None:
    @does("look")
    @guarded
    def on_pick(session: Session, shown: Shown, event: gr.EventData) -> Any:
        entry = next((it for it in shown.entries if it.id == event.id), None)
        if entry is None:
            raise NotFoundError(
                expected="a line of the list", got="one that is gone", remedy="Choose one in the list."
            )
        return detail.values(studio, session, opened_entry(studio, entry))

    picked = rows.gallery.pick(on_pick, [session, rows.shown], below.outputs, **PRIVATE)
    picked.then(None, None, None, js="() => sayo.showOpened()", **PRIVATE)
