"""Drafts of the Correct tab: every edit is kept, and offered again on the same picture and question."""

from __future__ import annotations

from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from sayo_app.errors import ConflictError, CorrectionError, StorageError
from sayo_app.ui.answers import Answered
from sayo_app.ui.handlers import PRIVATE, guarded, typed
from sayo_app.ui.studio import Session, Studio, fitted
from storage.store import Store
from storage.work_records import Draft

_READ_ONLY = "Nothing can be saved: the store can only be read."


def wire(studio: Studio, session: gr.State, shown: gr.HTML) -> None:
    """Answer the draft events of a viewer."""

    @guarded
    def on_draft(session: Session, event: gr.EventData) -> Any:
        answered = session.answers.get(event.id)
        return gr.skip() if answered is None else gr.HTML(draft=draft_reply(studio, session, answered, event))

    shown.drafted(on_draft, session, shown, trigger_mode="multiple", **PRIVATE)


def draft_reply(studio: Studio, session: Session, answered: Answered, event: Any) -> dict[str, Any]:
    """What the page is told after it asked for a draft (`op` is "load") or sent one ("save").

    Raises:
        CorrectionError, RegionError, StorageError: it cannot be kept.
    """
    store, author = studio.store, typed(event.author)
    reply = {"id": event.id, "op": event.op}
    if event.op == "load":
        found = find_draft(store, answered, author)
        return reply if found is None else reply | _told(found)
    if store.read_only:
        return reply | {"version": 0, "off": _READ_ONLY}
    content = checked(event.content, answered.pictures[0])
    item = store.add_item(
        picture_id=store.add_picture(answered.pictures[0]).id, question=answered.question, wanted=0
    )
    there = store.get_draft(item.id, author)
    # A draft that was saved as a correction or thrown away can be begun again: nothing is written over.
    version = there.version if there.content is None else int(event.version)
    session.drafted.add((item.id, author))
    try:
        kept = store.save_draft(item.id, content=content, version=version, author=author, tab=str(event.tab))
    except ConflictError as error:
        return reply | _told(store.get_draft(item.id, author)) | {"conflict": str(error)}
    return reply | {"version": kept.version}


def checked(content: Any, picture: Image.Image) -> dict[str, Any]:
    """A draft as the page sent it, with its regions checked against the server's picture.

    Raises:
        CorrectionError, RegionError: it is something else.
    """
    try:
        regions, earlier, answer = content["regions"], content["earlier"], content["answer"]
        if isinstance(answer, str):
            kept = [[region.to_dict() for region in fitted(part, picture)] for part in (regions, earlier)]
            return {"regions": kept[0], "earlier": kept[1], "answer": answer}
    except (KeyError, TypeError):
        pass
    raise CorrectionError(
        expected="a draft from the page", got=repr(content)[:80], remedy="Reload the page and draw it again."
    )


def find_draft(store: Store, answered: Answered, author: str) -> Draft | None:
    """The author's open draft on the same pixels and question. Looking stores nothing."""
    picture = answered.pictures[0]
    for draft in store.list_drafts(author):
        item = store.get_item(draft.item_id)
        if draft.revises is None and item.question == answered.question.strip():
            try:
                same = _same_pixels(store.load_picture(item.picture_id), picture)
            except StorageError:
                continue  # its picture is lost, so it is not on this one
            if same:
                return draft
    return None


def discard_drafts(store: Store, session: Session) -> None:
    """What this tab kept is a correction now."""
    for item_id, author in session.drafted:
        store.discard_draft(item_id, author)
    session.drafted.clear()


def _same_pixels(one: Image.Image, other: Image.Image) -> bool:
    return one.size == other.size and np.array_equal(np.asarray(one), np.asarray(other.convert("RGB")))


def _told(draft: Draft) -> dict[str, Any]:
    when = "" if draft.updated_at is None else f"{draft.updated_at:%Y-%m-%d %H:%M} UTC"
    return {"version": draft.version, "content": draft.content, "when": when}
