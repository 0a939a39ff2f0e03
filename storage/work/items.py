"""Work items: a question on a picture, once in a store."""

from __future__ import annotations

import hashlib
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from sayo_app.core.question import check_question
from storage.base.database import Database, insert_missing, not_found
from storage.base.models import Picture, WorkItem
from storage.base.texts import clean, short
from storage.work import work_records
from storage.work.entries import refresh_item


class Items:
    """What is to be annotated: which questions there are, and how many corrections of each are wanted."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, *, picture_id: str, question: str, wanted: int = 1, **fields: Any) -> work_records.WorkItem:
        """Stores a question on a picture, or finds it: the same question on the same picture is one item.

        Of an item that is there already, an answer or family that was not known is filled in; priority
        and `wanted` grow and never shrink.

        Args:
            wanted: how many corrections are asked for. 0 keeps it off the list, as for a question that
                somebody just asked and whose draft is to be kept.
            fields: `answer`, `family` and `priority`.

        Raises:
            QuestionError: an empty question.
            NotFoundError: no such picture.
        """
        with self._database.write() as session:
            return item_record(put_item(session, picture_id, question, wanted=wanted, **fields))

    def get(self, item_id: int) -> work_records.WorkItem:
        """Raises NotFoundError."""
        with self._database.read() as session:
            return item_record(require_item(session, item_id))


def item_key(picture_id: str, question: str) -> dict[str, str]:
    """The columns that tell an item from all others."""
    asked = clean(question).strip()
    return {"picture_id": picture_id, "question_sha256": hashlib.sha256(asked.encode()).hexdigest()}


def put_item(
    session: Session,
    picture_id: str,
    question: str,
    answer: str | None = None,
    family: str | None = None,
    *,
    priority: int = 0,
    wanted: int = 0,
    batch_id: int | None = None,
) -> WorkItem:
    """`Items.add` within a session; an item that was not on the list becomes the import's."""
    question = check_question(clean(question))
    if session.get(Picture, picture_id) is None:
        raise not_found("picture", picture_id)
    key = item_key(picture_id, question)
    insert_missing(session, WorkItem, [key | {"question": question, "batch_id": batch_id, "wanted": 0}])
    item = session.scalars(select(WorkItem).filter_by(**key).with_for_update()).one()
    if batch_id is not None and wanted and not item.wanted:
        # Whatever puts it on the list can take it off again.
        item.batch_id = batch_id
    before = (item.answer, item.family, item.priority, item.wanted)
    item.answer = item.answer or clean(answer or "").strip() or None
    item.family = item.family or short("family", family or "", 100) or None
    item.priority, item.wanted = max(item.priority, priority), max(item.wanted, wanted)
    if before != (item.answer, item.family, item.priority, item.wanted):
        refresh_item(session, item)
    return item


def require_item(session: Session, item_id: int) -> WorkItem:
    """Raises NotFoundError."""
    item = session.get(WorkItem, item_id)
    if item is None:
        raise not_found("work item", item_id)
    return item


def item_record(row: WorkItem) -> work_records.WorkItem:
    return work_records.WorkItem(
        id=row.id,
        picture_id=row.picture_id,
        question=row.question,
        answer=row.answer,
        family=row.family,
        batch_id=row.batch_id,
        priority=row.priority,
        wanted=row.wanted,
        created_at=row.created_at,
    )
