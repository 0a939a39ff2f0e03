"""Compare: two of base model and adapters on the same picture and question, and the held-out figures."""

from __future__ import annotations

import html
import uuid
from collections.abc import Iterator
from typing import Any, NamedTuple

import gradio as gr
from PIL import Image

from sayo_app.core.geometry.region import Region
from sayo_app.errors import AdapterError, CorrectionError
from sayo_app.ui.compare import adapter_manager
from sayo_app.ui.shared.answers import Answered
from sayo_app.ui.shared.handlers import PRIVATE, guarded, say, warn
from sayo_app.ui.shared.studio import BASE_ID, BASE_LABEL, MODEL_QUEUE, Session, Studio
from sayo_app.ui.viewer import queries
from sayo_app.ui.viewer.component import answer_value, picture_value, viewer
from sayo_app.ui.viewer.streaming import streamed
from storage.base.records import AdapterRecord

_FROM_ASK = "The picture of the Ask tab"
_HINT = "Choose two and press Compare."
# key of an evaluation, what the page calls it, whether it is a share (shown in per cent), what it means
_FIGURES = (
    ("accuracy", "Right answers", True, "share of held-out questions answered right"),
    ("format", "Right format", True, "share that ends in one answer block"),
    ("sayo_reward", "SAYO reward", False, "how much more it looks into the regions than elsewhere, −1 to 1"),
    ("energy", "Energy in the regions", True, "share of its attention that is in the regions"),
    ("pointing", "Pointing game", True, "share whose most looked-at spot is in a region"),
)
_MOST_SOURCES, _FEW = 200, 50


class _Parts(NamedTuple):
    first: gr.Dropdown
    second: gr.Dropdown
    source: gr.Dropdown
    question: gr.Textbox
    go: gr.Button
    shown: list[Any]
    table: gr.HTML
    chosen: gr.Dropdown
    switch: gr.Button
    back: gr.Button
    in_use: gr.HTML


def build(
    studio: Studio, session: gr.State, changed: gr.State, tab: gr.Tab, question_of_ask: gr.Textbox
) -> None:
    """Lay out the tab and wire it; `changed` counts changes of the store."""
    parts = _lay_out()

    @guarded
    def on_open(first: int, second: int, source: int, question: str, asked: str) -> Any:
        return _opened(studio, first, second, source, question or asked)

    gr.on(
        [tab.select, changed.change],
        on_open,
        [parts.first, parts.second, parts.source, parts.question, question_of_ask],
        [parts.first, parts.second, parts.source, parts.question, parts.chosen, parts.in_use, parts.table],
        **PRIVATE,
    )

    @guarded
    def on_source(source: int, question: str, asked: str) -> Any:
        return studio.store.corrections.get(source).question if source else asked or question

    parts.source.input(on_source, [parts.source, parts.question, question_of_ask], parts.question, **PRIVATE)

    @guarded
    def on_sides(first: int, second: int) -> Any:
        return _table(studio, first, second)

    sides = [parts.first, parts.second]
    gr.on([parts.first.input, parts.second.input], on_sides, sides, parts.table, **PRIVATE)

    @guarded
    def on_compare(session: Session, first: int, second: int, source: int, question: str) -> Iterator[Any]:
        yield from _compared(studio, session, (first, second), source, question)

    gr.on(
        [parts.go.click, parts.question.submit],
        on_compare,
        [session, *sides, parts.source, parts.question],
        parts.shown,
        concurrency_id=MODEL_QUEUE,
        concurrency_limit=1,
        **PRIVATE,
    )

    for component in (parts.shown[1], parts.shown[3]):
        queries.wire(studio, session, component)

    _wire_switch(studio, parts, changed)


