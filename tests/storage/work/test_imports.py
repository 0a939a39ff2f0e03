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
    with store.imports.begin(source="folder/a.jsonl", format="native", author="Ada") as importing:
        fill(importing, picture_id)
    (record,) = store.imports.all()
    assert record == store.imports.get(importing.id)
    assert (record.source, record.format, record.author) == ("folder/a.jsonl", "native", "Ada")
    assert record.summary == {"taken": 3, "skipped": {"no picture": 1}}
    assert store.worklist.count(WorkQuery(batch_id=record.id)) == {"todo": 2, "submitted": 1}
    assert store.corrections.all()[0].batch_id == record.id


def test_an_import_that_fails_leaves_nothing(store: Store, picture_id: str) -> None:
    with (
        pytest.raises(CorrectionError),
        store.imports.begin(source="a", format="native") as importing,
    ):
        fill(importing, picture_id)
        importing.add_item(picture_id=picture_id, question="")
    assert store.imports.all() == store.corrections.all(include_deleted=True) == []
    assert store.worklist.page(WorkQuery()).entries == ()


def test_an_import_can_be_undone_and_what_people_did_since_stays(
    store: Store, picture_id: str, correct: Correct
) -> None:
    kept = correct(author="Bo", question="Before?")
    with store.imports.begin(source="a", format="native") as importing:
        fill(importing, picture_id)
        importing.add_item(picture_id=picture_id, question="Before?")
    since = correct(author="Bo")
    undone = store.imports.undo(importing.id, "Cy")
    assert undone.undone_at is not None
    assert store.imports.undo(importing.id) == undone == store.imports.get(importing.id)
    assert store.corrections.all() == [since, kept]
    assert store.worklist.count(WorkQuery()) == {"submitted": 2}
    (gone,) = (c for c in store.corrections.all(include_deleted=True) if c.state == "deleted")
    assert (gone.author, gone.comment) == ("Cy", f"Undo of import {importing.id}")
    # Imported again, the items are to do again, and can be taken off again.
    with store.imports.begin(source="a", format="native") as again:
        fill(again, picture_id)
    assert store.worklist.count(WorkQuery(batch_id=again.id)) == {"todo": 1, "submitted": 2}
    store.imports.undo(again.id)
    assert store.worklist.count(WorkQuery()) == {"submitted": 2}


def test_unknown_imports_are_not_found(store: Store) -> None:
    for call in (store.imports.get, store.imports.undo):
        with pytest.raises(NotFoundError):
            call(99)
