"""Drafts: every edit is kept, and offered again on the same picture and question, item or correction."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import gradio as gr
from PIL import Image

from sayo_app.errors import ConflictError, CorrectionError, SayoError
from sayo_app.ui.shared.answers import Answers
from sayo_app.ui.shared.handlers import PRIVATE, typed
from sayo_app.ui.shared.studio import Session, Studio, fitted
from storage.base.records import CorrectionRecord
from storage.store import Store
from storage.work.drafts import nameless
from storage.work.work_records import Draft

# The fields of the Correct tab, for `viewer(drafts=)`.
CORRECT_FIELDS = ("correct-answer", "correct-author")
_READ_ONLY = "Nothing can be saved: the store can only be read."
_BROWSER = re.compile(r"[0-9a-f]{32}")
_CORRECTION = re.compile(r"correction-(\d+)-")
_ITEM = re.compile(r"item-(\d+)-")


@dataclass(frozen=True)
class Drawn:
    """What is drawn on.

    Attributes:
        picture_id: as the store calls its pixels.
        item_id: None for a question that the store may not know yet.
        revises: the correction that is changed; None for a new one.
    """

    picture: Image.Image
    picture_id: str
    question: str
    item_id: int | None = None
    revises: int | None = None


def wire(studio: Studio, session: gr.State, shown: gr.HTML) -> None:
    """Answer the draft events of a viewer."""

    def on_draft(session: Session, event: gr.EventData) -> Any:
        return gr.HTML(draft=draft_reply(studio, session, event))

    shown.drafted(on_draft, session, shown, trigger_mode="multiple", **PRIVATE)


def draft_reply(studio: Studio, session: Session, event: Any) -> dict[str, Any]:
    """What the page is told after it asked for a draft (`op` is "load") or sent one ("save")."""
    # Numbered, since a reply that equals the one before would not be noticed.
    reply = {"id": event.id, "op": event.op, "revision": event.revision}
    try:
        drawn, author = drawn_on(studio.store, session.answers, event.id), owner(event)
        if event.op == "load":
            found = find_draft(studio.store, drawn, author)
            return reply if found is None else reply | _told(found)
        if studio.store.read_only:
            return reply | {"off": _READ_ONLY}
        if any(event.id == view or event.id.startswith(f"{view}-") for view in session.settled):
            # The last keys before a submission arrive after it.
            return reply | {"version": int(event.version)}
        return reply | _kept(studio.store, session, drawn, author, event)
    except SayoError as error:
        return reply | {"off": str(error)}


def _kept(store: Store, session: Session, drawn: Drawn, author: str, event: Any) -> dict[str, Any]:
    content = checked(event.content, drawn.picture)
    item_id, revises = drawn.item_id, drawn.revises
    if item_id is None:
        picture_id = store.pictures.add(drawn.picture).id
        item_id = store.items.add(picture_id=picture_id, question=drawn.question, wanted=0).id
    there = store.drafts.get(item_id, author, revises)
    # A draft that was saved as a correction or thrown away can be begun again: nothing is written over.
    version = there.version if there.content is None else int(event.version)
    session.drafted.add((item_id, author, revises))
    key: dict[str, Any] = {"author": author, "revises": revises}
    try:
        kept = store.drafts.save(item_id, content=content, version=version, tab=str(event.tab), **key)
    except ConflictError as error:
        return _told(store.drafts.get(item_id, **key)) | {"conflict": str(error)}
    return {"version": kept.version}


def drawn_on(store: Store, answers: Answers, shown_id: Any) -> Drawn:
    """What a viewer that shows this draws on.

    Raises:
        CorrectionError: an answer that the server has let go of.
        NotFoundError, StorageError: a correction or an item that is gone, or whose picture is.
    """
    shown = shown_id if isinstance(shown_id, str) else ""
    if number := _CORRECTION.match(shown):
        record = store.corrections.get(int(number[1]))
        picture = store.pictures.load(record.picture_id)
        return Drawn(picture, record.picture_id, record.question, record.item_id, record.id)
    if number := _ITEM.match(shown):
        item = store.items.get(int(number[1]))
        return Drawn(store.pictures.load(item.picture_id), item.picture_id, item.question, item.id)
    answered = answers.find(shown_id)
    return Drawn(answered.pictures[0], answered.picture_id, answered.question)


def owner(event: Any) -> str:
    """Whose draft it is: the person's name, and for somebody without one the browser.

    Raises:
        CorrectionError: a browser that does not say which one it is.
    """
    name, browser = typed(event.author), event.browser
    if name:
        return name
    if not isinstance(browser, str) or not _BROWSER.fullmatch(browser):
        raise CorrectionError(
            expected="a browser with a number of its own",
            got=repr(browser)[:80],
            remedy="Reload the page.",
        )
    return nameless(browser)


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


def find_draft(store: Store, drawn: Drawn, author: str) -> Draft | None:
    """The author's open draft on the same pixels and question. Looking stores nothing."""
    for draft in store.drafts.of_author(author):
        item = store.items.get(draft.item_id)
        same = item.picture_id == drawn.picture_id and item.question == drawn.question.strip()
        if draft.revises == drawn.revises and (same or draft.item_id == drawn.item_id):
            return draft
    return None


def discard_drafts(
    store: Store, session: Session, record: CorrectionRecord, revises: int | None = None
) -> None:
    """What this tab kept on it is a correction now; what it kept on others stays."""
    done = {it for it in session.drafted if (it[0], it[2]) == (record.item_id, revises)}
    for item_id, author, _ in done:
        store.drafts.discard(item_id, author, revises)
    session.drafted -= done


def _told(draft: Draft) -> dict[str, Any]:
    when = "" if draft.updated_at is None else f"{draft.updated_at:%Y-%m-%d %H:%M} UTC"
    return {"version": draft.version, "content": draft.content, "when": when}
