"""Rows of the work list. They are derived: each can be made again from an item and its correction."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from storage.base.models import Correction, CorrectionRevision, WorkEntry, WorkItem

# Above every reward (-1 to 1): an entry without one comes last.
NO_REWARD = 2.0


def correction_entry(item: WorkItem, correction: Correction, revision: CorrectionRevision) -> dict[str, Any]:
    """The entry of a correction as it stands at its newest revision."""
    return {
        "item_id": item.id,
        "correction_id": correction.id,
        "batch_id": item.batch_id if correction.batch_id is None else correction.batch_id,
        "state": revision.state,
        "annotator": correction.annotator,
        "model": correction.model,
        "family": correction.family or item.family or "",
        "origin": correction.origin,
        "flagged": revision.flagged,
        "reward_key": NO_REWARD if revision.reward is None else revision.reward,
        "priority_key": -item.priority,
        "updated_at": revision.created_at,
        "search_text": f"{revision.question}\n{revision.corrected_answer or ''}".casefold(),
    }


def todo_entry(item: WorkItem) -> dict[str, Any]:
    """The entry of an item that waits for a correction."""
    return {
        "item_id": item.id,
        "correction_id": None,
        "batch_id": item.batch_id,
        "state": "todo",
        "annotator": "",
        "model": "",
        "family": item.family or "",
        "origin": "person",
        "flagged": False,
        "reward_key": NO_REWARD,
        "priority_key": -item.priority,
        "updated_at": item.created_at,
        "search_text": f"{item.question}\n{item.answer or ''}".casefold(),
    }


def put_correction_entry(
    session: Session, item: WorkItem, correction: Correction, revision: CorrectionRevision
) -> None:
    """Makes the work list say what the correction now is, and whether its item still waits."""
    entry = session.scalar(select(WorkEntry).filter_by(correction_id=correction.id))
    _put(session, entry, correction_entry(item, correction, revision))
    if item.wanted:
        settle_item(session, item)


def refresh_item(session: Session, item: WorkItem) -> None:
    """Makes all entries of an item anew, after something of the item itself has changed."""
    rows = session.execute(
        select(Correction, CorrectionRevision)
        .join(CorrectionRevision, newest_revision())
        .where(Correction.item_id == item.id)
    )
    for correction, revision in rows.all():
        put_correction_entry(session, item, correction, revision)
    settle_item(session, item)


def newest_revision() -> ColumnElement[bool]:
    """What joins a correction to its newest revision."""
    return (CorrectionRevision.correction_id == Correction.id) & (
        CorrectionRevision.revision == Correction.revision
    )


def settle_item(session: Session, item: WorkItem) -> None:
    """The item is to do while it has fewer corrections than are wanted; deleted ones do not count."""
    session.flush()
    entries = select(func.count()).select_from(WorkEntry).where(WorkEntry.item_id == item.id)
    have = session.scalar(entries.where(WorkEntry.state.not_in(("todo", "deleted")))) or 0
    todo = session.scalar(select(WorkEntry).filter_by(item_id=item.id, state="todo"))
    if have < item.wanted:
        _put(session, todo, todo_entry(item))
    elif todo is not None:
        session.delete(todo)


def _put(session: Session, entry: WorkEntry | None, values: dict[str, Any]) -> None:
    if entry is None:
        session.add(WorkEntry(**values))
        return
    for name, value in values.items():
        setattr(entry, name, value)
