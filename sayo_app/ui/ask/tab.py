"""Ask: a picture, a question, a streamed answer, and where the model looked for every token."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import gradio as gr

from sayo_app.ui.ask import export, reallylook, sources, whatif
from sayo_app.ui.ask.state import Asking, Shown
from sayo_app.ui.shared.answers import Answered
from sayo_app.ui.shared.handlers import ON_MODEL, PRIVATE, does, guarded, say_if_loading
from sayo_app.ui.shared.session import Session
from sayo_app.ui.shared.studio import Studio, no_picture
from sayo_app.ui.viewer import view_ids
from sayo_app.ui.viewer.chart import token_chart
from sayo_app.ui.viewer.component import ViewerOptions
from sayo_app.ui.viewer.streaming import streamed
from sayo_app.ui.viewer.values import answer_value
from sayo_app.ui.viewer.viewer import Viewer

_HINT = "Upload a picture, pick an example, or have a fresh scene drawn. Then ask about it."


class AskTab(NamedTuple):
    """The components that other tabs use."""

    question: gr.Textbox
    chart: gr.Plot


class _Question(NamedTuple):
    text: gr.Textbox
    ask: gr.Button
    stop: gr.Button


def build(studio: Studio, session: gr.State, correct_viewer: Viewer) -> AskTab:
    """Lay out the tab and wire it. `correct_viewer` is shown the same answer and keeps the same draft."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=280):
            chosen = sources.lay_out()
        with gr.Column(scale=1, min_width=300):
            question = _lay_out_question(studio)
    gr.Markdown("#### 3 · See where it looked", elem_classes="step-title")
    viewer = _viewer(correct_viewer.options)
    chart = gr.Plot(show_label=False, elem_id="ask-chart", visible=False)
    shown = Shown(viewer.component, correct_viewer.component, question.text, chart)
    sources.wire(studio, session, chosen, shown, correct_viewer.empty)
    _wire_question(studio, session, question, shown)
    whatif.build(studio, session, viewer)
    reallylook.build(studio, session, viewer)
    export.build(studio, session, viewer, shown)
    viewer.wire(studio, session, chart)
    return AskTab(question.text, chart)


def _viewer(correct: ViewerOptions) -> Viewer:
    options = ViewerOptions(
        "ask-viewer",
        editable=True,
        inspect=True,
        group=correct.group,
        chart="ask-chart",
        drafts=correct.drafts,
    )
    return Viewer(options, hint=_HINT)


def _lay_out_question(studio: Studio) -> _Question:
    gr.Markdown("#### 2 · Ask about it", elem_classes="step-title")
    text = gr.Textbox(
        label="Question",
        show_label=False,
        placeholder="What do you want to know about the picture?",
        lines=1,  # so that Enter asks; Shift+Enter breaks the line
        max_lines=6,
        elem_id="ask-question",
    )
    with gr.Row(elem_classes="tight"):
        ask = gr.Button("Ask", variant="primary", elem_id="ask-button")
        stop = gr.Button("Stop", elem_id="ask-stop")
    gr.Markdown(_world_note(studio), elem_classes="hint")
    return _Question(text, ask, stop)


def _world_note(studio: Studio) -> str:
    if studio.settings.model != "bundled":
        return "Any picture, any question. Short questions with one clear answer show most."
    return (
        "The bundled model only knows scenes like the examples: small figures with coloured letter tags. "
        "Ask what carries a tag, what is left of or nearest to something, how many there are, or which is "
        "larger."
    )


def _wire_question(studio: Studio, session: gr.State, question: _Question, shown: Shown) -> None:
    @does("ask")
    @guarded
    def on_ask(session: Session, text: str) -> Iterator[Any]:
        yield from _answers(studio, session, text)

    gr.on(
        [question.ask.click, question.text.submit],
        on_ask,
        [session, question.text],
        [shown.viewer, shown.correct_viewer, shown.chart],
        **ON_MODEL,
    )

    @does("ask")
    def on_stop(session: Session) -> None:
        session.room(Asking).stopping = True  # the answer then ends as it stands, with its maps

    question.stop.click(on_stop, session, None, queue=False, **PRIVATE)


def _answers(studio: Studio, session: Session, question: str) -> Iterator[Any]:
    """States of (viewer, viewer of Correct, chart) while the answer comes."""
    text = studio.check_question(question)
    pictures, shown = session.pictures, session.shown
    if not pictures:
        raise no_picture()
    adapter_id = studio.active_id()
    asking = session.room(Asking)
    asking.stopping = False
    say_if_loading(studio)
    answer_id = view_ids.new_answer("answer")
    chunks = studio.answer(pictures, text, adapter_id, on_stop=lambda: asking.stopping)
    for value, trace in streamed(chunks, shown, answer_id):
        if session.pictures is not pictures:
            return  # another picture was chosen meanwhile
        if trace is None:
            yield value, gr.skip(), gr.skip()
            continue
        answered = session.show(
            Answered(answer_id, pictures, text, trace, model=studio.settings.model, adapter_id=adapter_id)
        )
        value = answer_value(shown, answered)
        yield value, value, gr.Plot(token_chart(trace), visible=True)
