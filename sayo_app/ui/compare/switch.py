"""The model that Ask uses: another adapter, or the one before it again."""

from __future__ import annotations

import html
from typing import Any, NamedTuple

import gradio as gr

from sayo_app.errors import AdapterError
from sayo_app.ui.shared.handlers import ON_MODEL, does, guarded, needs, say, warn
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.shared.verdicts import verdict_of
from sayo_app.ui.shared.words import BASE_ID, BASE_LABEL, adapter_name


class Switch(NamedTuple):
    """What shows the model that Ask uses: `in_use_text`, and in the list the adapter that is chosen there."""

    chosen: gr.Dropdown
    in_use: gr.HTML


def build(studio: Studio) -> Switch:
    """Lay out the row below the table and wire it."""
    gr.Markdown("#### The model that Ask uses", elem_classes="step-title")
    with gr.Row(elem_classes=["tight", needs("adapters.export")], equal_height=False):
        chosen = gr.Dropdown(
            [(BASE_LABEL, BASE_ID)],
            value=BASE_ID,
            label="Adapter",
            elem_id="compare-switch-choice",
            scale=0,
            min_width=280,
        )
        use = gr.Button("Use it in Ask", variant="primary", elem_id="compare-switch", scale=0, min_width=160)
        back = gr.Button("Roll back", elem_id="compare-back", scale=0, min_width=120)
    in_use = gr.HTML("", elem_id="compare-active", apply_default_css=False)

    @does("adapters.switch")
    @guarded
    def on_switch(chosen: int) -> Any:
        studio.switch(chosen or None)
        say(f"Ask now uses {spoken_name(studio, chosen)}.")
        _warn_of(studio, chosen)
        return in_use_text(studio)

    use.click(on_switch, chosen, in_use, **ON_MODEL)

    @does("adapters.switch")
    @guarded
    def on_back() -> Any:
        there, record = studio.store.adapters.previous()
        if not there:
            raise AdapterError(
                expected="a switch to take back", got="none so far", remedy="There is nothing to roll back."
            )
        studio.switch(record.id if record else None)
        say(f"Ask uses {spoken_name(studio, record.id if record else BASE_ID)} again.")
        return gr.Dropdown(value=record.id if record else BASE_ID), in_use_text(studio)

    back.click(on_back, None, [chosen, in_use], **ON_MODEL)
    return Switch(chosen, in_use)


def in_use_text(studio: Studio) -> str:
    label = html.escape(spoken_name(studio, studio.active_id() or BASE_ID))
    return f'<p class="note" data-testid="active">Ask uses <b>{label}</b>.</p>'


def spoken_name(studio: Studio, adapter_id: int) -> str:
    record = studio.adapter(adapter_id or None)
    return "the base model" if record is None else adapter_name(record)


def _warn_of(studio: Studio, adapter_id: int) -> None:
    """Anybody may switch to anything, but not without knowing what was measured."""
    record = studio.adapter(adapter_id or None)
    if record is None:
        return
    verdict = verdict_of(record)
    if verdict is not None and verdict.word == "worse":
        warn("On held-out corrections this adapter is worse than what it was trained from.")
    elif verdict is None or not verdict.offered:
        warn("It has not been shown that this adapter is better than what it was trained from.")
