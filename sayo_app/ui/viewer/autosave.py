"""Drafts: every edit is kept, and offered again on the same picture and question, item or correction."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from sayo_app.access.current import current
from sayo_app.core.held import Held
from sayo_app.errors import ConflictError, CorrectionError, SayoError
from sayo_app.ui.shared.answers import Answers
from sayo_app.ui.shared.session import Session
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.shared.words import without_paths
from sayo_app.ui.viewer.page_state import fitted
from sayo_app.ui.viewer.view_ids import CorrectionView, ItemView, WorkView, read_view
from storage.base.records import CorrectionRecord
from storage.store import Store
from storage.work.drafts import nameless, of_account
from storage.work.work_records import Draft

_READ_ONLY = "Nothing can be saved: the store can only be read."
_DEMO = "A public demo: what you draw stays in this browser."
_BROWSER = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Canvas:
    """What is drawn on.

    Attributes:
        picture_id: as the store calls its pixels.
        item_id: None for a question that the store may not know yet.
        revises: the correction that is changed; None for a new one.
    """

    picture: Held
    picture_id: str
    question: str
    item_id: int | None = None
    revises: int | None = None


@dataclass
class KeptDrafts:
    """What a tab has kept of drafts.

    Attributes:
        open: (work item, owner, correction that is changed) of those that it keeps.
        settled: what was stored as a correction: what the page still sends of it is no draft any more.
    """

    open: set[tuple[int, str, int | None]] = field(default_factory=set)
    settled: set[WorkView] = field(default_factory=set)

    def discard(self, store: Store, record: CorrectionRecord, revises: int | None = None) -> None:
        """What the person kept on it is a correction now; what they kept on others stays."""
        account_id, key = current().account_id, (record.item_id, revises)
        done = {it for it in self.open if (it[0], it[2]) == key}
        if account_id is not None:  # whatever tab it was kept in
            done.add((record.item_id, of_account(account_id), revises))
        for item_id, author, _ in done:
            store.drafts.discard(item_id, author, revises)
        self.open -= done


def draft_reply(studio: Studio, session: Session, event: Any) -> dict[str, Any]:
    """What the page is told after it asked for a draft (`op` is "load") or sent one ("save")."""
    # Numbered, since a reply that equals the one before would not be noticed.
    reply = {"id": event.id, "op": event.op, "revision": event.revision}
    try:
        canvas, author = canvas_of(studio, session.answers, event.id), owner(event)
        if event.op == "load":
            found = find_draft(studio.store, canvas, author)
            return reply if found is None else reply | _told(found)
        if studio.store.read_only or current().sandboxed:
            return reply | {"off": _DEMO if current().sandboxed else _READ_ONLY}
        if read_view(event.id) in session.room(KeptDrafts).settled:
            # The last keys before a submission arrive after it.
            return reply | {"version": int(event.version)}
        return reply | _kept(studio, session, canvas, author, event)
    except SayoError as error:
        return reply | {"off": without_paths(str(error))}


def _kept(studio: Studio, session: Session, canvas: Canvas, author: str, event: Any) -> dict[str, Any]:
    content, store = checked(event.content, canvas.picture.size), studio.store
    item_id, revises = canvas.item_id, canvas.revises
    if item_id is None:
        picture_id = studio.keep_picture(canvas.picture)
        item_id = store.items.add(picture_id=picture_id, question=canvas.question, wanted=0).id
    there = store.drafts.get(item_id, author, revises)
    # A draft that was saved as a correction or thrown away can be begun again: nothing is written over.
    version = there.version if there.content is None else int(event.version)
    session.room(KeptDrafts).open.add((item_id, author, revises))
    key: dict[str, Any] = {"author": author, "revises": revises}
    try:
        kept = store.drafts.save(item_id, content=content, version=version, tab=str(event.tab), **key)
    except ConflictError as error:
        return _told(store.drafts.get(item_id, **key)) | {"conflict": str(error)}
    return {"version": kept.version}


def canvas_of(studio: Studio, answers: Answers, shown_id: Any) -> Canvas:
    """What a viewer that shows this draws on.

    Raises:
        CorrectionError: an answer that the server has let go of.
        NotFoundError, StorageError: a correction or an item that is gone, or whose picture is.
    """
    view, store = read_view(shown_id), studio.store
    if isinstance(view, CorrectionView):
        record = store.corrections.get(view.correction_id)
        picture = studio.hold_stored(record.picture_id)
        return Canvas(picture, record.picture_id, record.question, record.item_id, record.id)
    if isinstance(view, ItemView):
        item = store.items.get(view.item_id)
        return Canvas(studio.hold_stored(item.picture_id), item.picture_id, item.question, item.id)
    answered = answers.find(shown_id)
    return Canvas(answered.pictures[0], answered.picture_id, answered.question)


def owner(event: Any) -> str:
    """Whose draft it is: the account's, and where nobody has signed in the browser's.

    Never a typed name's, or everybody could read it who types that name.

    Raises:
        CorrectionError: a browser that does not say which one it is.
    """
    account_id, browser = current().account_id, event.browser
    if account_id is not None:
        return of_account(account_id)
    if not isinstance(browser, str) or not _BROWSER.fullmatch(browser):
        raise CorrectionError(
            expected="a browser with a number of its own",
            got=repr(browser)[:80],
            remedy="Reload the page.",
        )
    return nameless(browser)


def checked(content: Any, size: tuple[int, int]) -> dict[str, Any]:
    """A draft as the page sent it, with its regions checked against the server's picture.

    Raises:
        CorrectionError, RegionError: it is something else.
    """
    try:
        regions, earlier, answer = content["regions"], content["earlier"], content["answer"]
        if isinstance(answer, str):
            kept = [[region.to_dict() for region in fitted(part, size)] for part in (regions, earlier)]
            return {"regions": kept[0], "earlier": kept[1], "answer": answer}
    except (KeyError, TypeError):
        pass
    raise CorrectionError(
        expected="a draft from the page", got=repr(content)[:80], remedy="Reload the page and draw it again."
    )


def find_draft(store: Store, canvas: Canvas, author: str) -> Draft | None:
    """The author's open draft on the same pixels and question. Looking stores nothing."""
    if canvas.item_id is None:
        return store.drafts.find(canvas.picture_id, canvas.question, author)
    draft = store.drafts.get(canvas.item_id, author, canvas.revises)
    return None if draft.content is None else draft


def _told(draft: Draft) -> dict[str, Any]:
    when = "" if draft.updated_at is None else f"{draft.updated_at:%Y-%m-%d %H:%M} UTC"
    return {"version": draft.version, "content": draft.content, "when": when}