def _wire_switch(studio: Studio, parts: _Parts, changed: gr.State) -> None:
    @guarded
    def on_switch(chosen: int) -> Any:
        studio.switch(chosen or None)
        say(f"Ask now uses {_label(studio, chosen)}.")
        _warn_of(studio, chosen)
        return _active_text(studio)

    parts.switch.click(on_switch, parts.chosen, parts.in_use, concurrency_id=MODEL_QUEUE, **PRIVATE)

    @guarded
    def on_back() -> Any:
        there, record = studio.store.adapters.previous()
        if not there:
            raise AdapterError(
                expected="a switch to take back", got="none so far", remedy="There is nothing to roll back."
            )
        studio.switch(record.id if record else None)
        say(f"Ask uses {_label(studio, record.id if record else BASE_ID)} again.")
        return gr.Dropdown(value=record.id if record else BASE_ID), _active_text(studio)

    parts.back.click(on_back, None, [parts.chosen, parts.in_use], concurrency_id=MODEL_QUEUE, **PRIVATE)
    adapter_manager.build(studio, parts.chosen, changed)


def _lay_out() -> _Parts:
    base = [(BASE_LABEL, BASE_ID)]
    with gr.Row(equal_height=True):
        first = gr.Dropdown(base, value=BASE_ID, label="Left", elem_id="compare-first")
        second = gr.Dropdown(base, value=BASE_ID, label="Right", elem_id="compare-second")
        source = gr.Dropdown([(_FROM_ASK, 0)], value=0, label="Picture", elem_id="compare-source")
    with gr.Row(equal_height=False, elem_classes="tight"):
        question = gr.Textbox(
            label="Question",
            placeholder="The same question is put to both",
            scale=4,
            elem_id="compare-question",
        )
        go = gr.Button("Compare", variant="primary", scale=1, min_width=140, elem_id="compare-button")
    shown: list[Any] = []
    with gr.Row(equal_height=False):
        for side in ("first", "second"):
            with gr.Column(min_width=320):
                shown.append(gr.HTML("", elem_id=f"compare-{side}-title", apply_default_css=False))
                shown.append(
                    viewer(
                        f"compare-{side}-viewer",
                        hint=_HINT,
                        editable=False,
                        inspect=True,
                        narrow=True,
                        group="compare",
                    )
                )
    gr.Markdown("#### On held-out corrections", elem_classes="step-title")
    table = gr.HTML("", elem_id="compare-table", apply_default_css=False)
    gr.Markdown("#### The model that Ask uses", elem_classes="step-title")
    with gr.Row(elem_classes="tight", equal_height=False):
        chosen = gr.Dropdown(
            base, value=BASE_ID, label="Adapter", elem_id="compare-switch-choice", scale=0, min_width=280
        )
        switch = gr.Button(
            "Use it in Ask", variant="primary", elem_id="compare-switch", scale=0, min_width=160
        )
        back = gr.Button("Roll back", elem_id="compare-back", scale=0, min_width=120)
    in_use = gr.HTML("", elem_id="compare-active", apply_default_css=False)
    return _Parts(first, second, source, question, go, shown, table, chosen, switch, back, in_use)


def _opened(studio: Studio, first: int, second: int, source: int, question: str) -> tuple[Any, ...]:
    """The tab as it is opened: what can be chosen now, and base against the newest adapter."""
    choices = [(BASE_LABEL, BASE_ID), *((_name(it), it.id) for it in studio.adapters())]
    known = {value for _, value in choices}
    corrections = studio.store.corrections.all()[:_MOST_SOURCES]
    sources = [(_FROM_ASK, 0), *((f"Correction {it.id}: {it.question[:60]}", it.id) for it in corrections)]
    first = first if first in known else BASE_ID
    second = second if second in known and second != BASE_ID else max(known)
    return (
        gr.Dropdown(choices=choices, value=first),
        gr.Dropdown(choices=choices, value=second),
        gr.Dropdown(choices=sources, value=source if source in {value for _, value in sources} else 0),
        question,
        gr.Dropdown(choices=choices, value=studio.active_id() or BASE_ID),
        _active_text(studio),
        _table(studio, first, second),
    )


