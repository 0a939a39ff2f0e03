"""An import taken out of the store for good, with all that came by it and nobody else uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import delete, exists, or_, select
from sqlalchemy.orm import Session

from sayo_app.settings import Settings
from storage.base.database import AT_ONCE
from storage.base.files import hashed_path
from storage.base.models import (
    Correction,
    CorrectionRevision,
    Draft,
    ImportBatch,
    ImportNote,
    Picture,
    WorkEntry,
    WorkItem,
)
from storage.work.entries import refresh_item


def remove_batch(session: Session, batch: ImportBatch, settings: Settings) -> list[Path]:
    """`Imports.remove` within a session.

    Returns:
        Files that no row names any more, to be deleted once the transaction is through.
    """
    own = select(Correction.id).where(Correction.batch_id == batch.id)
    ids = list(session.scalars(own))
    named = list(
        session.execute(
            select(Correction.item_id, Correction.trace_id).where(Correction.batch_id == batch.id)
        )
    )
    touched = {row.item_id for row in named} | {
        *session.scalars(select(WorkItem.id).where(WorkItem.batch_id == batch.id))
    }
    for some in _parts(ids):
        session.execute(delete(WorkEntry).where(WorkEntry.correction_id.in_(some)))
        session.execute(delete(Draft).where(Draft.revises.in_(some)))
        session.execute(delete(ImportNote).where(ImportNote.correction_id.in_(some)))
        session.execute(delete(CorrectionRevision).where(CorrectionRevision.correction_id.in_(some)))
        session.execute(delete(Correction).where(Correction.id.in_(some)))
    pictures = _remove_items(session, batch.id, touched)
    session.delete(batch)
    session.flush()
    traces = {row.trace_id for row in named if row.trace_id is not None}
    kept = _in_use(session, Correction.trace_id, traces)
    return [
        *(hashed_path(settings.pictures_dir, name, ".png") for name in _remove_pictures(session, pictures)),
        *(hashed_path(settings.traces_dir, name, ".npz") for name in sorted(traces - kept)),
    ]


def _remove_items(session: Session, batch_id: int, touched: set[int]) -> set[str]:
    """The pictures of the items that are gone then."""
    answered = exists().where(Correction.item_id == WorkItem.id)
    drawn_on = exists().where(Draft.item_id == WorkItem.id, Draft.content.is_not(None))
    pictures = set()
    for some in _parts(sorted(touched)):
        stays = list(session.scalars(select(WorkItem).where(WorkItem.id.in_(some), or_(answered, drawn_on))))
        for item in stays:
            if item.batch_id == batch_id:
                item.batch_id, item.wanted = None, 0
            refresh_item(session, item)
        gone = sorted({*some} - {item.id for item in stays})
        pictures |= {*session.scalars(select(WorkItem.picture_id).where(WorkItem.id.in_(gone)))}
        session.execute(delete(WorkEntry).where(WorkEntry.item_id.in_(gone)))
        session.execute(delete(Draft).where(Draft.item_id.in_(gone)))
        session.execute(delete(WorkItem).where(WorkItem.id.in_(gone)))
    return pictures


def _remove_pictures(session: Session, pictures: set[str]) -> list[str]:
    used = _in_use(session, WorkItem.picture_id, pictures) | _in_use(session, Correction.picture_id, pictures)
    gone = sorted(pictures - used)
    for some in _parts(gone):
        session.execute(delete(Picture).where(Picture.id.in_(some)))
    return gone


def _in_use(session: Session, column: Any, names: Iterable[str]) -> set[str]:
    """Those of the names that some row of the column has."""
    return {
        name
        for some in _parts(sorted(names))
        for name in session.scalars(select(column).where(column.in_(some)))
    }


def _parts(values: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(values), AT_ONCE):
        yield values[start : start + AT_ONCE]
