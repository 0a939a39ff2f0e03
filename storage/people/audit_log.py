"""Reading who changed what, and adding what no other part of the store does."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, or_, select

from storage.base.audit import note_change
from storage.base.database import Database
from storage.base.models import AuditEntry
from storage.base.texts import clean

FORMATS = ("csv", "jsonl")
_COLUMNS = ("id", "when", "who", "account", "action", "subject", "before", "after")
_ROWS_AT_ONCE = 500
# A spreadsheet takes a cell that begins like this for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Change:
    """A change that somebody made.

    Attributes:
        who: the account's name, or what was typed; empty for somebody without a name.
        account_id: None for somebody who had not signed in.
        before, after: what of the subject was changed.
    """

    id: int
    created_at: datetime
    who: str
    account_id: int | None
    action: str
    subject: str
    before: dict[str, Any]
    after: dict[str, Any]


@dataclass(frozen=True)
class AuditQuery:
    """Which changes are meant; empty is any.

    Attributes:
        who: part of the name.
        what: part of the action or of what it was done to, such as `delete` or `run 12`.
    """

    who: str = ""
    what: str = ""


@dataclass(frozen=True)
class AuditPage:
    """Changes, newest first, and the number before which the next page begins; None at the end."""

    changes: tuple[Change, ...]
    before: int | None


EVERYTHING = AuditQuery()


class AuditLog:
    """What people changed; the parts of the store write it with each change."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, action: str, subject: str, **more: Any) -> None:
        """Adds what changes nothing in the store, such as an export; see `note_change`.

        A store that can only be read takes none, and is exported all the same.
        """
        if self._database.read_only:
            return
        with self._database.write() as session:
            note_change(session, action, subject, **more)

    def newest(self, limit: int) -> list[Change]:
        """Newest first."""
        return list(self.page(EVERYTHING, limit=limit).changes)

    def last_id(self) -> int:
        """Of the newest change; 0 before the first."""
        with self._database.read() as session:
            return session.scalar(select(func.max(AuditEntry.id))) or 0

    def page(self, query: AuditQuery, *, before: int | None = None, limit: int) -> AuditPage:
        """The newest changes that are meant; with `before`, those older than that number."""
        wanted = _meant(query).order_by(AuditEntry.id.desc()).limit(limit + 1)
        if before is not None:
            wanted = wanted.where(AuditEntry.id < before)
        with self._database.read() as session:
            found = [_change(row) for row in session.scalars(wanted)]
        shown = tuple(found[:limit])
        return AuditPage(shown, shown[-1].id if len(found) > limit else None)

    def all(self, query: AuditQuery = EVERYTHING) -> Iterator[Change]:
        """Oldest first; read in parts, so that any number can be exported."""
        wanted = _meant(query).order_by(AuditEntry.id).execution_options(yield_per=_ROWS_AT_ONCE)
        with self._database.read() as session:
            yield from map(_change, session.scalars(wanted))


def _meant(query: AuditQuery) -> Select[AuditEntry]:
    found = select(AuditEntry)
    who, what = clean(query.who).strip(), clean(query.what).strip()
    if who:
        found = found.where(AuditEntry.who.icontains(who, autoescape=True))
    if what:
        columns = (AuditEntry.action, AuditEntry.subject)
        found = found.where(or_(*(it.icontains(what, autoescape=True) for it in columns)))
    return found


def changes_text(changes: Iterable[Change], format: str) -> Iterator[str]:
    """They as lines of `csv`, its heads first, or of `jsonl`; with UTC times."""
    if format == "csv":
        yield _row(_COLUMNS)
    for change in changes:
        values = (
            change.id,
            change.created_at.isoformat(),
            change.who,
            change.account_id,
            change.action,
            change.subject,
            change.before,
            change.after,
        )
        if format == "csv":
            yield _row(values)
        else:
            yield json.dumps(dict(zip(_COLUMNS, values, strict=True)), ensure_ascii=False) + "\n"


def _row(values: Iterable[Any]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(map(_cell, values))
    return line.getvalue()


def _cell(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value or "")
    return f"'{text}" if text.startswith(_FORMULA) else text


def _change(row: AuditEntry) -> Change:
    return Change(
        id=row.id,
        created_at=row.created_at,
        who=row.who,
        account_id=row.account_id,
        action=row.action,
        subject=row.subject,
        before=row.before,
        after=row.after,
    )
