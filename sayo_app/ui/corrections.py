"""Corrections: a gallery of what is stored; open, edit, delete as a revision, history."""

from __future__ import annotations

import html
from typing import Any, NamedTuple

import gradio as gr

from sayo_app.errors import CorrectionError, StorageError
from sayo_app.ui import drafts, inspect
from sayo_app.ui.answers import Answered, Answers, draft_name
from sayo_app.ui.cards import cards, cards_value, thumbnail
from sayo_app.ui.handlers import PRIVATE, guarded, say, typed
from sayo_app.ui.page_state import READ_STATE, PageState
from sayo_app.ui.studio import Session, Studio, counted, fitted, model_label
from sayo_app.ui.viewer import answer_value, picture_value, viewer
from storage.records import CorrectionRecord

_PAGE = 24
_EMPTY = (
    "No corrections yet. Ask a question, then draw in the Correct tab where the model should have looked."
)
_OTHER_MODEL = "Another model gave this answer: start the app with that one."
_ORIGINS = {"All": None, "Drawn by people": "person", "Generated": "generated"}


class _Listing(NamedTuple):
    origin: gr.Radio
    deleted: gr.Checkbox
    page: gr.Number
    newer: gr.Button
    older: gr.Button
    summary: gr.Markdown
    gallery: gr.HTML


class _Detail(NamedTuple):
    box: gr.Column
    title: gr.HTML
    viewer: gr.HTML
    answer: gr.Textbox
    author: gr.Textbox
    save: gr.Button
    delete: gr.Button
    close: gr.Button
    history: gr.HTML
    revision: gr.Dropdown
    restore: gr.Button

    @property
    def outputs(self) -> list[Any]:
        """What `_detail_values` fills."""
        return [self.box, self.title, self.viewer, self.answer, self.history, self.revision]


def build(studio: Studio, session: gr.State, changed: gr.State, tab: gr.Tab) -> None:
    """Lay out the tab; `changed` counts changes of the store and refreshes the gallery."""
    listing = _lay_out_listing()
    opened = gr.State(None)
    detail = _lay_out_detail()
    filters: list[Any] = [listing.origin, listing.deleted, listing.page, opened]
    listed: list[Any] = [listing.gallery, listing.summary, listing.page]

    def turned(by: int) -> Any:
        @guarded
        def on_list(origin: str, deleted: bool, page: float, opened: int | None) -> Any:
            return _listing(studio, _ORIGINS.get(origin), deleted, int(page) + by, opened)

        return on_list

    refreshes = [changed.change, tab.select, listing.origin.change, listing.deleted.change]
    gr.on(refreshes, turned(0), filters, listed, **PRIVATE)
    listing.newer.click(turned(-1), filters, listed, **PRIVATE)
    listing.older.click(turned(1), filters, listed, **PRIVATE)

    @guarded
    def on_pick(session: Session, event: gr.EventData) -> Any:
        record = studio.store.get_correction(int(event.id))
        return record.id, *_detail_values(studio, session, record)

    picked = listing.gallery.pick(on_pick, session, [opened, *detail.outputs], **PRIVATE)
    picked.then(turned(0), filters, listed, **PRIVATE)
    detail.close.click(lambda: (None, gr.Column(visible=False)), None, [opened, detail.box], **PRIVATE)
    _wire_detail(studio, session, detail, opened, changed)


def _lay_out_listing() -> _Listing:
    with gr.Row(elem_classes="tight", equal_height=True):
        origin = gr.Radio(
            list(_ORIGINS), value="All", show_label=False, container=False, elem_id="corrections-origin"
        )
        deleted = gr.Checkbox(
            label="Show deleted", container=False, scale=0, min_width=140, elem_id="corrections-deleted"
        )
        page = gr.Number(1, visible=False)
        newer = gr.Button("‹ Newer", size="sm", elem_id="corrections-newer", scale=0, min_width=100)
        older = gr.Button("Older ›", size="sm", elem_id="corrections-older", scale=0, min_width=100)
    count = gr.Markdown("", elem_classes="hint", elem_id="corrections-count")
    gallery = cards("corrections-gallery", cards_value([], _EMPTY))
    return _Listing(origin, deleted, page, newer, older, count, gallery)


