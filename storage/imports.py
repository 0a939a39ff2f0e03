"""Imports: everything of one import is stored together or not at all, and can be undone together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import work_records
from storage.entries import settle_item
from storage.items import item_record, put_item
from storage.models import Correction, ImportBatch, WorkItem, now
from storage.pictures import not_found
from storage.records import CorrectionRecord
from storage.reviews import ReviewStore
from storage.revisions import delete_within, insert_correction
from storage.texts import clean, short
from storage.work_records import ImportRecord, NewCorrection


class ImportStore(ReviewStore):
    """What came in from outside, and by which import."""

    @contextmanager
    def importing(self, *, source: str, format: str, author: str = "") -> Iterator[Importing]:
        """A transaction for one import: stored when the block ends, and not at all if it raises.

        Pictures are stored before (`add_picture`), so that no other process waits while they are read.

        Raises:
            StorageError: within the block, whatever its calls raise.
        """
        with self.write() as session:
            batch = ImportBatch(
                source=clean(source),
                format=short("the format's name", format, 40),
                author=short("the author's name", author, 200),
                summary={},
            )
            session.add(batch)
            session.flush()
            importing = Importing(session, batch)
            yield importing
            batch.summary = importing.summary

    def list_imports(self) -> list[ImportRecord]:
        """Newest first, undone ones too."""
        with self.read() as session:
            rows = session.scalars(select(ImportBatch).order_by(ImportBatch.id.desc()))
            return [_record(row) for row in rows]

    def get_import(self, batch_id: int) -> ImportRecord:
        """Raises NotFoundError."""
        with self.read() as session:
            return _record(_batch(session, batch_id))

    def undo_import(self, batch_id: int, author: str = "") -> ImportRecord:
        """Takes an import back: its corrections are deleted as a revision, its items leave the list.

        What people have corrected since on its items stays. Undoing twice changes nothing.

        Raises:
            NotFoundError: no such import.
        """
        with self.write() as session:
            batch = _batch(session, batch_id)
            if batch.undone_at is not None:
                return _record(batch)
            for item in session.scalars(select(WorkItem).filter_by(batch_id=batch_id)):
                item.wanted = 0
                settle_item(session, item)
            for correction_id in session.scalars(select(Correction.id).filter_by(batch_id=batch_id)).all():
                delete_within(session, correction_id, author, f"Undo of import {batch_id}")
            batch.undone_at = now()
            return _record(batch)


class Importing:
    """An import under way.

    Attributes:
        id: of the import.
        summary: what is to be remembered of it: rows taken, skipped and why.
    """

    def __init__(self, session: Session, batch: ImportBatch) -> None:
        self._session = session
        self.id = batch.id
        self.summary: dict[str, Any] = {}

    def add_item(
        self,
        *,
        picture_id: str,
        question: str,
        answer: str | None = None,
        family: str | None = None,
        priority: int = 0,
        wanted: int = 1,
    ) -> work_records.WorkItem:
        """`ItemStore.add_item`; an item that was there already does not become the import's."""
        return item_record(
            put_item(
                self._session,
                picture_id,
                question,
                answer,
                family,
                priority=priority,
                wanted=wanted,
                batch_id=self.id,
            )
        )

    def add_correction(self, new: NewCorrection) -> CorrectionRecord:
        """`CorrectionStore.add_correction`, as one of this import."""
        return insert_correction(self._session, new, new.reward, batch_id=self.id)


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
