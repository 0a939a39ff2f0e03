"""Drafts: every edit is saved as it is made, and no tab writes over what another has drawn."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from sayo_app.errors import ConflictError, CorrectionError
from storage.base.database import Database, insert_missing
from storage.base.models import Draft, WorkItem, now
from storage.base.texts import short
from storage.work import work_records
from storage.work.items import item_key, require_item

MAX_DRAFT_BYTES = 5_000_000
_NAMELESS, _ACCOUNT = "nameless:", "account:"


def nameless(browser: str) -> str:
    """The author of what somebody without a name draws in a browser: two of them share no draft."""
    return f"{_NAMELESS}{browser}"


def of_account(account_id: int) -> str:
    """The author of what somebody draws who has signed in, in whatever browser."""
    return f"{_ACCOUNT}{account_id}"


class Drafts:
    """What people have drawn and not saved yet: one draft a person, item and revised correction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, item_id: int, author: str = "", revises: int | None = None) -> work_records.Draft:
        """The author's draft on an item; with version 0 and no content where there is none.

        Raises:
            NotFoundError: no such item.
        """
        author = short("the author's name", author, 200)
        with self._database.read() as session:
            require_item(session, item_id)
            row = _find(session, item_id, author, revises)
            if row is None:
                return work_records.Draft(item_id, author, revises, "", 0, None, None)
            return _record(row)

    def save(
        self,
        item_id: int,
        *,
        content: dict[str, Any],
        version: int,
        author: str = "",
        tab: str = "",
        revises: int | None = None,
    ) -> work_records.Draft:
        """Keeps what is drawn now. A tab sends its edits in order, each with the last version it knows.

        A tab is never in conflict with itself: where the reply to a save was lost, it goes on from the
        version it knew.

        Args:
            content: whatever the editor wants back, as JSON.
            version: that of the draft which the tab loaded or saved last.
            tab: names the browser tab.
            revises: the correction that is being changed; None for a new one.

        Raises:
            ConflictError: another tab has saved since that version. Nothing is written.
            CorrectionError: a content that is no JSON, or larger than `MAX_DRAFT_BYTES`.
            NotFoundError: no such item.
        """
        _check(content)
        author, tab = short("the author's name", author, 200), short("the tab's name", tab, 64)
        with self._database.write() as session:
            require_item(session, item_id)
            row = _locked(session, item_id, author, revises)
            if row.version != version and not (tab and row.tab == tab and row.content is not None):
                raise _conflict(row, version)
            _write(row, tab, content)
            return _record(row)

    def discard(self, item_id: int, author: str = "", revises: int | None = None) -> None:
        """Throws the draft away; a tab that still has it open is told when it saves."""
        with self._database.write() as session:
            close_draft(session, item_id, author, revises)

    def find(self, picture_id: str, question: str, author: str = "") -> work_records.Draft | None:
        """The author's open draft of a new correction, by what is asked rather than by its item.

        None where there is none. Looking stores nothing.
        """
        author = short("the author's name", author, 200)
        item = select(WorkItem.id).filter_by(**item_key(picture_id, question)).scalar_subquery()
        with self._database.read() as session:
            row = session.scalar(select(Draft).filter_by(item_id=item, author=author, revises=0))
            return None if row is None or row.content is None else _record(row)


def close_draft(session: Session, item_id: int, author: str, revises: int | None = None) -> None:
    """Its content is kept elsewhere now, or not wanted; the version says so to other tabs."""
    row = _find(session, item_id, author, revises, lock=True)
    if row is not None and row.content is not None:
        _write(row, row.tab, None)


def _find(
    session: Session, item_id: int, author: str, revises: int | None, lock: bool = False
) -> Draft | None:
    query = select(Draft).filter_by(item_id=item_id, author=author, revises=revises or 0)
    return session.scalar(query.with_for_update() if lock else query)


def _locked(session: Session, item_id: int, author: str, revises: int | None) -> Draft:
    """The draft's row, made if it is not there; whoever else wants to write it waits."""
    key: dict[str, Any] = {"item_id": item_id, "author": author, "revises": revises or 0}
    insert_missing(session, Draft, [key | {"tab": "", "version": 0, "content": None}])
    return session.scalars(select(Draft).filter_by(**key).with_for_update()).one()


def _write(row: Draft, tab: str, content: dict[str, Any] | None) -> None:
    row.version, row.tab, row.content, row.updated_at = row.version + 1, tab, content, now()


def _conflict(row: Draft, version: int) -> ConflictError:
    if row.author.startswith(_ACCOUNT):
        who = "you"
    else:
        unnamed = not row.author or row.author.startswith(_NAMELESS)
        who = "somebody without a name" if unnamed else row.author
    when = f"{row.updated_at:%Y-%m-%d %H:%M:%S} UTC"
    what = "saved or thrown away" if row.content is None else "drawn on"
    return ConflictError(
        expected=f"the draft at version {version}, which this tab shows",
        got=f"version {row.version}, {what} by {who} in another tab at {when}",
        remedy="Load what is there now, or go on in the other tab. Nothing was written over.",
    )


def _check(content: dict[str, Any]) -> None:
    try:
        size = len(json.dumps(content, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise CorrectionError(
            expected="a draft that can be written as JSON",
            got=str(error),
            remedy="Reload the page: what it sent cannot be kept.",
        ) from error
    if size > MAX_DRAFT_BYTES:
        raise CorrectionError(
            expected=f"a draft of at most {MAX_DRAFT_BYTES:,} bytes",
            got=f"{size:,}",
            remedy="Draw fewer or simpler regions; save what is there first.",
        )


def _record(row: Draft) -> work_records.Draft:
    return work_records.Draft(
        item_id=row.item_id,
        author=row.author,
        revises=row.revises or None,
        tab=row.tab,
        version=row.version,
        content=row.content,
        updated_at=row.updated_at,
    )
