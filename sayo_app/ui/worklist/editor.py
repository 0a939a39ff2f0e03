"""What is open below the work list: look, ask the model, draw, answer, submit, skip, flag, review, go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from sayo_app.access.current import author_name
from sayo_app.errors import CorrectionError, NotFoundError
from sayo_app.ui.shared.handlers import ON_MODEL, PRIVATE, does, guarded, say, say_if_loading, typed
from sayo_app.ui.shared.session import Session
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.viewer.page_state import PageState
from sayo_app.ui.worklist import item
from sayo_app.ui.worklist.detail import Detail, values
from sayo_app.ui.worklist.filters import Filters, query_of
from sayo_app.ui.worklist.opened import (
    Desk,
    Opened,
    entry_of,
    needs_opened,
    opened_entry,
    opened_item,
)
from storage.base.records import CorrectionRecord
from storage.work.work_records import WorkQuery


def wire(studio: Studio, session: gr.State, detail: Detail, changed: gr.State, filters: Filters) -> None:
    """All that can be done with what is open; `filters` say which one comes next, and who does it."""
    boxes = gr.Textbox(visible="hidden")
    _wire_moves(studio, session, detail, filters)
    _wire_ask(studio, session, detail, boxes)
    _wire_submissions(studio, session, detail, boxes, changed, filters)
    _wire_keeping(studio, session, detail, boxes, changed, filters.author)
    detail.viewer.wire(studio, session)


def _neighbour(studio: Studio, query: WorkQuery, opened: Opened, back: bool = False) -> Opened | None:
    store = studio.store
    try:
        entry = store.worklist.neighbour(query, opened.entry_id, back)
    except NotFoundError:  # somebody else did it meanwhile: the first of those that are left
        entry = next(iter(store.worklist.page(query, limit=1).entries), None)
    return None if entry is None else opened_entry(studio, entry)


def _wire_moves(studio: Studio, session: gr.State, detail: Detail, filters: Filters) -> None:
    def moved(back: bool) -> Callable[..., Any]:
        @does("look")
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

    @does("look")
    @guarded
    def on_another(session: Session, opened: Opened | None) -> Any:
        here = needs_opened(opened)
        return values(studio, session, opened_item(here.entry_id, here.item_id))

    detail.buttons["another"].click(on_another, [session, detail.opened], detail.outputs, **PRIVATE)

    @does("look")
    def on_close(session: Session) -> Any:
        session.room(Desk).view = None
        return None, gr.Column(visible=False)

    detail.buttons["close"].click(on_close, session, [detail.opened, detail.box], **PRIVATE)


def _wire_ask(studio: Studio, session: gr.State, detail: Detail, boxes: gr.Textbox) -> None:
    @does("ask")
    @guarded
    def on_ask(boxes: str, session: Session, opened: Opened | None) -> Iterator[Any]:
        say_if_loading(studio)
        yield from item.ask(studio, session, needs_opened(opened), PageState.read(boxes))

    detail.buttons["ask"].click(
        on_ask,
        [boxes, session, detail.opened],
        detail.viewer.component,
        js=detail.viewer.read_state,
        **ON_MODEL,
    )


def _wire_submissions(
    studio: Studio,
    session: gr.State,
    detail: Detail,
    boxes: gr.Textbox,
    changed: gr.State,
    filters: Filters,
) -> None:
    """What ends with the next item of the list: submit, skip, accept, send back."""

    def going_on(action: str, act: Callable[..., CorrectionRecord], done: str) -> Callable[..., Any]:
        @does(action)
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
            return changed + 1, *values(studio, session, following or entry_of(studio, record))

        return on_act

    def submit(session: Session, here: Opened, boxes: str, answer: str, author: str) -> CorrectionRecord:
        return item.submit(studio, session, here, PageState.read(boxes), answer, author)

    def skip(session: Session, here: Opened, boxes: str, reason: str, author: str) -> CorrectionRecord:
        return item.skip(studio, session, here, reason, author)

    judge, back = "corrections.judge", "sent back to its author"
    acts = (
        (detail.buttons["submit"].click, "corrections.save", submit, detail.answer, "submitted"),
        (detail.buttons["skip"].click, "corrections.skip", skip, detail.reason, "skipped"),
        (detail.reason.submit, "corrections.skip", skip, detail.reason, "skipped"),
        (detail.buttons["accept"].click, judge, _judging(studio, "accept"), detail.comment, "accepted"),
        (detail.buttons["reject"].click, judge, _judging(studio, "reject"), detail.comment, back),
        (detail.comment.submit, judge, _judging(studio, "reject"), detail.comment, back),
    )
    for event, action, act, field, done in acts:
        inputs = [boxes, session, detail.opened, changed, field, *filters]
        event(
            going_on(action, act, done),
            inputs,
            [changed, *detail.outputs],
            js=detail.viewer.read_state,
            **PRIVATE,
        )


def _judging(studio: Studio, verdict: str) -> Callable[..., CorrectionRecord]:
    def judge(session: Session, here: Opened, boxes: str, comment: str, author: str) -> CorrectionRecord:
        if here.correction_id is None:
            raise CorrectionError(
                expected="a correction to review", got="an item to do", remedy="Correct it first."
            )
        return studio.store.reviews.judge(
            here.correction_id, verdict, typed(comment), author_name(author), here.revision
        )

    return judge


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

    def staying(action: str, act: Callable[..., tuple[CorrectionRecord, str]]) -> Callable[..., Any]:
        @does(action)
        @guarded
        def on_act(
            boxes: str, session: Session, opened: Opened | None, changed: int, author: str | None, *field: Any
        ) -> Any:
            record, done = act(session, needs_opened(opened), boxes, author_name(author), *field)
            say(f"Correction {record.id} {done}")
            return changed + 1, *values(studio, session, entry_of(studio, record))

        return on_act

    def save(session: Session, here: Opened, boxes: str, author: str, answer: str | None) -> Any:
        record = item.submit(studio, session, here, PageState.read(boxes), answer, author)
        return record, f"saved as revision {record.revision}."

    def flag(session: Session, here: Opened, boxes: str, author: str, answer: str | None) -> Any:
        record = item.flag(studio, session, here, PageState.read(boxes), answer, author)
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
        acting = staying(f"corrections.{name}", act)
        detail.buttons[name].click(acting, inputs, outputs, js=detail.viewer.read_state, **PRIVATE)


def _number(opened: Opened) -> int:
    if opened.correction_id is None:
        raise CorrectionError(expected="a stored correction", got="an item to do", remedy="Save it first.")
    return opened.correction_id
