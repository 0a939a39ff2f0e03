"""Compare: two of base model and adapters on the same picture and question, and the held-out figures."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Any, NamedTuple

import gradio as gr

from sayo_app.core.geometry.region import Region
from sayo_app.core.held import Held
from sayo_app.errors import CorrectionError
from sayo_app.ui.compare import adapter_manager, held_out, switch
from sayo_app.ui.shared.answers import Answered
from sayo_app.ui.shared.handlers import ON_MODEL, PRIVATE, does, guarded
from sayo_app.ui.shared.session import Session
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.shared.words import BASE_ID, BASE_LABEL, adapter_name
from sayo_app.ui.viewer import view_ids
from sayo_app.ui.viewer.component import ViewerOptions
from sayo_app.ui.viewer.streaming import streamed
from sayo_app.ui.viewer.values import answer_value, picture_value
from sayo_app.ui.viewer.viewer import Viewer

_FROM_ASK = "The picture of the Ask tab"
_HINT = "Choose two and press Compare."
_MOST_SOURCES = 200


class _Question(NamedTuple):
    first: gr.Dropdown
    second: gr.Dropdown
    source: gr.Dropdown
    text: gr.Textbox
    go: gr.Button


class _Side(NamedTuple):
    title: gr.HTML
    viewer: Viewer


def build(
    studio: Studio, session: gr.State, changed: gr.State, tab: gr.Tab, question_of_ask: gr.Textbox
) -> None:
    """Lay out the tab and wire it; `changed` counts changes of the store."""
    question = _lay_out_question()
    with gr.Row(equal_height=False):
        sides = _lay_out_side("first"), _lay_out_side("second")
    gr.Markdown("#### On held-out corrections", elem_classes="step-title")
    table = gr.HTML("", elem_id="compare-table", apply_default_css=False)
    in_ask = switch.build(studio)
    adapter_manager.build(studio, in_ask.chosen, changed)
    _wire_choices(studio, question, table, in_ask, (tab.select, changed.change), question_of_ask)
    _wire_answers(studio, session, question, sides)


def _lay_out_question() -> _Question:
    base = [(BASE_LABEL, BASE_ID)]
    with gr.Row(equal_height=True):
        first = gr.Dropdown(base, value=BASE_ID, label="Left", elem_id="compare-first")
        second = gr.Dropdown(base, value=BASE_ID, label="Right", elem_id="compare-second")
        source = gr.Dropdown([(_FROM_ASK, 0)], value=0, label="Picture", elem_id="compare-source")
    with gr.Row(equal_height=False, elem_classes="tight"):
        text = gr.Textbox(
            label="Question",
            placeholder="The same question is put to both",
            scale=4,
            elem_id="compare-question",
        )
        go = gr.Button("Compare", variant="primary", scale=1, min_width=140, elem_id="compare-button")
    return _Question(first, second, source, text, go)


def _lay_out_side(side: str) -> _Side:
    with gr.Column(min_width=320):
        title = gr.HTML("", elem_id=f"compare-{side}-title", apply_default_css=False)
        options = ViewerOptions(
            f"compare-{side}-viewer", editable=False, inspect=True, narrow=True, group="compare"
        )
        return _Side(title, Viewer(options, hint=_HINT))


def _wire_choices(
    studio: Studio,
    question: _Question,
    table: gr.HTML,
    in_ask: switch.Switch,
    opened: tuple[Any, ...],
    question_of_ask: gr.Textbox,
) -> None:
    """What can be chosen, asked anew with each of the events `opened`, and what follows from a choice."""
    first, second, source, text, _ = question

    @does("look")
    @guarded
    def on_open(first: int, second: int, source: int, text: str, asked: str) -> Any:
        return _opened(studio, first, second, source, text or asked)

    gr.on(
        opened,
        on_open,
        [first, second, source, text, question_of_ask],
        [first, second, source, text, in_ask.chosen, in_ask.in_use, table],
        **PRIVATE,
    )

    @does("look")
    @guarded
    def on_source(source: int, text: str, asked: str) -> Any:
        return studio.store.corrections.get(source).question if source else asked or text

    source.input(on_source, [source, text, question_of_ask], text, **PRIVATE)

    @does("look")
    @guarded
    def on_sides(first: int, second: int) -> Any:
        return held_out.table(studio, first, second)

    gr.on([first.input, second.input], on_sides, [first, second], table, **PRIVATE)


def _opened(studio: Studio, first: int, second: int, source: int, question: str) -> tuple[Any, ...]:
    """The tab as it is opened: what can be chosen now, and base against the newest adapter."""
    choices = [(BASE_LABEL, BASE_ID), *((adapter_name(it), it.id) for it in studio.adapters())]
    known = {value for _, value in choices}
    corrections = studio.store.corrections.all(limit=_MOST_SOURCES)
    sources = [(_FROM_ASK, 0), *((f"Correction {it.id}: {it.question[:60]}", it.id) for it in corrections)]
    first = first if first in known else BASE_ID
    second = second if second in known and second != BASE_ID else max(known)
    return (
        gr.Dropdown(choices=choices, value=first),
        gr.Dropdown(choices=choices, value=second),
        gr.Dropdown(choices=sources, value=source if source in {value for _, value in sources} else 0),
        question,
        gr.Dropdown(choices=choices, value=studio.active_id() or BASE_ID),
        switch.in_use_text(studio),
        held_out.table(studio, first, second),
    )


def _wire_answers(studio: Studio, session: gr.State, question: _Question, sides: tuple[_Side, _Side]) -> None:
    first, second, source, text, go = question

    @does("ask")
    @guarded
    def on_compare(session: Session, first: int, second: int, source: int, text: str) -> Iterator[Any]:
        yield from _compared(studio, session, (first, second), source, text)

    shown = [part for side in sides for part in (side.title, side.viewer.component)]
    gr.on([go.click, text.submit], on_compare, [session, first, second, source, text], shown, **ON_MODEL)
    for side in sides:
        side.viewer.wire(studio, session)


def _compared(
    studio: Studio, session: Session, sides: tuple[int, int], source: int, question: str
) -> Iterator[Any]:
    """States of (title, viewer, title, viewer) while first the left answer comes, then the right one."""
    regions: tuple[Region, ...] = ()
    if source:
        record = studio.store.corrections.get(source)
        regions = record.regions
        pictures: tuple[Held, ...] = (studio.hold_stored(record.picture_id),)
        shown = picture_value(pictures[0].image(), record.picture_id)
    elif session.pictures:
        pictures, shown = session.pictures, session.shown
    else:
        raise CorrectionError(
            expected="a picture to compare on",
            got="none",
            remedy="Choose one in the Ask tab, or a correction in the list of pictures.",
        )
    studio.check_question(question)
    state: list[Any] = [_title(studio, sides[0]), shown, _title(studio, sides[1]), shown]
    yield tuple(state)
    for side, adapter in enumerate(sides):
        answer_id = view_ids.new_answer("compare")
        chunks = studio.answer(pictures, question, adapter or None)
        for value, trace in streamed(chunks, shown, answer_id):
            state[2 * side + 1] = value
            if trace is not None:
                answered = Answered(
                    answer_id,
                    pictures,
                    question,
                    trace,
                    model=studio.settings.model,
                    adapter_id=adapter or None,
                )
                session.answers.remember(answered)
                state[2 * side + 1] = answer_value(shown, answered, regions)
            yield tuple(state)


def _title(studio: Studio, adapter_id: int) -> str:
    label = switch.spoken_name(studio, adapter_id)
    return f'<h4 class="side-title">{html.escape(label[0].upper() + label[1:])}</h4>'
