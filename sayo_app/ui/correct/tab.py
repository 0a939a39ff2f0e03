"""Correct: boxes on the picture of the answer just seen, the right answer, and into the store."""

from __future__ import annotations

from typing import Any

import gradio as gr

from sayo_app.errors import CorrectionError
from sayo_app.ui.shared.handlers import PRIVATE, guarded, say, typed
from sayo_app.ui.shared.studio import Session, Studio
from sayo_app.ui.viewer.autosave import discard_drafts
from sayo_app.ui.viewer.page_state import READ_STATE, PageState


def build(studio: Studio, session: gr.State, shown: gr.HTML, changed: gr.State) -> None:
    """Lay out the tab around the viewer `shown`; `changed` counts changes of the store."""
    gr.Markdown(
        "Draw a box around what the model **should** have looked at. A box holds for the whole answer unless "
        "you choose a step for it. If the answer was wrong, give the right one.",
        elem_classes="hint",
    )
    shown.render()
    with gr.Row(equal_height=False):
        with gr.Column(scale=3, min_width=280):
            answer = gr.Textbox(
                label="Right answer",
                placeholder="Leave empty if the answer was right",
                elem_id="correct-answer",
                max_lines=3,
            )
        with gr.Column(scale=2, min_width=200):
            author = gr.Textbox(
                label="Your name (optional)", placeholder="Who is correcting", elem_id="correct-author"
            )
        with gr.Column(scale=2, min_width=200):
            save = gr.Button("Save correction", variant="primary", elem_id="correct-save")
            status = gr.Markdown("", elem_id="correct-status", elem_classes="status")
    boxes = gr.Textbox(visible="hidden", elem_id="correct-boxes")

    @guarded
    def on_save(boxes: str, answer: str | None, author: str | None, session: Session, changed: int) -> Any:
        record_id, fresh = save_correction(studio, session, boxes, answer, author)
        verb = "saved" if fresh else "updated"
        say(f"Correction {record_id} {verb}.")
        return f"✓ Correction {record_id} {verb}. Find it in the Corrections tab.", changed + 1

    save.click(
        on_save,
        [boxes, answer, author, session, changed],
        [status, changed],
        js=READ_STATE.format(viewer="correct-viewer"),
        **PRIVATE,
    )
    # A new answer makes an old "saved" untrue.
    shown.change(lambda: "", None, status, **PRIVATE)


def save_correction(
    studio: Studio, session: Session, boxes: str, answer: str | None, author: str | None
) -> tuple[int, bool]:
    """Store what was drawn and typed; (id, whether it is a new one).

    Saving the same answer again revises its correction instead of adding a second one.

    Raises:
        CorrectionError, RegionError, StorageError
    """
    state = PageState.read(boxes)
    answered = session.answered(state.id)
    if len(answered.pictures) > 1:
        raise CorrectionError(
            expected="an answer about one picture",
            got=f"one about {len(answered.pictures)}",
            remedy="Ask about one of them alone, then correct that answer.",
        )
    picture, trace = answered.pictures[0], answered.trace
    [regions] = state.fitted(answered)
    right = typed(answer) or None
    if not regions and right is None:
        raise CorrectionError(
            expected="a box or a right answer",
            got="neither",
            remedy="Draw a box on the picture or type the right answer, then save.",
        )
    store = studio.store
    if session.saved_id is not None:
        record = store.corrections.revise(
            session.saved_id, author=typed(author), regions=tuple(regions), corrected_answer=right
        )
        discard_drafts(store, session, record)
        return record.id, False
    record = store.corrections.add(
        picture_id=store.pictures.add(picture).id,
        question=answered.question,
        model=answered.model or studio.settings.model,
        adapter_id=answered.adapter_id,
        answer_shown=trace.text,
        trace_id=store.traces.save(trace),
        regions=tuple(regions),
        corrected_answer=right,
        author=typed(author),
    )
    session.saved_id = record.id
    discard_drafts(store, session, record)
    return record.id, True