def _lay_out_detail() -> _Detail:
    with gr.Column(visible=False, elem_id="corrections-detail") as box:
        title = gr.HTML("", elem_id="corrections-title", apply_default_css=False)
        fields = ("corrections-answer", "corrections-author")
        shown = viewer("corrections-viewer", hint="", editable=True, fields=fields[:1], drafts=fields)
        with gr.Row(equal_height=False):
            answer = gr.Textbox(
                label="Right answer",
                placeholder="Empty: the answer shown was right",
                elem_id="corrections-answer",
                scale=3,
                min_width=280,
            )
            author = gr.Textbox(
                label="Your name (optional)", elem_id="corrections-author", scale=2, min_width=200
            )
        with gr.Row(elem_classes="tight"):
            save = gr.Button("Save changes", variant="primary", elem_id="corrections-save")
            delete = gr.Button("Delete", variant="stop", elem_id="corrections-delete")
            close = gr.Button("Close", elem_id="corrections-close")
        with gr.Accordion("History", open=False, elem_id="corrections-history-box"):
            history = gr.HTML("", elem_id="corrections-history", apply_default_css=False)
            with gr.Row(elem_classes="tight"):
                revision = gr.Dropdown([], label="Revision", elem_id="corrections-revision")
                restore = gr.Button("Restore this revision", elem_id="corrections-restore")
    return _Detail(box, title, shown, answer, author, save, delete, close, history, revision, restore)


def _wire_detail(
    studio: Studio, session: gr.State, detail: _Detail, opened: gr.State, changed: gr.State
) -> None:
    store = studio.store

    @guarded
    def on_save(
        boxes: str,
        session: Session,
        opened: int | None,
        answer: str | None,
        author: str | None,
        changed: int,
    ) -> Any:
        record = save_changes(studio, _opened(studio, opened), boxes, answer, author)
        drafts.discard_drafts(store, session, record, record.id)
        say(f"Correction {record.id} saved as revision {record.revision}.")
        return changed + 1, *_detail_values(studio, session, record)

    @guarded
    def on_delete(session: Session, opened: int | None, author: str | None, changed: int) -> Any:
        record = store.delete_correction(_opened(studio, opened).id, author=typed(author))
        say(f"Correction {record.id} deleted. Its history is kept: show deleted ones to restore it.")
        return changed + 1, *_detail_values(studio, session, record)

    @guarded
    def on_restore(
        session: Session,
        opened: int | None,
        revision: int | None,
        author: str | None,
        changed: int,
    ) -> Any:
        record = _opened(studio, opened)
        if revision is None:
            raise CorrectionError(expected="a revision", got="none", remedy="Choose one in the list first.")
        record = store.restore_correction(record.id, int(revision), author=typed(author))
        say(f"Correction {record.id} is as it was at revision {revision}.")
        return changed + 1, *_detail_values(studio, session, record)

    boxes = gr.Textbox(visible="hidden")
    outputs = [changed, *detail.outputs]
    read_boxes_js = READ_STATE.format(viewer="corrections-viewer")
    fields = [detail.answer, detail.author, changed]
    detail.save.click(on_save, [boxes, session, opened, *fields], outputs, js=read_boxes_js, **PRIVATE)
    detail.delete.click(on_delete, [session, opened, detail.author, changed], outputs, **PRIVATE)
    detail.restore.click(
        on_restore, [session, opened, detail.revision, detail.author, changed], outputs, **PRIVATE
    )
    inspect.wire(studio, session, detail.viewer)
    drafts.wire(studio, session, detail.viewer)


def save_changes(
    studio: Studio, record: CorrectionRecord, boxes: str, answer: str | None, author: str | None
) -> CorrectionRecord:
    """A new revision with the boxes on the page and what was typed.

    Raises:
        CorrectionError, RegionError, StorageError
    """
    state = PageState.read(boxes)
    if not state.id.startswith(f"correction-{record.id}-"):
        raise CorrectionError(
            expected=f"the boxes of correction {record.id}",
            got="those of another one",
            remedy="Open the correction again.",
        )
    picture = studio.store.load_picture(record.picture_id)
    return studio.store.revise_correction(
        record.id,
        author=typed(author),
        regions=tuple(fitted([*state.regions], picture)),
        corrected_answer=typed(answer) or None,
    )


