from __future__ import annotations

from collections.abc import Callable

import pytest

from sayo_app.core.geometry.region import Region
from sayo_app.errors import CorrectionError, NotFoundError
from storage.base.records import CorrectionRecord
from storage.store import Store
from storage.work.imports import Importing
from storage.work.work_records import NewCorrection, WorkQuery

Correct = Callable[..., CorrectionRecord]


def labelled(picture_id: str, question: str = "How many?") -> NewCorrection:
    return NewCorrection(
        picture_id=picture_id,
        question=question,
        model="",
        answer_shown="",
        regions=[Region.box(0, 0, 9, 9)],
        corrected_answer="2",
        author="Ada",
    )


def fill(importing: Importing, picture_id: str) -> None:
    importing.add_item(picture_id=picture_id, question="What is left of the apple?", answer="pear")
    importing.add_item(picture_id=picture_id, question="Which colour?")
    importing.add_correction(labelled(picture_id))
    importing.summary = {"taken": 3, "skipped": {"no picture": 1}}


def test_an_import_is_remembered_with_all_it_brought(store: Store, picture_id: str) -> None:
    with store.importing(source="folder/a.jsonl", format="native", author="Ada") as importing:
        fill(importing, picture_id)
    (record,) = store.list_imports()
    assert record == store.get_import(importing.id)
    assert (record.source, record.format, record.author) == ("folder/a.jsonl", "native", "Ada")
    assert record.summary == {"taken": 3, "skipped": {"no picture": 1}}
    assert store.count_work(WorkQuery(batch_id=record.id)) == {"todo": 2, "submitted": 1}
    assert store.list_corrections()[0].batch_id == record.id


def test_an_import_that_fails_leaves_nothing(store: Store, picture_id: str) -> None:
    with (
        pytest.raises(CorrectionError),
        store.importing(source="a", format="native") as importing,
    ):
        fill(importing, picture_id)
        importing.add_item(picture_id=picture_id, question="")
    assert store.list_imports() == store.list_corrections(include_deleted=True) == []
    assert store.list_work(WorkQuery()).entries == ()


def test_an_import_can_be_undone_and_what_people_did_since_stays(
    store: Store, picture_id: str, correct: Correct
) -> None:
    kept = correct(author="Bo", question="Before?")
    with store.importing(source="a", format="native") as importing:
        fill(importing, picture_id)
        importing.add_item(picture_id=picture_id, question="Before?")
    since = correct(author="Bo")
    undone = store.undo_import(importing.id, "Cy")
    assert undone.undone_at is not None
    assert store.undo_import(importing.id) == undone == store.get_import(importing.id)
    assert store.list_corrections() == [since, kept]
    assert store.count_work(WorkQuery()) == {"submitted": 2}
    (gone,) = (c for c in store.list_corrections(include_deleted=True) if c.state == "deleted")
    assert (gone.author, gone.comment) == ("Cy", f"Undo of import {importing.id}")
    # Imported again, the items are to do again, and can be taken off again.
    with store.importing(source="a", format="native") as again:
        fill(again, picture_id)
    assert store.count_work(WorkQuery(batch_id=again.id)) == {"todo": 1, "submitted": 2}
    store.undo_import(again.id)
    assert store.count_work(WorkQuery()) == {"submitted": 2}


def test_unknown_imports_are_not_found(store: Store) -> None:
    for call in (store.get_import, store.undo_import):
        with pytest.raises(NotFoundError):
            call(99)
