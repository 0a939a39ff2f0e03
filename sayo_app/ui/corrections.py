"""Corrections: a gallery of what is stored; open, edit, delete as a revision, history."""

from __future__ import annotations

import html
from typing import Any

import gradio as gr

from sayo_app.errors import CorrectionError, StorageError
from sayo_app.ui.cards import cards, cards_value, thumbnail
from sayo_app.ui.correct import READ_BOXES, read_boxes
from sayo_app.ui.figures import region_numbers
from sayo_app.ui.handlers import guarded, say
from sayo_app.ui.studio import Studio, fitted
from sayo_app.ui.viewer import answer_value, picture_value, viewer
from storage.records import CorrectionRecord

_PAGE = 24
_EMPTY = (
    "No corrections yet. Ask a question, then draw in the Correct tab where the model should have looked."
)
_ORIGINS = {"All": None, "Drawn by people": "person", "Generated": "generated"}


def build(studio: Studio, changed: gr.State, tab: gr.Tab) -> None:
    """Lay out the tab; `changed` counts changes of the store and refreshes the gallery."""
    with gr.Row(elem_classes="tight", equal_height=True):
        origin = gr.Radio(
            list(_ORIGINS), value="All", show_label=False, container=False, elem_id="corrections-origin"
        )
        deleted = gr.Checkbox(label="Show deleted", container=False, elem_id="corrections-deleted")
        page = gr.Number(1, visible=False)
        earlier = gr.Button("‹ Newer", size="sm", elem_id="corrections-newer")
        later = gr.Button("Older ›", size="sm", elem_id="corrections-older")
    count = gr.Markdown("", elem_classes="hint", elem_id="corrections-count")
    gallery = cards("corrections-gallery", cards_value([], _EMPTY))
    opened = gr.State(None)
    with gr.Column(visible=False, elem_id="corrections-detail") as detail:
        title = gr.HTML("", elem_id="corrections-title", apply_default_css=False)
        shown = viewer("corrections-viewer", hint="", editable=True)
        with gr.Row(equal_height=False):
            with gr.Column(scale=3, min_width=280):
                answer = gr.Textbox(label="Right answer", elem_id="corrections-answer",
                                    placeholder="Empty: the answer shown was right")  # fmt: skip
            with gr.Column(scale=2, min_width=200):
                author = gr.Textbox(label="Your name (optional)", elem_id="corrections-author")
        with gr.Row(elem_classes="tight"):
            save = gr.Button("Save changes", variant="primary", elem_id="corrections-save")
            delete = gr.Button("Delete", variant="stop", elem_id="corrections-delete")
            close = gr.Button("Close", elem_id="corrections-close")
        with gr.Accordion("History", open=False, elem_id="corrections-history-box"):
            history = gr.HTML("", elem_id="corrections-history", apply_default_css=False)
            with gr.Row(elem_classes="tight"):
                revision = gr.Dropdown([], label="Revision", elem_id="corrections-revision")
                restore = gr.Button("Restore this revision", elem_id="corrections-restore")
    boxes = gr.Textbox(visible="hidden")
    listing, parts = [gallery, count, page], [detail, title, shown, answer, history, revision]
    private: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}

    def listed(origin: str, deleted: bool, page: float, opened: int | None) -> Any:
        return _listing(studio, _ORIGINS.get(origin), deleted, int(page), opened)

    def pages(by: int) -> Any:
        return guarded(lambda origin, deleted, page, opened: listed(origin, deleted, page + by, opened))

    filters = [origin, deleted, page, opened]
    gr.on(
        [changed.change, tab.select, origin.change, deleted.change],
        guarded(listed),
        filters,
        listing,
        **private,
    )
    earlier.click(pages(-1), filters, listing, **private)
    later.click(pages(1), filters, listing, **private)

    @guarded
    def on_pick(event: gr.EventData) -> Any:
        record = studio.store.get_correction(int(event.id))
        return record.id, *_detail(studio, record)

    gallery.pick(on_pick, None, [opened, *parts], **private).then(
        guarded(listed), filters, listing, **private
    )
    close.click(lambda: (None, gr.Column(visible=False)), None, [opened, detail], **private)

    @guarded
    def on_save(boxes: str, opened: int | None, answer: str, author: str, changed: int) -> Any:
        record = _opened(studio, opened)
        _, drawn = read_boxes(boxes)
        picture = studio.store.load_picture(record.picture_id)
        record = studio.store.revise_correction(
            record.id, author=author.strip(), regions=tuple(fitted(drawn, picture)),
            corrected_answer=answer.strip() or None,
        )  # fmt: skip
        say(f"Correction {record.id} saved as revision {record.revision}.")
        return changed + 1, *_detail(studio, record)

    @guarded
    def on_delete(opened: int | None, author: str, changed: int) -> Any:
        record = studio.store.delete_correction(_opened(studio, opened).id, author=author.strip())
        say(f"Correction {record.id} deleted. Its history is kept: show deleted ones to restore it.")
        return changed + 1, *_detail(studio, record)

    @guarded
    def on_restore(opened: int | None, revision: int | None, changed: int) -> Any:
        record = _opened(studio, opened)
        if revision is None:
            raise CorrectionError(expected="a revision", got="none", remedy="Choose one in the list first.")
        record = studio.store.restore_correction(record.id, int(revision))
        say(f"Correction {record.id} is as it was at revision {revision}.")
        return changed + 1, *_detail(studio, record)

    save.click(on_save, [boxes, opened, answer, author, changed], [changed, *parts],
               js=READ_BOXES.format(viewer="corrections-viewer"), **private)  # fmt: skip
    delete.click(on_delete, [opened, author, changed], [changed, *parts], **private)
    restore.click(on_restore, [opened, revision, changed], [changed, *parts], **private)

    @guarded
    def on_regions(opened: int | None, event: gr.EventData) -> Any:
        record = _opened(studio, opened)
        if record.trace_id is None or not event.regions:
            return gr.skip()
        regions = fitted(event.regions, studio.store.load_picture(record.picture_id))
        numbers = region_numbers(studio.store.load_trace(record.trace_id), regions)
        return gr.HTML(numbers={"id": event.id, "revision": event.revision, **numbers})

    shown.regions(on_regions, opened, shown, queue=False, trigger_mode="multiple", **private)


