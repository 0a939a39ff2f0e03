"""Ask: a picture, a question, a streamed answer, and where the model looked for every token."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from sayo_app.core.picture import open_picture
from sayo_app.core.scenes.questions import HELD_OUT_SEED, SceneQuestion, make_question
from sayo_app.core.scenes.scene import Scene
from sayo_app.errors import PictureError
from sayo_app.ui.ask import export, whatif
from sayo_app.ui.shared.answers import Answered
from sayo_app.ui.shared.charts import token_chart
from sayo_app.ui.shared.handlers import PRIVATE, guarded, say, typed
from sayo_app.ui.shared.studio import MODEL_QUEUE, Session, Studio
from sayo_app.ui.viewer import autosave, queries
from sayo_app.ui.viewer.cards import cards, cards_value, thumbnail
from sayo_app.ui.viewer.component import answer_value, empty_value, picture_value, pictures_value, viewer
from sayo_app.ui.viewer.streaming import streamed

EMPTY_HINT = "Upload a picture, pick an example, or have a fresh scene drawn. Then ask about it."
CORRECT_HINT = "Ask a question first: the answer then appears here, to be corrected."
# One example of each question family, none of them seen in pretraining.
_EXAMPLE_SEEDS = tuple(HELD_OUT_SEED + 5_000 + i for i in range(5))
MOST_PICTURES = 4


@dataclass(frozen=True)
class AskTab:
    """The components that other tabs use."""

    viewer: gr.HTML
    question: gr.Textbox


@cache
def _example(seed: int) -> tuple[Scene, SceneQuestion]:
    return make_question(seed)


def build(studio: Studio, session: gr.State, correct_viewer: gr.HTML) -> AskTab:
    """Lay out the tab and wire it. `correct_viewer` is shown the same answer."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=280):
            sources = _sources()
        with gr.Column(scale=1, min_width=300):
            question, ask, stop = _asking(studio)
    gr.Markdown("#### 3 · See where it looked", elem_classes="step-title")
    shown = viewer(
        "ask-viewer",
        hint=EMPTY_HINT,
        editable=True,
        inspect=True,
        group="current",
        chart="ask-chart",
        drafts=autosave.CORRECT_FIELDS,
    )
    chart = gr.Plot(show_label=False, elem_id="ask-chart", visible=False)
    _wire_pictures(studio, session, sources, (shown, correct_viewer, question, chart))

    @guarded
    def on_ask(session: Session, question: str) -> Iterator[Any]:
        yield from _answers(studio, session, question)

    gr.on(
        [ask.click, question.submit],
        on_ask,
        [session, question],
        [shown, correct_viewer, chart],
        concurrency_id=MODEL_QUEUE,
        concurrency_limit=1,
        **PRIVATE,
    )

    def on_stop(session: Session) -> None:
        session.stopping = True  # the answer then ends as it stands, with its maps

    stop.click(on_stop, session, None, queue=False, **PRIVATE)

    whatif.build(studio, session, "ask-viewer")
    export.build(studio, session, "ask-viewer", [shown, correct_viewer, question, chart])
    queries.wire(studio, session, shown, chart)
    queries.wire(studio, session, correct_viewer, chart)
    autosave.wire(studio, session, shown)
    autosave.wire(studio, session, correct_viewer)
    return AskTab(viewer=shown, question=question)


def _sources() -> tuple[gr.UploadButton, gr.UploadButton, gr.Button, gr.HTML]:
    gr.Markdown("#### 1 · Choose a picture", elem_classes="step-title")
    with gr.Row(elem_classes="tight"):
        upload = gr.UploadButton(
            "Upload a picture", elem_id="ask-upload", type="filepath", file_count="multiple"
        )
        add = gr.UploadButton("Add one more", elem_id="ask-add", type="filepath", file_count="multiple")
        fresh = gr.Button("Draw a fresh scene", elem_id="ask-fresh")
    gr.Markdown("or pick an example:", elem_classes="hint")
    return upload, add, fresh, cards("ask-examples", examples_value(), strip=True)


