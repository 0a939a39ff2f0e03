"""What is open below the work list: look, ask the model, draw, answer, submit, skip, flag, review, go on."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import gradio as gr

from sayo_app.errors import CorrectionError, NotFoundError
from sayo_app.ui.shared.handlers import PRIVATE, guarded, say, typed
from sayo_app.ui.shared.studio import MODEL_QUEUE, Session, Studio, model_label
from sayo_app.ui.viewer import autosave, queries
from sayo_app.ui.viewer.component import viewer
from sayo_app.ui.viewer.page_state import READ_STATE
from sayo_app.ui.worklist import item
from sayo_app.ui.worklist.agreement import history, item_table
from sayo_app.ui.worklist.item import Opened, needs_opened
from sayo_app.ui.worklist.listing import STATES, query_of
from storage.base.records import CorrectionRecord
from storage.work.work_records import WorkQuery

_READ = READ_STATE.format(viewer="corrections-viewer")
_JUDGED = ("submitted", "accepted", "rejected")
_DRAFTED = ("corrections-answer", "corrections-author")


class Detail(NamedTuple):
    box: gr.Column
    title: gr.HTML
    viewer: gr.HTML
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
        shown = [self.box, self.title, self.viewer, *fields, self.people, self.history, self.revision]
        return [self.opened, *shown, *buttons]


def lay_out() -> Detail:
    opened = gr.State(None)
    with gr.Column(visible=False, elem_id="corrections-detail") as box:
        buttons = _lay_out_top()
        title = gr.HTML("", elem_id="corrections-title", apply_default_css=False)
        shown = viewer("corrections-viewer", hint="", editable=True, fields=_DRAFTED[:1], drafts=_DRAFTED)
        with gr.Row(equal_height=False, elem_classes="tight"):
            answer = gr.Textbox(
                label="Right answer",
                placeholder="Empty: the answer shown was right",
                elem_id="corrections-answer",
                scale=3,
                min_width=280,
            )
            buttons["submit"] = _button("Submit, next", "submit", variant="primary")
            buttons["save"] = _button("Save changes", "save")
        with gr.Row(elem_classes="tight"):
            reason = gr.Textbox(
                label="Skip",
                placeholder="Why can it not be corrected? Enter skips it",
                elem_id="corrections-reason",
                scale=3,
                min_width=280,
            )
            buttons["skip"] = _button("Skip, next", "skip")
            buttons["delete"] = _button("Delete", "delete", variant="stop")
        with gr.Row(elem_classes="tight", visible=False) as review:
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
            with gr.Row(elem_classes="tight"):
                revision = gr.Dropdown([], label="Revision", elem_id="corrections-revision")
                buttons["restore"] = _button("Restore this revision", "restore")
    return Detail(box, title, shown, answer, buttons, reason, comment, review, people, past, revision, opened)


def _lay_out_top() -> dict[str, gr.Button]:
    with gr.Row(elem_classes="tight work-top"):
        return {
            "previous": _button("‹ Previous", "previous", size="sm"),
            "next": _button("Next ›", "next", size="sm"),
            "ask": _button("Ask the model", "ask", size="sm"),
            "flag": _button("⚑ Flag", "flag", size="sm"),
            "another": _button("Correct it too", "another", size="sm"),
            "close": _button("Close", "close", size="sm"),
        }


def _button(label: str, name: str, **options: Any) -> gr.Button:
    width = 120 if options.get("size") == "sm" else 160
    return gr.Button(label, elem_id=f"corrections-{name}", scale=0, min_width=width, **options)


def values(studio: Studio, session: Session, opened: Opened) -> tuple[Any, ...]:
    """For `Detail.outputs`: all of an opened entry. Raises StorageError."""
    store = studio.store
    session.work_view = opened.view
    work = store.items.get(opened.item_id)
    corrections = store.corrections.of_item(opened.item_id)
    record = None if opened.correction_id is None else store.corrections.get(opened.correction_id)
    past = [] if record is None else store.corrections.history(record.id)
    value = item.item_value(studio, session.answers, opened)
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


def wire(
    studio: Studio, session: gr.State, detail: Detail, changed: gr.State, filters: tuple[Any, ...]
) -> None:
    """`filters` in the order of `query_of`, the last of them the person's name."""
    boxes = gr.Textbox(visible="hidden")
    _wire_moves(studio, session, detail, filters)
    _wire_ask(studio, session, detail, boxes)
    _wire_submissions(studio, session, detail, boxes, changed, filters)
    _wire_keeping(studio, session, detail, boxes, changed, filters[-1])
    queries.wire(studio, session, detail.viewer)
    autosave.wire(studio, session, detail.viewer)