def correction_value(studio: Studio, record: CorrectionRecord) -> dict[str, Any]:
    """What a viewer shows of a stored correction: with maps where its trace can still be read."""
    picture = studio.store.load_picture(record.picture_id)
    value = picture_value(picture, record.picture_id)
    answer_id = f"correction-{record.id}-{record.revision}"
    if record.trace_id is not None:
        try:
            trace = studio.store.load_trace(record.trace_id)
            return answer_value(value, answer_id, trace, record.regions)
        except StorageError:
            pass  # a lost trace takes the overlay away, not the correction
    return value | {"id": answer_id, "regions": [region.to_dict() for region in record.regions]}


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
    text = f"{len(records)} corrections: {people} drawn by people, {len(records) - people} generated."
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


def _detail(studio: Studio, record: CorrectionRecord) -> tuple[Any, ...]:
    past = studio.store.correction_history(record.id)
    revisions = [it.revision for it in past]
    return (
        gr.Column(visible=True),
        _title(record),
        correction_value(studio, record),
        record.corrected_answer or "",
        _history(past),
        gr.Dropdown(choices=[(f"Revision {number}", number) for number in revisions], value=None),
    )


def _title(record: CorrectionRecord) -> str:
    shown = record.answer_shown.replace("<|im_end|>", "").strip()
    origin = "generated" if record.origin == "generated" else "drawn by a person"
    return (
        f'<div class="detail-title"><h3>Correction {record.id}</h3>'
        f"<p><b>Question</b> {html.escape(record.question)}</p>"
        + (f"<p><b>Answer shown</b> {html.escape(shown)}</p>" if shown else "")
        + f"<p class='hint'>{origin} · {record.state} · revision {record.revision} · model "
        f"{html.escape(record.model)}</p></div>"
    )


def _history(past: list[CorrectionRecord]) -> str:
    rows = "".join(
        f"<tr><td>{it.revision}</td><td>{it.updated_at:%Y-%m-%d %H:%M}</td><td>{html.escape(it.author or '–')}</td>"
        f"<td>{it.state}</td><td>{len(it.regions)}</td><td>{html.escape(it.corrected_answer or '–')}</td></tr>"
        for it in past
    )
    head = "".join(
        f"<th>{name}</th>" for name in ("Revision", "When (UTC)", "Who", "State", "Boxes", "Right answer")
    )
    return f'<table class="plain-table"><tr>{head}</tr>{rows}</table>'