def correction_value(studio: Studio, answers: Answers, record: CorrectionRecord) -> dict[str, Any]:
    """What a viewer shows of a stored correction: with maps where its trace can still be read."""
    picture = studio.store.load_picture(record.picture_id)
    value = picture_value(picture, record.picture_id)
    answer_id = f"correction-{record.id}-{record.revision}"
    if record.trace_id is not None:
        try:
            trace = studio.store.load_trace(record.trace_id)
        except StorageError:
            pass  # a lost trace takes the overlay away, not the correction
        else:
            answered = Answered(
                answer_id,
                (picture,),
                record.question,
                trace,
                adapter_id=record.adapter_id,
                recorded=None if record.model == studio.settings.model else _OTHER_MODEL,
                revises=record.id,
            )
            return answer_value(value, answers.remember(answered), record.regions)
    draft = draft_name(record.picture_id, record.question, record.id)
    regions = [region.to_dict() for region in record.regions]
    return value | {"id": answer_id, "regions": regions, "draft": draft}


def _opened(studio: Studio, opened: int | None) -> CorrectionRecord:
    if opened is None:
        raise CorrectionError(expected="an open correction", got="none", remedy="Choose one in the gallery.")
    return studio.store.get_correction(opened)


def _listing(studio: Studio, origin: str | None, deleted: bool, page: int, opened: int | None) -> Any:
    records = studio.store.list_corrections(include_deleted=deleted, origin=origin)
    pages = max(1, -(-len(records) // _PAGE))
    page = min(max(page, 1), pages)
    items = [_card(studio, record, opened) for record in records[(page - 1) * _PAGE : page * _PAGE]]
    people = sum(record.origin == "person" for record in records)
    text = f"{counted(len(records), 'correction')}: {people} by people, {len(records) - people} generated."
    if pages > 1:
        text += f" Page {page} of {pages}."
    return cards_value(items, _EMPTY), text if records else "", page


def _card(studio: Studio, record: CorrectionRecord, opened: int | None) -> dict[str, Any]:
    try:
        src = thumbnail(studio.store.load_picture(record.picture_id), record.regions)
    except StorageError:
        src = ""
    answer = record.corrected_answer
    lines = [f"Right answer: {answer}" if answer else "The answer was right"]
    if record.state == "deleted":
        lines.append("deleted")
    generated = record.origin == "generated"
    badge = {"kind": record.origin, "text": "generated" if generated else record.author or "person"}
    return {
        "id": record.id, "src": src, "badge": badge, "title": record.question, "lines": lines,
        "active": record.id == opened,
    }  # fmt: skip


def _detail_values(studio: Studio, session: Session, record: CorrectionRecord) -> tuple[Any, ...]:
    past = studio.store.correction_history(record.id)
    revisions = [it.revision for it in past]
    return (
        gr.Column(visible=True),
        _title(record),
        correction_value(studio, session.answers, record),
        record.corrected_answer or "",
        _history(past),
        gr.Dropdown(choices=[(f"Revision {number}", number) for number in revisions], value=None),
    )


def _title(record: CorrectionRecord) -> str:
    shown = record.answer_shown.strip()
    origin = "generated" if record.origin == "generated" else "drawn by a person"
    return (
        f'<div class="detail-title"><h3>Correction {record.id}</h3>'
        f"<p><b>Question</b> {html.escape(record.question)}</p>"
        + (f"<p><b>Answer shown</b> {html.escape(shown)}</p>" if shown else "")
        + f"<p class='hint'>{origin} · {record.state} · revision {record.revision} · "
        f"{html.escape(model_label(record.model))}</p></div>"
    )


def _history(past: list[CorrectionRecord]) -> str:
    names = ("Revision", "When (UTC)", "Who", "State", "Boxes", "Right answer")
    table = "<tr>" + "".join(f"<th>{name}</th>" for name in names) + "</tr>"
    for it in past:
        cells = (
            str(it.revision),
            f"{it.updated_at:%Y-%m-%d %H:%M}",
            html.escape(it.author or "–"),
            it.state,
            str(len(it.regions)),
            html.escape(it.corrected_answer or "–"),
        )
        table += "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
    return f'<table class="plain-table">{table}</table>'
