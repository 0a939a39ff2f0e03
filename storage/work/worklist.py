"""The work list: filter, search, sort, page by page, however many corrections there are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Integer, Row, Select, exists, func, literal, select, tuple_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute, aliased
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

from sayo_app.errors import CorrectionError
from storage.base.database import Database, not_found
from storage.base.models import Correction, CorrectionRevision, WorkEntry, WorkItem
from storage.base.records import ENTRY_STATES
from storage.base.texts import clean
from storage.work import work_records
from storage.work.entries import NO_REWARD, newest_revision
from storage.work.items import require_item
from storage.work.work_records import WorkPage, WorkQuery

MAX_PAGE = 500
_NEAR = 2000


class _Sort(NamedTuple):
    label: str
    key: InstrumentedAttribute[Any]
    descending: bool = False


SORTS = {
    "wrong": _Sort("Looked most wrong first", WorkEntry.reward_key),
    "queue": _Sort("Highest priority first", WorkEntry.priority_key),
    "newest": _Sort("Changed last first", WorkEntry.updated_at, descending=True),
}


class WorkList:
    """What there is to do and what has been done: asked for here, kept by items and corrections."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, query: WorkQuery, after: str | None = None, limit: int = 50) -> WorkPage:
        """A page of entries, and where the next one begins.

        Args:
            after: `WorkPage.after` of the page before.

        Raises:
            CorrectionError: an unknown sort or state, or an `after` that no page gave.
        """
        sort = _sort(query)
        entries = _filtered(select(WorkEntry.id), query)
        if after is not None:
            entries = entries.where(_beyond(sort, *_read_place(sort, after)))
        limit = min(max(1, limit), MAX_PAGE)
        rows = self._first(entries, query, limit + 1)
        page = rows[:limit]
        return WorkPage(
            entries=tuple(_record(row) for row in page),
            after=_place(sort, page[-1][0]) if len(rows) > limit else None,
        )

    def neighbour(self, query: WorkQuery, entry_id: int, back: bool = False) -> work_records.WorkEntry | None:
        """The entry after (with `back`, before) another one in the order of the query; None at the end.

        The other one need not meet the query any more: it may have just been corrected.

        Raises:
            CorrectionError: an unknown sort or state.
            NotFoundError: no such entry.
        """
        sort = _sort(query)
        with self._database.read() as session:
            here = session.get(WorkEntry, entry_id)
            if here is None:
                raise not_found("entry of the work list", entry_id)
            value = getattr(here, sort.key.key)
        entries = _filtered(select(WorkEntry.id), query).where(_beyond(sort, value, entry_id, back))
        rows = self._first(entries, query, 1, back)
        return _record(rows[0]) if rows else None

    def of_item(self, item_id: int) -> list[work_records.WorkEntry]:
        """All entries of one item, deleted ones too. Raises NotFoundError."""
        with self._database.read() as session:
            require_item(session, item_id)
        return [_record(row) for row in self._entries(select(WorkEntry.id).filter_by(item_id=item_id))]

    def count(self, query: WorkQuery) -> dict[str, int]:
        """How many entries of each state meet the query: what a bar of progress shows.

        Raises:
            CorrectionError: an unknown sort or state.
        """
        _sort(query)
        counts = _filtered(select(WorkEntry.state, func.count()), query).where(*_texts(query))
        counts = counts.group_by(WorkEntry.state)
        with self._database.read() as session:
            return {str(row[0]): int(row[1]) for row in session.execute(counts)}

    def choices(self) -> dict[str, list[str]]:
        """The annotators, models and families that occur, sorted: what filters offer."""
        with self._database.read() as session:
            return {
                column.key: sorted(filter(None, session.scalars(select(column).distinct())))
                for column in (WorkEntry.annotator, WorkEntry.model, WorkEntry.family)
            }

    def _first(
        self, entries: Select[int], query: WorkQuery, count: int, back: bool = False
    ) -> Sequence[Row[*tuple[Any, ...]]]:
        """The first entries in order whose text holds the words."""
        sort = SORTS[query.sort]
        ordered = entries.order_by(*_order(sort.key, WorkEntry.id, sort.descending != back))
        if not query.text.strip():
            return self._entries(ordered.limit(count))
        # A common word is soon found in the order of an index. For a rare one, all texts are read once,
        # in the order in which they lie, which is many times as fast as in that of an index.
        near = ordered.add_columns(sort.key, WorkEntry.search_text).limit(_NEAR).subquery().c
        held = select(near.id).where(*_texts(query, near.search_text))
        rows = self._entries(
            held.order_by(*_order(near[sort.key.key], near.id, sort.descending != back)).limit(count)
        )
        if len(rows) == count:
            return rows
        found = select(WorkEntry.id).where(*_texts(query)).cte("found").prefix_with("MATERIALIZED")
        return self._entries(ordered.where(WorkEntry.id.in_(select(found.c.id))).limit(count))

    def _entries(self, identities: Select[int]) -> Sequence[Row[*tuple[Any, ...]]]:
        """Narrow rows are filtered and sorted first; only the page's are joined with what they show."""
        query = (
            select(WorkEntry, WorkItem, CorrectionRevision.question)
            .join(WorkItem, WorkItem.id == WorkEntry.item_id)
            .outerjoin(Correction, Correction.id == WorkEntry.correction_id)
            .outerjoin(CorrectionRevision, newest_revision())
        )
        with self._database.read() as session:
            found = list(session.scalars(identities))
            rows = {row[0].id: row for row in session.execute(query.where(WorkEntry.id.in_(found)))}
        # On PostgreSQL one may go between the two questions.
        return [rows[identity] for identity in found if identity in rows]


