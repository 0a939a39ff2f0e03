"""Choose a picture: upload some, pick an example, or have a fresh scene drawn."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
from PIL import Image

from sayo_app.core.held import Held
from sayo_app.core.scenes.questions import HELD_OUT_SEED, SceneQuestion, make_question
from sayo_app.core.scenes.scene import Scene
from sayo_app.errors import PictureError
from sayo_app.ui.ask.state import Asking, Shown
from sayo_app.ui.shared.handlers import PRIVATE, does, guarded, typed
from sayo_app.ui.shared.session import Session
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.viewer import view_ids
from sayo_app.ui.viewer.cards import cards, cards_value, thumbnail
from sayo_app.ui.viewer.values import entries_value, picture_entry, picture_value

MOST_PICTURES = 4
# One example of each question family, none of them seen in pretraining.
_EXAMPLE_SEEDS = tuple(HELD_OUT_SEED + 5_000 + i for i in range(5))


class Sources(NamedTuple):
    upload: gr.UploadButton
    add: gr.UploadButton
    fresh: gr.Button
    examples: gr.HTML


@cache
def _example(seed: int) -> tuple[Scene, SceneQuestion]:
    return make_question(seed)


class _Made(NamedTuple):
    """A scene with its question, and the viewer's value of it."""

    seed: int
    size: tuple[int, int]
    asked: SceneQuestion
    value: dict[str, Any]


def _made(seed: int, made: tuple[Scene, SceneQuestion] | None = None) -> _Made:
    scene, asked = made or make_question(seed)
    truth = [(f"{it.colour} {it.letter} {it.kind}", it.box_xyxy) for it in scene.objects]
    value = picture_value(scene.picture, view_ids.scene_picture(seed), truth)
    return _Made(seed, scene.picture.size, asked, value)


@cache
def _made_example(seed: int) -> _Made:
    """One for all pages that show it."""
    return _made(seed, _example(seed))


def _picture(seed: int) -> Image.Image:
    return (_example if seed in _EXAMPLE_SEEDS else make_question)(seed)[0].picture


def lay_out() -> Sources:
    gr.Markdown("#### 1 · Choose a picture", elem_classes="step-title")
    with gr.Row(elem_classes="tight"):
        upload = gr.UploadButton(
            "Upload a picture", elem_id="ask-upload", type="filepath", file_count="multiple"
        )
        add = gr.UploadButton("Add one more", elem_id="ask-add", type="filepath", file_count="multiple")
        fresh = gr.Button("Draw a fresh scene", elem_id="ask-fresh")
    gr.Markdown("or pick an example:", elem_classes="hint")
    return Sources(upload, add, fresh, cards("ask-examples", examples_value(), strip=True))


def examples_value() -> dict[str, Any]:
    """The strip of example pictures, each with its question."""
    items = []
    for index, seed in enumerate(_EXAMPLE_SEEDS):
        scene, asked = _example(seed)
        items.append({"id": index, "src": thumbnail(scene.picture, side=128), "lines": [asked.question]})
    return cards_value(items, "")


def wire(
    studio: Studio, session: gr.State, sources: Sources, shown: Shown, nothing_asked: dict[str, Any]
) -> None:
    """`nothing_asked` is the value of Correct's viewer as long as there is no answer."""

    def filled(value: dict[str, Any], question: Any) -> tuple[Any, ...]:
        return value, nothing_asked, question, gr.Plot(visible=False)

    def uploaded(session: Session, before: tuple[Held, ...], paths: list[str] | None) -> Any:
        if not paths:
            return gr.skip()
        entries = session.shown.get("pictures", []) if before else []
        pictures = list(before)
        for held, entry in _opened(studio, paths, len(before)):
            pictures.append(held)
            entries = [*entries, entry]
        value = entries_value(entries)
        session.look_at(pictures, value)
        return filled(value, gr.skip())

    def drawn(session: Session, text: str, made: _Made) -> Any:
        asked, value = made.asked, made.value
        # Drawn anew when it is needed: a seed takes no room.
        session.look_at([Held(made.size, partial(_picture, made.seed))], value)
        # A question that the person typed stays; an earlier suggestion gives way.
        suggestions = session.room(Asking).suggestions
        own = bool(typed(text)) and text not in suggestions
        suggestions.add(asked.question)
        return filled(value, gr.skip() if own else asked.question)

    @does("ask")
    @guarded
    def on_upload(paths: list[str] | None, session: Session) -> Any:
        return uploaded(session, (), paths)

    @does("ask")
    @guarded
    def on_add(paths: list[str] | None, session: Session) -> Any:
        return uploaded(session, session.pictures, paths)

    @does("ask")
    @guarded
    def on_fresh(session: Session, text: str) -> Any:
        seed = HELD_OUT_SEED + random.randrange(1_000_000)
        return drawn(session, text, _made(seed))

    @does("ask")
    @guarded
    def on_pick(session: Session, text: str, event: gr.EventData) -> Any:
        seed = _EXAMPLE_SEEDS[int(event.id) % len(_EXAMPLE_SEEDS)]
        return drawn(session, text, _made_example(seed))

    sources.upload.upload(on_upload, [sources.upload, session], [*shown], **PRIVATE)
    sources.add.upload(on_add, [sources.add, session], [*shown], **PRIVATE)
    sources.fresh.click(on_fresh, [session, shown.question], [*shown], **PRIVATE)
    sources.examples.pick(on_pick, [session, shown.question], [*shown], **PRIVATE)


def _opened(studio: Studio, paths: list[str], before: int) -> Iterator[tuple[Held, dict[str, Any]]]:
    """(a picture, what the viewer is told of it), one after the other.

    Raises:
        PictureError: not pictures, too large ones, or too many with those that are there before.
    """
    if before + len(paths) > MOST_PICTURES:
        raise PictureError(
            expected=f"at most {MOST_PICTURES} pictures in a question",
            got=str(before + len(paths)),
            remedy="Upload fewer.",
        )
    for path in paths:
        with studio.decoding:
            held, image = studio.hold_upload(Path(path))
            entry = picture_entry(image, view_ids.new_picture())
            del image
        yield held, entry