def _asking(studio: Studio) -> tuple[gr.Textbox, gr.Button, gr.Button]:
    gr.Markdown("#### 2 · Ask about it", elem_classes="step-title")
    question = gr.Textbox(
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
    return question, ask, stop


def examples_value() -> dict[str, Any]:
    """The strip of example pictures, each with its question."""
    items = []
    for index, seed in enumerate(_EXAMPLE_SEEDS):
        scene, asked = _example(seed)
        items.append({"id": index, "src": thumbnail(scene.picture, side=128), "lines": [asked.question]})
    return cards_value(items, "")


def _wire_pictures(
    studio: Studio, session: gr.State, sources: tuple[Any, ...], outputs: tuple[Any, ...]
) -> None:
    upload, add, fresh, examples = sources
    limits = studio.settings

    def look_at(session: Session, before: tuple[Image.Image, ...], paths: list[str] | None) -> Any:
        if not paths:
            return gr.skip()
        if len(before) + len(paths) > MOST_PICTURES:
            raise PictureError(
                expected=f"at most {MOST_PICTURES} pictures in a question",
                got=str(len(before) + len(paths)),
                remedy="Upload fewer.",
            )
        opened = [
            open_picture(Path(path), max_bytes=limits.max_file_bytes, max_pixels=limits.max_picture_pixels)
            for path in paths
        ]
        pictures = (*before, *opened)
        value = pictures_value([(picture, uuid.uuid4().hex) for picture in pictures])
        session.look_at(pictures, value)
        return value, empty_value(CORRECT_HINT), gr.skip(), gr.Plot(visible=False)

    @guarded
    def on_upload(paths: list[str] | None, session: Session) -> Any:
        return look_at(session, (), paths)

    @guarded
    def on_add(paths: list[str] | None, session: Session) -> Any:
        return look_at(session, session.pictures, paths)

    def scene(session: Session, text: str, made: tuple[Scene, SceneQuestion], picture_id: str) -> Any:
        drawn, asked = made
        truth = [(f"{it.colour} {it.letter} {it.kind}", it.box_xyxy) for it in drawn.objects]
        value = picture_value(drawn.picture, picture_id, truth)
        session.look_at([drawn.picture], value)
        # A question that the person typed stays; an earlier suggestion gives way.
        own = bool(typed(text)) and text not in session.suggestions
        session.suggestions.add(asked.question)
        return value, empty_value(CORRECT_HINT), gr.skip() if own else asked.question, gr.Plot(visible=False)

    @guarded
    def on_fresh(session: Session, text: str) -> Any:
        seed = HELD_OUT_SEED + random.randrange(1_000_000)
        return scene(session, text, make_question(seed), f"scene-{seed}")

    @guarded
    def on_pick(session: Session, text: str, event: gr.EventData) -> Any:
        seed = _EXAMPLE_SEEDS[int(event.id) % len(_EXAMPLE_SEEDS)]
        return scene(session, text, _example(seed), f"scene-{seed}")

    question = outputs[2]
    upload.upload(on_upload, [upload, session], list(outputs), **PRIVATE)
    add.upload(on_add, [add, session], list(outputs), **PRIVATE)
    fresh.click(on_fresh, [session, question], list(outputs), **PRIVATE)
    examples.pick(on_pick, [session, question], list(outputs), **PRIVATE)


def _answers(studio: Studio, session: Session, question: str) -> Iterator[Any]:
    """States of (viewer, viewer of Correct, chart) while the answer comes."""
    text = studio.check_question(question)
    pictures, shown = session.pictures, session.shown
    adapter_id = studio.active_id()
    session.stopping = False
    if studio.model_state[0] == "loading":
        say("The model is still being loaded. The answer comes as soon as it is there.")
    answer_id = f"answer-{uuid.uuid4().hex}"
    chunks = studio.answer(pictures, text, adapter_id, on_stop=lambda: session.stopping)
    for value, trace in streamed(chunks, shown, answer_id):
        if session.pictures is not pictures:
            return  # another picture was chosen meanwhile
        if trace is None:
            yield value, gr.skip(), gr.skip()
            continue
        answered = session.answers.remember(
            Answered(answer_id, pictures, text, trace, model=studio.settings.model, adapter_id=adapter_id)
        )
        session.current, session.saved_id = answer_id, None
        value = answer_value(shown, answered)
        yield value, value, gr.Plot(token_chart(trace), visible=True)


def _world_note(studio: Studio) -> str:
    if studio.settings.model != "bundled":
        return "Any picture, any question. Short questions with one clear answer show most."
    return (
        "The bundled model only knows scenes like the examples: small figures with coloured letter tags. "
        "Ask what carries a tag, what is left of or nearest to something, how many there are, or which is "
        "larger."
    )