def _neighbour(studio: Studio, query: WorkQuery, opened: Opened, back: bool = False) -> Opened | None:
    store = studio.store
    try:
        entry = store.worklist.neighbour(query, opened.entry_id, back)
    except NotFoundError:  # somebody else did it meanwhile: the first of those that are left
        entry = next(iter(store.worklist.page(query, limit=1).entries), None)
    return None if entry is None else item.opened_entry(studio, entry)


def _wire_moves(studio: Studio, session: gr.State, detail: Detail, filters: tuple[Any, ...]) -> None:
    def moved(back: bool) -> Callable[..., Any]:
        @guarded
        def on_move(session: Session, opened: Opened | None, *filters: Any) -> Any:
            found = _neighbour(studio, query_of(*filters), needs_opened(opened), back)
            if found is None:
                say("This is the first one of the list." if back else "This is the last one of the list.")
                return gr.skip()
            return values(studio, session, found)

        return on_move

    inputs = [session, detail.opened, *filters]
    detail.buttons["next"].click(moved(False), inputs, detail.outputs, **PRIVATE)
    detail.buttons["previous"].click(moved(True), inputs, detail.outputs, **PRIVATE)

    @guarded
    def on_another(session: Session, opened: Opened | None) -> Any:
        here = needs_opened(opened)
        return values(studio, session, item.opened_item(here.entry_id, here.item_id))

    detail.buttons["another"].click(on_another, [session, detail.opened], detail.outputs, **PRIVATE)

    def on_close(session: Session) -> Any:
        session.work_view = ""
        return None, gr.Column(visible=False)

    detail.buttons["close"].click(on_close, session, [detail.opened, detail.box], **PRIVATE)


def _wire_ask(studio: Studio, session: gr.State, detail: Detail, boxes: gr.Textbox) -> None:
    @guarded
    def on_ask(boxes: str, session: Session, opened: Opened | None) -> Iterator[Any]:
        if studio.model_state[0] == "loading":
            say("The model is still being loaded. The answer comes as soon as it is there.")
        yield from item.ask(studio, session, needs_opened(opened), boxes)

    detail.buttons["ask"].click(
        on_ask,
        [boxes, session, detail.opened],
        detail.viewer,
        js=_READ,
        concurrency_id=MODEL_QUEUE,
        concurrency_limit=1,
        **PRIVATE,
    )