def _compared(
    studio: Studio, session: Session, sides: tuple[int, int], source: int, question: str
) -> Iterator[Any]:
    """States of (title, viewer, title, viewer) while first the left answer comes, then the right one."""
    regions: tuple[Region, ...] = ()
    if source:
        record = studio.store.corrections.get(source)
        regions = record.regions
        pictures: tuple[Image.Image, ...] = (studio.store.pictures.load(record.picture_id),)
        shown = picture_value(pictures[0], record.picture_id)
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
        answer_id = f"compare-{side}-{uuid.uuid4().hex}"
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


def _name(record: AdapterRecord) -> str:
    return record.name or f"Adapter {record.id}"


def _label(studio: Studio, adapter_id: int) -> str:
    record = studio.adapter(adapter_id or None)
    return "the base model" if record is None else _name(record)


def _warn_of(studio: Studio, adapter_id: int) -> None:
    """Anybody may switch to anything, but not without knowing what was measured."""
    record = studio.adapter(adapter_id or None)
    word = "" if record is None else record.summary.get("verdict", {}).get("word", "unknown")
    if word == "worse":
        warn("On held-out corrections this adapter is worse than what it was trained from.")
    elif word in ("same", "unknown"):
        warn("It has not been shown that this adapter is better than what it was trained from.")


def _title(studio: Studio, adapter_id: int) -> str:
    label = _label(studio, adapter_id)
    return f'<h4 class="side-title">{html.escape(label[0].upper() + label[1:])}</h4>'


def _active_text(studio: Studio) -> str:
    label = html.escape(_label(studio, studio.active_id() or BASE_ID))
    return f'<p class="note" data-testid="active">Ask uses <b>{label}</b>.</p>'


def _table(studio: Studio, first: int, second: int) -> str:
    """Before and after of the run that made the adapter chosen on the right, or else on the left."""
    records = {it.id: it for it in studio.adapters()}
    record = records.get(second) or records.get(first)
    if record is None:
        return (
            '<p class="note">No adapter yet. Retrain first: the new adapter is then measured here, before '
            "and after its training.</p>"
        )
    before, after = record.summary.get("before") or {}, record.summary.get("after") or {}
    rows = "".join(_row(before.get(figure[0]), after.get(figure[0]), *figure) for figure in _FIGURES)
    name = html.escape(_name(record))
    name = name[0].upper() + name[1:]
    if not rows:
        return f'<p class="note">Nothing was measured for {name}.</p>'
    count = int(after.get("count") or before.get("count") or 0)
    measured = f" on {count} held-out corrections" if count else ""
    small = " With so few, a change of a few points means little." if 0 < count < _FEW else ""
    return (
        f"<p class='hint'>{name}, measured before and after its training{measured}.{small}</p>"
        '<table class="plain-table held-out"><tr><th></th><th>Before</th><th>After</th><th>Change</th></tr>'
        f"{rows}</table>"
    )


def _row(
    before: float | None, after: float | None, key: str, label: str, is_share: bool, meaning: str
) -> str:
    if before is None and after is None:
        return ""
    cells = (_figure(before, is_share), _figure(after, is_share), _change(before, after, is_share))
    columns = "".join(f"<td>{cell}</td>" for cell in cells)
    return f'<tr data-testid="held-out-{key}"><th>{label}<span>{meaning}</span></th>{columns}</tr>'


def _figure(value: float | None, is_share: bool) -> str:
    if value is None:
        return "–"
    return f"{100 * value:.0f} %" if is_share else f"{value:.2f}".replace("-", "−")


def _change(before: float | None, after: float | None, is_share: bool) -> str:
    if before is None or after is None:
        return "–"
    change = after - before
    shown = f"{100 * change:+.0f} points" if is_share else f"{change:+.2f}"
    kind = "up" if change > 0.005 else "down" if change < -0.005 else "same"
    return f'<span class="change-{kind}">{shown.replace("-", "−")}</span>'