def _sort(query: WorkQuery) -> _Sort:
    unknown = sorted(set(query.states) - set(ENTRY_STATES))
    if query.sort not in SORTS or unknown:
        raise CorrectionError(
            expected=f"a sort out of {', '.join(SORTS)} and states out of {', '.join(ENTRY_STATES)}",
            got=", ".join(map(repr, unknown or [query.sort])),
            remedy="Choose them from the lists.",
        )
    return SORTS[query.sort]


def _filtered(entries: Select[*tuple[Any, ...]], query: WorkQuery) -> Select[*tuple[Any, ...]]:
    named = ("annotator", "model", "family", "origin", "batch_id", "flagged")
    wanted = {name: getattr(query, name) for name in named if getattr(query, name) is not None}
    entries = entries.filter_by(**wanted)
    others = set(ENTRY_STATES) - set(query.states) if query.states else {"deleted"}
    if len(query.states) == 1:
        entries = entries.filter_by(state=query.states[0])
    else:
        # Not as IN: that tempts SQLite to gather all of each state and sort them, for one page.
        entries = entries.where(WorkEntry.state.not_in(sorted(others)))
    if query.reward_below is not None:
        entries = entries.where(WorkEntry.reward_key < min(query.reward_below, NO_REWARD))
    if query.not_by is not None:
        other = aliased(WorkEntry)
        theirs = (other.item_id == WorkEntry.item_id) & (other.annotator == query.not_by)
        entries = entries.where(~exists().where(theirs & (other.state != "deleted")))
    return entries


def _texts(
    query: WorkQuery, column: ColumnElement[str] | InstrumentedAttribute[str] = WorkEntry.search_text
) -> list[ColumnElement[bool]]:
    return [_Position(column, word) > 0 for word in clean(query.text).casefold().split()]


class _Position(GenericFunction[int]):
    """Where a word begins in a text, 0 for nowhere: several times as fast as LIKE, and no wildcards."""

    type = Integer()
    inherit_cache = True


@compiles(_Position, "sqlite")
def _instr(element: _Position, compiler: SQLCompiler, **options: Any) -> str:
    return f"instr({compiler.process(element.clauses, **options)})"


@compiles(_Position, "postgresql")
def _strpos(element: _Position, compiler: SQLCompiler, **options: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **options)})"


def _order(
    key: ColumnElement[Any] | InstrumentedAttribute[Any],
    identity: ColumnElement[int] | InstrumentedAttribute[int],
    descending: bool,
) -> list[ColumnElement[Any]]:
    return [column.desc() if descending else column.asc() for column in (key, identity)]


def _beyond(sort: _Sort, value: Any, entry_id: int, back: bool = False) -> ColumnElement[bool]:
    """What comes after (with `back`, before) that place; the id tells equals apart."""
    columns, place = tuple_(sort.key, WorkEntry.id), tuple_(literal(value, sort.key.type), entry_id)
    return columns < place if sort.descending != back else columns > place


def _place(sort: _Sort, entry: WorkEntry) -> str:
    value = getattr(entry, sort.key.key)
    return json.dumps([value.isoformat() if isinstance(value, datetime) else value, entry.id])


def _read_place(sort: _Sort, text: str) -> tuple[Any, int]:
    try:
        value, entry_id = json.loads(text)
        value = datetime.fromisoformat(value) if sort.key is WorkEntry.updated_at else float(value)
        return value, int(entry_id)
    except (TypeError, ValueError) as error:
        raise CorrectionError(
            expected="the place where a page of the work list ended",
            got=repr(text[:80]),
            remedy="Start again at the first page.",
        ) from error


def _record(row: Row[*tuple[Any, ...]]) -> work_records.WorkEntry:
    entry, item, question = row
    return work_records.WorkEntry(
        id=entry.id,
        item_id=entry.item_id,
        correction_id=entry.correction_id,
        picture_id=item.picture_id,
        question=question or item.question,
        known_answer=item.answer,
        state=entry.state,
        annotator=entry.annotator,
        model=entry.model,
        family=entry.family,
        origin=entry.origin,
        flagged=entry.flagged,
        reward=None if entry.reward_key == NO_REWARD else entry.reward_key,
        priority=-entry.priority_key,
        updated_at=entry.updated_at,
    )