def _wire_submissions(
    studio: Studio,
    session: gr.State,
    detail: Detail,
    boxes: gr.Textbox,
    changed: gr.State,
    filters: tuple[Any, ...],
) -> None:
    """What ends with the next item of the list: submit, skip, accept, send back."""

    def going_on(act: Callable[..., CorrectionRecord], done: str) -> Callable[..., Any]:
        @guarded
        def on_act(
            boxes: str,
            session: Session,
            opened: Opened | None,
            changed: int,
            field: str | None,
            *filters: Any,
        ) -> Any:
            here = needs_opened(opened)
            # Asked before: the item may leave the list by what is done now.
            following = _neighbour(studio, query_of(*filters), here)
            record = act(session, here, boxes, field, filters[-1])
            say(f"Correction {record.id} {done}.{'' if following else ' It was the last one of the list.'}")
            return changed + 1, *values(studio, session, following or item.entry_of(studio, record))

        return on_act

    def submit(session: Session, here: Opened, boxes: str, answer: str, author: str) -> CorrectionRecord:
        return item.submit(studio, session, here, boxes, answer, author)

    def skip(session: Session, here: Opened, boxes: str, reason: str, author: str) -> CorrectionRecord:
        return item.skip(studio, session, here, reason, author)

    def judging(verdict: str) -> Callable[..., CorrectionRecord]:
        def judge(session: Session, here: Opened, boxes: str, comment: str, author: str) -> CorrectionRecord:
            if here.correction_id is None:
                raise CorrectionError(
                    expected="a correction to review", got="an item to do", remedy="Correct it first."
                )
            return studio.store.reviews.judge(
                here.correction_id, verdict, typed(comment), typed(author), here.revision
            )

        return judge

    acts = (
        (detail.buttons["submit"].click, submit, detail.answer, "submitted"),
        (detail.buttons["skip"].click, skip, detail.reason, "skipped"),
        (detail.reason.submit, skip, detail.reason, "skipped"),
        (detail.buttons["accept"].click, judging("accept"), detail.comment, "accepted"),
        (detail.buttons["reject"].click, judging("reject"), detail.comment, "sent back to its author"),
        (detail.comment.submit, judging("reject"), detail.comment, "sent back to its author"),
    )
    for event, act, field, done in acts:
        inputs = [boxes, session, detail.opened, changed, field, *filters]
        event(going_on(act, done), inputs, [changed, *detail.outputs], js=_READ, **PRIVATE)


def _wire_keeping(
    studio: Studio,
    session: gr.State,
    detail: Detail,
    boxes: gr.Textbox,
    changed: gr.State,
    author: gr.Textbox,
) -> None:
    """What leaves the item open: save, flag, delete, restore."""
    store = studio.store

    def staying(act: Callable[..., tuple[CorrectionRecord, str]]) -> Callable[..., Any]:
        @guarded
        def on_act(
            boxes: str, session: Session, opened: Opened | None, changed: int, author: str | None, *field: Any
        ) -> Any:
            record, done = act(session, needs_opened(opened), boxes, typed(author), *field)
            say(f"Correction {record.id} {done}")
            return changed + 1, *values(studio, session, item.entry_of(studio, record))

        return on_act

    def save(session: Session, here: Opened, boxes: str, author: str, answer: str | None) -> Any:
        record = item.submit(studio, session, here, boxes, answer, author)
        return record, f"saved as revision {record.revision}."

    def flag(session: Session, here: Opened, boxes: str, author: str, answer: str | None) -> Any:
        record = item.flag(studio, session, here, boxes, answer, author)
        return record, "flagged." if record.flagged else "is no longer flagged."

    def delete(session: Session, here: Opened, boxes: str, author: str) -> Any:
        record = store.corrections.delete(_number(here), author=author)
        return record, "deleted. Its history is kept: show deleted ones to restore it."

    def restore(session: Session, here: Opened, boxes: str, author: str, revision: int | None) -> Any:
        if revision is None:
            raise CorrectionError(expected="a revision", got="none", remedy="Choose one in the list first.")
        record = store.corrections.restore(_number(here), int(revision), author=author)
        return record, f"is as it was at revision {revision}."

    acts: tuple[tuple[str, Callable[..., Any], list[Any]], ...] = (
        ("save", save, [detail.answer]),
        ("flag", flag, [detail.answer]),
        ("delete", delete, []),
        ("restore", restore, [detail.revision]),
    )
    for name, act, fields in acts:
        inputs = [boxes, session, detail.opened, changed, author, *fields]
        outputs = [changed, *detail.outputs]
        detail.buttons[name].click(staying(act), inputs, outputs, js=_READ, **PRIVATE)


def _number(opened: Opened) -> int:
    if opened.correction_id is None:
        raise CorrectionError(expected="a stored correction", got="an item to do", remedy="Save it first.")
    return opened.correction_id
