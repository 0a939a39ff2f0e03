"""Compare: two of base model and adapters on the same picture and question, and the held-out figures."""

from __future__ import annotations

import html
import uuid
from collections.abc import Iterator
from typing import Any

import gradio as gr

from sayo_app.core.region import Region
from sayo_app.errors import CorrectionError
from sayo_app.ui.figures import region_numbers
from sayo_app.ui.handlers import guarded, say
from sayo_app.ui.studio import BASE_LABEL, MODEL_QUEUE, Session, Studio
from sayo_app.ui.viewer import answer_value, picture_value, streaming_value, viewer
from storage.records import AdapterRecord

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
_BASE = 0  # the dropdown value of the base model: Gradio cannot tell None from nothing chosen


def build(
    studio: Studio, session: gr.State, changed: gr.State, tab: gr.Tab, question_of_ask: gr.Textbox
) -> gr.State:
    """Lay out the tab; the state that it returns counts switches of the adapter."""
    with gr.Row(equal_height=True):
        first = gr.Dropdown([(BASE_LABEL, _BASE)], value=_BASE, label="Left", elem_id="compare-first")
        second = gr.Dropdown([(BASE_LABEL, _BASE)], value=_BASE, label="Right", elem_id="compare-second")
        source = gr.Dropdown([(_FROM_ASK, 0)], value=0, label="Picture", elem_id="compare-source")
    with gr.Row(equal_height=True):
        question = gr.Textbox(label="Question", scale=4, elem_id="compare-question", lines=1,
                              placeholder="The same question is put to both")  # fmt: skip
        go = gr.Button("Compare", variant="primary", scale=1, min_width=140, elem_id="compare-button")
    with gr.Row(equal_height=False):
        shown = []
        for side in ("first", "second"):
            with gr.Column(min_width=320):
                title = gr.HTML("", elem_id=f"compare-{side}-title", apply_default_css=False)
                component = viewer(f"compare-{side}-viewer", hint=_HINT, editable=False, group="compare")
                shown += [title, component]
    gr.Markdown("#### On held-out corrections", elem_classes="step-title")
    table = gr.HTML("", elem_id="compare-table", apply_default_css=False)
    gr.Markdown("#### The model that Ask uses", elem_classes="step-title")
    with gr.Row(elem_classes="tight", equal_height=True):
        chosen = gr.Dropdown([(BASE_LABEL, _BASE)], value=_BASE, label="Adapter", elem_id="compare-switch-choice",
                             scale=0, min_width=280)  # fmt: skip
        switch = gr.Button(
            "Use it in Ask", variant="primary", elem_id="compare-switch", scale=0, min_width=160
        )
    in_use = gr.HTML("", elem_id="compare-active", apply_default_css=False)
    switched = gr.State(0)
    private: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}

    @guarded
    def on_open(first: int, second: int, source: int, question: str, asked: str) -> Any:
        adapters = studio.adapters()
        choices = [(BASE_LABEL, _BASE), *((_name(it), it.id) for it in adapters)]
        known = {value for _, value in choices}
        newest = max(known)
        active = studio.active_id() or _BASE
        pictures = [
            (_FROM_ASK, 0),
            *((_source_name(it), it.id) for it in studio.store.list_corrections()[:200]),
        ]
        # Base against the newest adapter is what one wants to see after a training run.
        second = second if second in known and second != _BASE else newest
        return (
            gr.Dropdown(choices=choices, value=first if first in known else _BASE),
            gr.Dropdown(choices=choices, value=second),
            gr.Dropdown(choices=pictures, value=source if source in {value for _, value in pictures} else 0),
            question or asked,
            gr.Dropdown(choices=choices, value=active),
            _active_text(studio),
            _table(studio, first, second),
        )

    gr.on([tab.select, changed.change], on_open, [first, second, source, question, question_of_ask],
          [first, second, source, question, chosen, in_use, table], **private)  # fmt: skip

    @guarded
    def on_source(source: int, question: str, asked: str) -> Any:
        return studio.store.get_correction(source).question if source else asked or question

    source.input(on_source, [source, question, question_of_ask], question, **private)
    gr.on(
        [first.input, second.input],
        guarded(lambda a, b: _table(studio, a, b)),
        [first, second],
        table,
        **private,
    )

    @guarded
    def on_compare(session: Session, first: int, second: int, source: int, question: str) -> Iterator[Any]:
        yield from _compared(studio, session, (first, second), source, question)

    gr.on([go.click, question.submit], on_compare, [session, first, second, source, question], shown,
          concurrency_id=MODEL_QUEUE, concurrency_limit=1, **private)  # fmt: skip

    @guarded
    def on_switch(chosen: int, switched: int) -> Any:
        studio.switch(chosen or None)
        say(f"Ask now uses {_label(studio, chosen)}.")
        return _active_text(studio), switched + 1

    switch.click(on_switch, [chosen, switched], [in_use, switched], concurrency_id=MODEL_QUEUE, **private)
    return switched


