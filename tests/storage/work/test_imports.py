from __future__ import annotations

from collections.abc import Callable

import pytest

from sayo_app.core.geometry.region import Region
from sayo_app.errors import NotFoundError, StorageError
from storage.base.records import CORRECTION_STATES, CorrectionRecord
from storage.formats.batches import add_rows
from storage.formats.checking import Checked
from storage.formats.common.rows import Row, Version
from storage.store import Store
from storage.work.imports import Importing
from storage.work.work_records import WorkQuery

Correct = Callable[..., CorrectionRecord]


def asked(question: str, answer: str | None = None, *regions: Region) -> Version:
    return Version(question, regions, answer, state="submitted" if regions else "todo", author="Ada")


def fill(importing: Importing, picture_id: str, *more: Version) -> None:
    versions = [
        asked("What is left of the apple?", "pear"),
        asked("Which colour?"),
        asked("How many?", "2", Region.box(0, 0, 9, 9)),
        *more,
    ]
    rows = [Row(number, b"", (version,)) for number, version in enumerate(versions, 1)]
    add_rows(importing.session, importing.id, [Checked(row, picture_id, (100, 50), None) for row in rows])
    importing.summary = {"taken": 3, "skipped": {"no picture": 1}}


def test_an_import_is_remembered_with_all_it_brought(store: Store, picture_id: str) -> None:
    with store.imports.begin(source="folder/a.jsonl", format="native", author="Ada") as importing:
        fill(importing, picture_id)
    (record,) = store.imports.all()
    assert record.id == importing.id
    assert (record.source, record.format, record.author) == ("folder/a.jsonl", "native", "Ada")
    assert record.summary == {"taken": 3, "skipped": {"no picture": 1}}
    assert store.worklist.count(WorkQuery(batch_id=record.id)) == {"todo": 2, "submitted": 1}
    assert store.corrections.all()[0].batch_id == record.id


def test_an_import_that_fails_leaves_nothing(store: Store, picture_id: str) -> None:
    with (
        pytest.raises(StorageError, match="ck_correction_revisions_state"),
        store.imports.begin(source="a", format="native") as importing,
    ):
        fill(importing, picture_id)
        add_rows(
            importing.session,
            importing.id,
            [
                Checked(
                    Row(9, b"", (Version("?", (Region.box(0, 0, 9, 9),), None, state="lost"),)),
                    picture_id,
                    (100, 50),
                    None,
                )
            ],
        )
    assert store.imports.all() == store.corrections.all(CORRECTION_STATES) == []
    assert store.worklist.page(WorkQuery()).entries == ()


def test_an_import_can_be_undone_and_what_people_did_since_stays(
    store: Store, picture_id: str, correct: Correct
) -> None:
    kept = correct(author="Bo", question="Before?")
    with store.imports.begin(source="a", format="native") as importing:
        fill(importing, picture_id, asked("Before?"))
    since = correct(author="Bo")
    undone = store.imports.undo(importing.id, "Cy")
    assert undone.undone_at is not None
    assert [store.imports.undo(importing.id)] == [undone] == store.imports.all()
    assert store.corrections.all() == [since, kept]
    assert store.worklist.count(WorkQuery()) == {"submitted": 2}
    (gone,) = store.corrections.all(["deleted"])
    assert (gone.author, gone.comment) == ("Cy", f"Undo of import {importing.id}")
    # Imported again, the items are to do again, and can be taken off again.
    with store.imports.begin(source="a", format="native") as again:
        fill(again, picture_id)
    assert store.worklist.count(WorkQuery(batch_id=again.id)) == {"todo": 1, "submitted": 2}
    store.imports.undo(again.id)
    assert store.worklist.count(WorkQuery()) == {"submitted": 2}


def test_unknown_imports_are_not_found(store: Store) -> None:
    with pytest.raises(NotFoundError):
        store.imports.undo(99)
