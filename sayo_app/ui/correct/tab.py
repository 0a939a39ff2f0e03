"""Correct: boxes on the picture of the answer just seen, the right answer, and into the store."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import gradio as gr

from sayo_app.access.current import author_name
from sayo_app.core.geometry.region import Region
from sayo_app.errors import CorrectionError
from sayo_app.ui.correct import sandbox
from sayo_app.ui.shared.answers import Answered
from sayo_app.ui.shared.handlers import PRIVATE, TYPED_NAME, does, guarded, needs, say, typed, unless
from sayo_app.ui.shared.session import Session
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.viewer.autosave import KeptDrafts
from sayo_app.ui.viewer.component import DraftFields, ViewerOptions
from sayo_app.ui.viewer.page_state import PageState
from sayo_app.ui.viewer.viewer import Viewer
from storage.work.shown_reward import shown_reward

_HINT = "Ask a question first: the answer then appears here, to be corrected."
_LOOKING = (
    '<p class="note">What you draw is measured, and kept as a draft. To save it as a correction takes the '
    "role annotator: sign in with an account that has it, or ask an owner.</p>"
)
_DRAFTED = DraftFields("correct-answer", "correct-author")


@dataclass
class Saved:
    """Of a browser tab: {answer: the correction that it was stored as}."""

    corrections: dict[str, int] = field(default_factory=dict)


class Checked(NamedTuple):
    """A correction as it would be stored; `right` is None where the answer was right."""

    answered: Answered
    regions: tuple[Region, ...]
    right: str | None
    reward: float | None


def make_viewer() -> Viewer:
    """The viewer of this tab, before its place on the page: Ask shows its answers in it, too."""
    options = ViewerOptions(
        "correct-viewer",
        editable=True,
        group="current",
        fields=(_DRAFTED.answer,),
        drafts=_DRAFTED,
    )
    return Viewer(options, hint=_HINT, render=False)


class _Fields(NamedTuple):
    answer: gr.Textbox
    author: gr.Textbox
    save: gr.Button
    status: gr.Markdown


def build(studio: Studio, session: gr.State, viewer: Viewer, chart: gr.Plot, changed: gr.State) -> None:
    """Lay out the tab around the viewer and wire it.

    Args:
        chart: the timeline of the answer, below Ask's viewer.
        changed: counts changes of the store.
    """
    gr.Markdown(
        "Draw a box around what the model **should** have looked at. A box holds for the whole answer unless "
        "you choose a step for it. If the answer was wrong, give the right one.\n\n"
        "The answer may also be right for the wrong reason. Then mark what it should look at, and mark with "
        "**Not here** (X) what it must not rely on: a stamp, a watermark, a sticker beside the object.",
        elem_classes="hint",
    )
    viewer.component.render()
    fields = _lay_out_fields(studio, session, viewer)
    _wire_save(studio, session, viewer, fields, changed)
    # A new answer makes an old "saved" untrue.
    viewer.component.change(does("look")(lambda: ""), None, fields.status, **PRIVATE)
    viewer.wire(studio, session, chart)


def _lay_out_fields(studio: Studio, session: gr.State, viewer: Viewer) -> _Fields:
    demo = studio.settings.public_demo
    gr.HTML(
        sandbox.NOTE if demo else _LOOKING, elem_classes=unless("corrections.save"), apply_default_css=False
    )
    with gr.Row(equal_height=False, elem_classes=needs("corrections.try" if demo else "corrections.save")):
        with gr.Column(scale=3, min_width=280):
            answer = gr.Textbox(
                label="Right answer",
                placeholder="Leave empty if the answer was right",
                elem_id=_DRAFTED.answer,
                max_lines=3,
            )
        with gr.Column(scale=2, min_width=200, elem_classes=[TYPED_NAME, needs("corrections.save")]):
            author = gr.Textbox(
                label="Your name (optional)", placeholder="Who is correcting", elem_id=_DRAFTED.author
            )
        with gr.Column(scale=2, min_width=200):
            save = gr.Button("Save correction", variant="primary", elem_id="correct-save")
            status = gr.Markdown("", elem_id="correct-status", elem_classes="status")
            if demo:
                sandbox.build(session, viewer, answer, _attempt)
    return _Fields(answer, author, save, status)


def _wire_save(studio: Studio, session: gr.State, viewer: Viewer, fields: _Fields, changed: gr.State) -> None:
    boxes = gr.Textbox(visible="hidden", elem_id="correct-boxes")

    @does("corrections.save")
    @guarded
    def on_save(boxes: str, answer: str | None, author: str | None, session: Session, changed: int) -> Any:
        record_id, fresh = save_correction(studio, session, PageState.read(boxes), answer, author)
        verb = "saved" if fresh else "updated"
        say(f"Correction {record_id} {verb}.")
        return f"✓ Correction {record_id} {verb}. Find it in the Corrections tab.", changed + 1

    fields.save.click(
        on_save,
        [boxes, fields.answer, fields.author, session, changed],
        [fields.status, changed],
        js=viewer.read_state,
        **PRIVATE,
    )


def checked(session: Session, state: PageState, answer: str | None) -> Checked:
    """What was drawn and typed, if it is a correction.

    Raises:
        CorrectionError, RegionError
    """
    answered = session.answered(state.id)
    if len(answered.pictures) > 1:
        raise CorrectionError(
            expected="an answer about one picture",
            got=f"one about {len(answered.pictures)}",
            remedy="Ask about one of them alone, then correct that answer.",
        )
    [regions] = state.fitted(answered)
    right = typed(answer) or None
    if not regions and right is None:
        raise CorrectionError(
            expected="a box or a right answer",
            got="neither",
            remedy="Draw a box on the picture or type the right answer, then save.",
        )
    return Checked(answered, tuple(regions), right, shown_reward(answered.trace, regions))


def _attempt(session: Session, state: PageState, answer: str | None) -> sandbox.Attempt:
    answered, regions, right, reward = checked(session, state, answer)
    return sandbox.Attempt(answered.question, regions, right, reward)


def save_correction(
    studio: Studio, session: Session, state: PageState, answer: str | None, author: str | None
) -> tuple[int, bool]:
    """Store what was drawn and typed; (id, whether it is a new one).

    Saving the same answer again revises its correction instead of adding a second one.

    Raises:
        CorrectionError, RegionError, StorageError
    """
    answered, regions, right, reward = checked(session, state, answer)
    store, saved, kept = studio.store, session.room(Saved).corrections, session.room(KeptDrafts)
    if answered.id in saved:
        record = store.corrections.revise(
            saved[answered.id],
            author=author_name(author),
            regions=regions,
            corrected_answer=right,
            reward=reward,
        )
        kept.discard(store, record)
        return record.id, False
    record = store.corrections.add(
        picture_id=store.pictures.add(answered.pictures[0].image()).id,
        question=answered.question,
        model=answered.model or studio.settings.model,
        adapter_id=answered.adapter_id,
        answer_shown=answered.trace.text,
        trace_id=studio.keep_trace(answered.trace),
        regions=regions,
        corrected_answer=right,
        author=author_name(author),
        reward=reward,
    )
    saved[answered.id] = record.id
    kept.discard(store, record)
    return record.id, True