def _compared(
    studio: Studio, session: Session, sides: tuple[int, int], source: int, question: str
) -> Iterator[Any]:
    """States of (title, viewer, title, viewer) while first the left answer comes, then the right one."""
    regions: tuple[Region, ...] = ()
    if source:
        record = studio.store.get_correction(source)
        picture, regions = studio.store.load_picture(record.picture_id), record.regions
        shown = picture_value(picture, record.picture_id)
    elif session.picture is not None:
        picture, shown = session.picture, session.shown
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
        for chunk in studio.answer(picture, question, adapter or None):
            if chunk.trace is None:
                state[2 * side + 1] = streaming_value(shown, answer_id, chunk.tokens)
            else:
                value = answer_value(shown, answer_id, chunk.trace, regions)
                if regions:
                    value["numbers"] = {"id": answer_id, **region_numbers(chunk.trace, regions)}
                state[2 * side + 1] = value
            yield tuple(state)


def _name(record: AdapterRecord) -> str:
    return record.name or f"Adapter {record.id}"


def _label(studio: Studio, adapter_id: int) -> str:
    record = studio.adapter(adapter_id or None)
    return "the base model" if record is None else _name(record)


def _title(studio: Studio, adapter_id: int) -> str:
    label = _label(studio, adapter_id)
    return f'<h4 class="side-title">{html.escape(label[0].upper() + label[1:])}</h4>'


def _source_name(record: Any) -> str:
    return f"Correction {record.id}: {record.question[:60]}"


def _active_text(studio: Studio) -> str:
    label = html.escape(_label(studio, studio.active_id() or _BASE))
    return f'<p class="note" data-testid="active">Ask uses <b>{label}</b>.</p>'


def _table(studio: Studio, first: int, second: int) -> str:
    """Before and after of the run that made the adapter chosen on the right, or else on the left."""
    records = {it.id: it for it in studio.adapters()}
    record = records.get(second) or records.get(first)
    if record is None:
        return '<p class="note">No adapter yet. Retrain first: its run is then measured here, before and after.</p>'
    before, after = record.summary.get("before") or {}, record.summary.get("after") or {}
    rows = ""
    for key, label, is_share, meaning in _FIGURES:
        if before.get(key) is None and after.get(key) is None:
            continue
        rows += (
            f'<tr data-testid="held-out-{key}"><th>{label}<span>{meaning}</span></th><td>{_figure(before.get(key), is_share)}</td>'
            f"<td>{_figure(after.get(key), is_share)}</td><td>{_change(before.get(key), after.get(key), is_share)}</td></tr>"
        )
    if not rows:
        return f'<p class="note">Nothing was measured for {html.escape(_name(record))}.</p>'
    count = after.get("count") or before.get("count")
    measured = f" on {int(count)} held-out corrections" if count else ""
    small = " With so few, a change of a few points means little." if count and count < 50 else ""
    return (
        f"<p class='hint'>{html.escape(_name(record))}, measured before and after its training{measured}.{small}</p>"
        f'<table class="plain-table held-out"><tr><th></th><th>Before</th><th>After</th><th>Change</th></tr>{rows}</table>'
    )


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
