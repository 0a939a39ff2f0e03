"""An import in the database: its rows go in together, and out again as revisions that say deleted.

An import holds the lock that all writers wait for, so rows go in table by table and not one by one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from storage.database import Database
from storage.entries import correction_entry, newest_revision, settle_item, todo_entry
from storage.formats.checking import Checked
from storage.items import put_item
from storage.models import (
    Base,
    Correction,
    CorrectionRevision,
    ImportBatch,
    ImportNote,
    Picture,
    WorkEntry,
    WorkItem,
    now,
)
from storage.pictures import not_found
from storage.work_records import ImportRecord

# Well below the number of parameters that any database takes in one statement.
_AT_ONCE = 500
_UNDONE = "import undone"


def add_rows(session: Session, batch: ImportBatch, rows: list[Checked]) -> None:
    """Stores checked rows as corrections of the import, and those that say nothing as questions to answer."""
    session.add(batch)
    session.flush()
    sizes = {row.picture_id: row.image_wh for row in rows}
    pictures = [{"id": name, "width": wh[0], "height": wh[1]} for name, wh in sizes.items()]
    _insert_missing(session, Picture, pictures)
    items = _items(session, batch, rows)
    said = [(row, item) for row, item in zip(rows, items, strict=True) if not row.is_question]
    corrections = [_correction(batch, row, item) for row, item in said]
    session.add_all(corrections)
    session.flush()
    newest = []
    for correction, (row, _) in zip(corrections, said, strict=True):
        revisions = list(_revisions(correction, row))
        newest.append(revisions[-1])
        session.add_all(revisions)
        if row.row.extra:
            session.add(ImportNote(correction_id=correction.id, extra=row.row.extra))
    session.flush()
    for correction, revision, (_, item) in zip(corrections, newest, said, strict=True):
        session.add(WorkEntry(**correction_entry(item, correction, revision)))
    answered = {item.id: item for _, item in said}
    waiting = {item.id: item for item in items if item.wanted and item.batch_id == batch.id}
    session.add_all(WorkEntry(**todo_entry(item)) for item in waiting.values() if item.id not in answered)
    session.flush()
    for item in answered.values():
        if item.wanted:
            settle_item(session, item)


def _items(session: Session, batch: ImportBatch, rows: list[Checked]) -> list[WorkItem]:
    """The work item of each row; those that are new belong to the import."""
    keys = [(row.picture_id, _sha256(row.row.versions[0].question)) for row in rows]
    made: dict[tuple[str, str], dict[str, Any]] = {}
    for key, row in zip(keys, rows, strict=True):
        fields = {
            "picture_id": key[0],
            "question_sha256": key[1],
            "question": row.row.versions[0].question.strip(),
            "family": row.row.family,
            "batch_id": batch.id,
            "priority": 0,
            "wanted": 0,
        }
        entry = made.setdefault(key, fields)
        entry["wanted"] = max(entry["wanted"], int(row.is_question))
    _insert_missing(session, WorkItem, list(made.values()))
    found: dict[tuple[str, str], WorkItem] = {}
    pictures = sorted({row.picture_id for row in rows})
    for start in range(0, len(pictures), _AT_ONCE):
        query = select(WorkItem).where(WorkItem.picture_id.in_(pictures[start : start + _AT_ONCE]))
        found |= {(item.picture_id, item.question_sha256): item for item in session.scalars(query)}
    for key, row in zip(keys, rows, strict=True):
        if row.is_question and found[key].batch_id != batch.id:
            put_item(session, row.picture_id, row.row.now.question, family=row.row.family, wanted=1)
    return [found[key] for key in keys]


def _sha256(question: str) -> str:
    return hashlib.sha256(question.strip().encode()).hexdigest()


def _correction(batch: ImportBatch, checked: Checked, item: WorkItem) -> Correction:
    row = checked.row
    return Correction(
        item_id=item.id,
        picture_id=checked.picture_id,
        annotator=row.versions[0].author or "",
        model=row.model,
        answer_shown=row.answer_shown,
        trace_id=checked.trace_id,
        origin=row.origin,
        family=row.family,
        batch_id=batch.id,
        revision=len(row.versions),
        created_at=row.versions[0].created_at or batch.created_at,
    )


def _revisions(correction: Correction, checked: Checked) -> Iterable[CorrectionRevision]:
    for number, version in enumerate(checked.row.versions, 1):
        yield CorrectionRevision(
            correction_id=correction.id,
            revision=number,
            question=version.question,
            regions=[region.to_dict() for region in version.regions],
            corrected_answer=version.answer,
            state=version.state,
            comment=version.comment,
            flagged=version.flagged,
            reward=version.reward,
            author=version.author or "",
            created_at=version.created_at or correction.created_at,
        )


def _insert_missing(session: Session, model: type[Base], rows: list[dict[str, Any]]) -> None:
    """Adds the rows but for those whose key is there, or is being added by somebody else just now."""
    postgresql = session.get_bind().dialect.name == "postgresql"
    insert = postgresql_insert(model) if postgresql else sqlite_insert(model)
    session.execute(insert.on_conflict_do_nothing(), rows)


def is_stored(session: Session, checked: Checked) -> bool:
    """Whether a correction that is not deleted says the same of the same picture already.

    A question is stored where it is one of its picture's, whatever has become of it.
    """
    said = checked.row.now
    if checked.is_question:
        item = {"picture_id": checked.picture_id, "question_sha256": _sha256(said.question)}
        return session.scalar(select(WorkItem.id).filter_by(**item).where(WorkItem.wanted > 0)) is not None
    found = session.execute(
        select(CorrectionRevision.regions, CorrectionRevision.corrected_answer)
        .join(Correction, newest_revision())
        .where(
            Correction.picture_id == checked.picture_id,
            CorrectionRevision.state != "deleted",
            CorrectionRevision.question == said.question,
        )
    )
    regions = [region.to_dict() for region in said.regions]
    return any((row.regions, row.corrected_answer) == (regions, said.answer) for row in found)


def undo_batch(store: Database, import_id: int, author: str = "") -> int:
    """See `storage.formats.importer.undo_import`."""
    with store.write() as session:
        batch = session.get(ImportBatch, import_id, with_for_update=True)
        if batch is None:
            raise not_found("import", import_id)
        moment = now()
        batch.undone_at = batch.undone_at or moment
        rows = session.execute(
            select(Correction, CorrectionRevision)
            .join(CorrectionRevision, newest_revision())
            .where(Correction.batch_id == import_id, CorrectionRevision.state != "deleted")
            .with_for_update(of=Correction)
        ).all()
        for correction, latest in rows:
            correction.revision += 1
            session.add(_deleted(correction, latest, author, batch))
        session.flush()
        ids = [correction.id for correction, _ in rows]
        for start in range(0, len(ids), _AT_ONCE):
            session.execute(
                update(WorkEntry)
                .where(WorkEntry.correction_id.in_(ids[start : start + _AT_ONCE]))
                .values(state="deleted", updated_at=moment)
            )
        _close_items(session, import_id)
        return len(ids)


def _deleted(
    correction: Correction, latest: CorrectionRevision, author: str, batch: ImportBatch
) -> CorrectionRevision:
    kept = ("correction_id", "question", "regions", "corrected_answer", "flagged", "reward")
    content = {name: getattr(latest, name) for name in kept}
    return CorrectionRevision(
        **content,
        revision=correction.revision,
        state="deleted",
        comment=_UNDONE,
        author=author,
        created_at=batch.undone_at,
    )


def _close_items(session: Session, import_id: int) -> None:
    """Questions of the import are no longer to do; others that its corrections had answered are again."""
    own = select(WorkItem.id).where(WorkItem.batch_id == import_id)
    session.execute(update(WorkItem).where(WorkItem.batch_id == import_id).values(wanted=0))
    session.execute(delete(WorkEntry).where(WorkEntry.state == "todo", WorkEntry.item_id.in_(own)))
    answered = select(Correction.item_id).where(Correction.batch_id == import_id)
    others = select(WorkItem).where(WorkItem.wanted > 0, WorkItem.id.in_(answered))
    for item in session.scalars(others).all():
        settle_item(session, item)


def list_imports(store: Database) -> list[ImportRecord]:
    """Newest first."""
    with store.read() as session:
        return [
            ImportRecord(
                id=row.id,
                source=row.source,
                format=row.format,
                author=row.author,
                summary=row.summary,
                created_at=row.created_at,
                undone_at=row.undone_at,
            )
            for row in session.scalars(select(ImportBatch).order_by(ImportBatch.id.desc()))
        ]
