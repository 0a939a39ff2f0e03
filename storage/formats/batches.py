"""Checked rows into the database. An import holds the lock that all writers wait for, so they go in table by
table and not one by one.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from storage.base.database import AT_ONCE, insert_missing
from storage.base.models import (
    Correction,
    CorrectionRevision,
    ImportNote,
    Picture,
    WorkEntry,
    WorkItem,
    now,
)
from storage.formats.checking import Checked
from storage.work.entries import correction_entry, newest_revision, settle_item, todo_entry
from storage.work.items import item_key, put_item


def add_rows(session: Session, batch_id: int, rows: list[Checked]) -> None:
    """Stores checked rows as corrections of the import, and those that say nothing as questions to answer."""
    sizes = {row.picture_id: row.image_wh for row in rows}
    pictures = [{"id": name, "width": wh[0], "height": wh[1]} for name, wh in sizes.items()]
    insert_missing(session, Picture, pictures)
    items = _items(session, batch_id, rows)
    said = [(row, item) for row, item in zip(rows, items, strict=True) if not row.is_question]
    moment = now()
    corrections = [_correction(batch_id, row, item, moment) for row, item in said]
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
    waiting = {item.id: item for item in items if item.wanted and item.batch_id == batch_id}
    session.add_all(WorkEntry(**todo_entry(item)) for item in waiting.values() if item.id not in answered)
    session.flush()
    for item in answered.values():
        if item.wanted:
            settle_item(session, item)
    _ask_known(session, batch_id, rows, items)


def _items(session: Session, batch_id: int, rows: list[Checked]) -> list[WorkItem]:
    """The work item of each row; those that are new belong to the import."""
    own = [item_key(row.picture_id, row.row.versions[0].question) for row in rows]
    keys = [(key["picture_id"], key["question_sha256"]) for key in own]
    made: dict[tuple[str, str], dict[str, Any]] = {}
    for columns, key, row in zip(own, keys, rows, strict=True):
        fields = columns | {
            "question": row.row.versions[0].question.strip(),
            "answer": row.row.now.answer if row.is_question else None,
            "family": row.row.family,
            "batch_id": batch_id,
            "priority": 0,
            "wanted": 0,
        }
        entry = made.setdefault(key, fields)
        entry["wanted"] = max(entry["wanted"], int(row.is_question))
    insert_missing(session, WorkItem, list(made.values()))
    found: dict[tuple[str, str], WorkItem] = {}
    pictures = sorted({row.picture_id for row in rows})
    for start in range(0, len(pictures), AT_ONCE):
        query = select(WorkItem).where(WorkItem.picture_id.in_(pictures[start : start + AT_ONCE]))
        found |= {(item.picture_id, item.question_sha256): item for item in session.scalars(query)}
    return [found[key] for key in keys]


def _ask_known(session: Session, batch_id: int, rows: list[Checked], items: list[WorkItem]) -> None:
    """Known questions that are not on the list go onto it, and off it again when the import is undone."""
    for row, item in zip(rows, items, strict=True):
        if row.is_question and item.batch_id != batch_id:
            said, family = row.row.now, row.row.family
            put_item(session, row.picture_id, said.question, said.answer, family, wanted=1, batch_id=batch_id)


def _correction(batch_id: int, checked: Checked, item: WorkItem, moment: datetime) -> Correction:
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
        batch_id=batch_id,
        revision=len(row.versions),
        created_at=row.versions[0].created_at or moment,
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


def is_stored(session: Session, checked: Checked) -> bool:
    """Whether a correction that is not deleted says the same of the same picture already.

    A question is stored where it is one of its picture's, whatever has become of it.
    """
    said = checked.row.now
    if checked.is_question:
        item = select(WorkItem.id).filter_by(**item_key(checked.picture_id, said.question))
        return session.scalar(item.where(WorkItem.wanted > 0)) is not None
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
