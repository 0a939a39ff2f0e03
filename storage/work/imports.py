"""Imports: everything of one import is stored together or not at all, and can be undone together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from storage.base.audit import note_change
from storage.base.database import AT_ONCE, Database, not_found
from storage.base.models import Correction, CorrectionRevision, ImportBatch, WorkEntry, WorkItem, now
from storage.base.shared_files import remove_unnamed, when_written
from storage.base.texts import clean, short
from storage.work.entries import newest_revision, settle_item
from storage.work.removal import remove_batch
from storage.work.work_records import ImportRecord

# Of a summary, what the audit is told.
_COUNTS = ("corrections", "questions")


class Imports:
    """What came in from outside, and by which import."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def begin(self, *, source: str, format: str, author: str = "") -> Iterator[Importing]:
        """A transaction for one import: stored when the block ends, and not at all if it raises.

        Its rows go in by `storage.formats.batches.add_rows`, its files by `storage.formats.checking`.
        """
        with self._database.write() as session:
            batch = ImportBatch(
                source=clean(source),
                format=short("the format's name", format, 40),
                author=short("the author's name", author, 200),
                summary={},
            )
            session.add(batch)
            session.flush()
            importing = Importing(session, batch.id)
            yield importing
            batch.summary = importing.summary
            counts = {name: importing.summary[name] for name in _COUNTS if name in importing.summary}
            said = {"source": batch.source, "format": batch.format, **counts}
            note_change(session, "corrections.import", f"import {batch.id}", after=said, typed=batch.author)

    def all(self) -> list[ImportRecord]:
        """Newest first, undone ones too."""
        with self._database.read() as session:
            rows = session.scalars(select(ImportBatch).order_by(ImportBatch.id.desc()))
            return [_record(row) for row in rows]

    def undo(self, batch_id: int, author: str = "") -> ImportRecord:
        """Takes an import back: its corrections are deleted as a revision, its items leave the list.

        What people have corrected since on its items stays. Undoing twice changes nothing.

        Raises:
            NotFoundError: no such import.
        """
        with self._database.write() as session:
            batch = _batch(session, batch_id)
            if batch.undone_at is not None:
                return _record(batch)
            batch.undone_at = now()
            note_change(session, "imports.undo", f"import {batch_id}", typed=author)
            _delete_corrections(session, batch, batch.undone_at, short("the author's name", author, 200))
            _close_items(session, batch_id)
            return _record(batch)

    def remove(self, batch_id: int) -> None:
        """Takes an import out of the store as if it had never been: rows, history, pictures and traces.

        What others use stays: pictures and traces that somebody else's correction names, and questions that
        one of those answers or that somebody is drawing on. Removing twice changes nothing.
        """
        with self._database.write() as session:
            batch = session.get(ImportBatch, batch_id, with_for_update=True)
            files = [] if batch is None else remove_batch(session, batch, self._database.settings)
            written = when_written(files)
            if batch is not None:
                note_change(session, "imports.remove", f"import {batch_id}")
        remove_unnamed(self._database, written)


@dataclass
class Importing:
    """An import under way.

    Attributes:
        session: its transaction.
        id: of the import.
        summary: what is to be remembered of it: rows taken, skipped and why.
    """

    session: Session
    id: int
    summary: dict[str, Any] = field(default_factory=dict)


def _delete_corrections(session: Session, batch: ImportBatch, moment: datetime, author: str) -> None:
    """A revision that says deleted for each correction; table by table, as others wait for the lock."""
    rows = session.execute(
        select(Correction, CorrectionRevision)
        .join(CorrectionRevision, newest_revision())
        .where(Correction.batch_id == batch.id, CorrectionRevision.state != "deleted")
        .with_for_update(of=Correction)
    ).all()
    for correction, latest in rows:
        kept = ("correction_id", "question", "regions", "corrected_answer", "flagged", "reward")
        correction.revision += 1
        revision = CorrectionRevision(
            **{name: getattr(latest, name) for name in kept},
            revision=correction.revision,
            state="deleted",
            comment=f"Undo of import {batch.id}",
            author=author,
            created_at=moment,
        )
        session.add(revision)
    session.flush()
    ids = [correction.id for correction, _ in rows]
    for start in range(0, len(ids), AT_ONCE):
        entries = update(WorkEntry).where(WorkEntry.correction_id.in_(ids[start : start + AT_ONCE]))
        session.execute(entries.values(state="deleted", updated_at=moment))


def _close_items(session: Session, batch_id: int) -> None:
    """Questions of the import are no longer to do; others that its corrections had answered are again."""
    own = select(WorkItem.id).where(WorkItem.batch_id == batch_id)
    session.execute(update(WorkItem).where(WorkItem.batch_id == batch_id).values(wanted=0))
    session.execute(delete(WorkEntry).where(WorkEntry.state == "todo", WorkEntry.item_id.in_(own)))
    answered = select(Correction.item_id).where(Correction.batch_id == batch_id)
    for item in session.scalars(select(WorkItem).where(WorkItem.wanted > 0, WorkItem.id.in_(answered))).all():
        settle_item(session, item)


def _batch(session: Session, batch_id: int) -> ImportBatch:
    batch = session.get(ImportBatch, batch_id, with_for_update=True)
    if batch is None:
        raise not_found("import", batch_id)
    return batch


def _record(row: ImportBatch) -> ImportRecord:
    return ImportRecord(
        id=row.id,
        source=row.source,
        format=row.format,
        author=row.author,
        summary=row.summary,
        created_at=row.created_at,
        undone_at=row.undone_at,
    )
