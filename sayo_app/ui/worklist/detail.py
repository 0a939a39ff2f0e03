"""What is laid out below the work list for what is open there, and what fills it."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any, NamedTuple

import gradio as gr

from sayo_app.ui.shared.handlers import needs
from sayo_app.ui.shared.session import Session
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.shared.tables import table
from sayo_app.ui.shared.words import model_label
from sayo_app.ui.viewer.component import DraftFields, ViewerOptions
from sayo_app.ui.viewer.viewer import Viewer
from sayo_app.ui.worklist.agreement import item_table
from sayo_app.ui.worklist.opened import Desk, Opened, item_value
from sayo_app.ui.worklist.words import STATES
from storage.base.records import CorrectionRecord

_JUDGED = ("submitted", "accepted", "rejected")
# The name of the person stands among the filters of the list.
_DRAFTED = DraftFields("corrections-answer", "corrections-author")


class Detail(NamedTuple):
    box: gr.Column
    title: gr.HTML
    viewer: Viewer
    answer: gr.Textbox
    buttons: dict[str, gr.Button]
    reason: gr.Textbox
    comment: gr.Textbox
    review: gr.Row
    people: gr.HTML
    history: gr.HTML
    revision: gr.Dropdown
    opened: gr.State

    @property
    def outputs(self) -> list[Any]:
        """What `values` fills."""
        buttons = [self.buttons[name] for name in ("delete", "ask", "another", "flag")]
        fields = [self.answer, self.reason, self.comment, self.review]
        shown = [
            self.box,
            self.title,
            self.viewer.component,
            *fields,
            self.people,
            self.history,
            self.revision,
        ]
        return [self.opened, *shown, *buttons]


def lay_out() -> Detail:
    opened = gr.State(None)
    with gr.Column(visible=False, elem_id="corrections-detail") as box:
        buttons = _lay_out_top()
        title = gr.HTML("", elem_id="corrections-title", apply_default_css=False)
        options = ViewerOptions(
            "corrections-viewer", editable=True, fields=(_DRAFTED.answer,), drafts=_DRAFTED
        )
        viewer = Viewer(options, hint="")
        with gr.Row(equal_height=False, elem_classes=["tight", needs("corrections.save")]):
            answer = gr.Textbox(
                label="Right answer",
                placeholder="Empty: the answer shown was right",
                elem_id=_DRAFTED.answer,
                scale=3,
                min_width=280,
            )
            buttons["submit"] = _button("Submit, next", "submit", variant="primary")
            buttons["save"] = _button("Save changes", "save")
        with gr.Row(elem_classes=["tight", needs("corrections.skip")]):
            reason = gr.Textbox(
                label="Skip",
                placeholder="Why can it not be corrected? Enter skips it",
                elem_id="corrections-reason",
                scale=3,
                min_width=280,
            )
            buttons["skip"] = _button("Skip, next", "skip")
            buttons["delete"] = _button("Delete", "delete", variant="stop")
        judging = ["tight", needs("corrections.judge")]
        with gr.Row(elem_classes=judging, visible=False) as review:
            comment = gr.Textbox(
                label="Review",
                placeholder="What is to be changed? Enter sends it back to its author",
                elem_id="corrections-comment",
                scale=3,
                min_width=280,
            )
            buttons["accept"] = _button("Accept, next", "accept")
            buttons["reject"] = _button("Send back, next", "reject")
        people = gr.HTML("", elem_id="corrections-people", apply_default_css=False)
        with gr.Accordion("History", open=False, elem_id="corrections-history-box"):
            past = gr.HTML("", elem_id="corrections-history", apply_default_css=False)
            with gr.Row(elem_classes=["tight", needs("corrections.restore")]):
                revision = gr.Dropdown([], label="Revision", elem_id="corrections-revision")
                buttons["restore"] = _button("Restore this revision", "restore")
    return Detail(
        box, title, viewer, answer, buttons, reason, comment, review, people, past, revision, opened
    )


def _lay_out_top() -> dict[str, gr.Button]:
    with gr.Row(elem_classes="tight work-top"):
        return {
            "previous": _button("‹ Previous", "previous", size="sm"),
            "next": _button("Next ›", "next", size="sm"),
            "ask": _button("Ask the model", "ask", size="sm"),
            "flag": _button("⚑ Flag", "flag", size="sm"),
            "another": _button(
                "Correct it too", "another", size="sm", elem_classes=needs("corrections.save")
            ),
            "close": _button("Close", "close", size="sm"),
        }


def _button(label: str, name: str, **options: Any) -> gr.Button:
    width = 120 if options.get("size") == "sm" else 160
    return gr.Button(label, elem_id=f"corrections-{name}", scale=0, min_width=width, **options)


def values(studio: Studio, session: Session, opened: Opened) -> tuple[Any, ...]:
    """For `Detail.outputs`: all of an opened entry. Raises StorageError."""
    store = studio.store
    session.room(Desk).view = opened.view
    work = store.items.get(opened.item_id)
    corrections = store.corrections.of_item(opened.item_id)
    record = None if opened.correction_id is None else store.corrections.get(opened.correction_id)
    past = [] if record is None else store.corrections.history(record.id)
    value = item_value(studio, session.answers, opened)
    # Who corrects an item afresh is not to see what others said of it.
    people = "" if record is None else item_table(store.reviews.agreement(opened.item_id), corrections)
    return (
        opened,
        gr.Column(visible=True),
        _title(work.question, work.answer, record, past),
        value,
        (work.answer if record is None else record.corrected_answer) or "",
        "",
        "",
        gr.Row(visible=record is not None and record.state in _JUDGED),
        people,
        history(past) if past else '<p class="hint">Nobody has submitted anything yet.</p>',
        gr.Dropdown(choices=[(f"Revision {it.revision}", it.revision) for it in past], value=None),
        gr.Button(visible=record is not None and record.state != "deleted"),
        gr.Button(visible=value.get("status") != "done"),
        gr.Button(visible=record is not None),
        gr.Button("⚑ Take the flag away" if record is not None and record.flagged else "⚑ Flag"),
    )


def _title(
    question: str, known: str | None, record: CorrectionRecord | None, past: list[CorrectionRecord]
) -> str:
    if record is None:
        name, line = "To correct", "Draw where the model should look, and give the right answer."
        shown, question = "", question
    else:
        origin = "generated" if record.origin == "generated" else f"by {record.annotator or 'a person'}"
        parts = [origin, STATES[record.state], f"revision {record.revision}"]
        parts += [model_label(record.model)] if record.model else []
        name, line = f"Correction {record.id}", " · ".join(parts + ["⚑ flagged"] * record.flagged)
        shown, question = record.answer_shown.strip(), record.question
    said = [it for it in past if it.comment]
    lines = [("Question", question), ("Answer shown", shown), ("Known answer", known or "")]
    if said and record is not None and record.state in ("rejected", "skipped"):
        lines.append((f"{STATES[record.state]}, {said[-1].author or 'somebody'}", said[-1].comment))
    return (
        f'<div class="detail-title"><h3>{html.escape(name)}</h3>'
        + "".join(f"<p><b>{html.escape(key)}</b> {html.escape(text)}</p>" for key, text in lines if text)
        + f"<p class='hint'>{html.escape(line)}</p></div>"
    )


def history(past: Sequence[CorrectionRecord]) -> str:
    """All revisions of a correction: who, when, what."""
    names = ("Revision", "When (UTC)", "Who", "State", "Regions", "Right answer", "Said")
    rows: list[tuple[Any, ...]] = [
        (
            str(it.revision),
            f"{it.updated_at:%Y-%m-%d %H:%M}",
            it.author or "–",
            STATES[it.state] + (" ⚑" if it.flagged else ""),
            str(len(it.regions)),
            it.corrected_answer or "–",
            it.comment or "–",
        )
        for it in past
    ]
    return table(names, rows)
