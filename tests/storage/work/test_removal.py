"""An import removed for good: all that came by it, and nothing that somebody else uses."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from sayo_app.core.geometry.region import Region
from sayo_app.errors import NotFoundError
from storage.base.models import Base
from storage.base.records import CorrectionRecord
from storage.check import check
from storage.store import Store
from storage.work.work_records import WorkQuery
from tests.storage.examples import corrected, files_in, noise, small_trace

Correct = Callable[..., CorrectionRecord]
BOXES = (Region.box(0, 0, 9, 9),)


def rows(store: Store) -> dict[str, int]:
    with store.database.read() as session:
        counts = {
            table.name: session.scalar(select(func.count()).select_from(table))
            for table in Base.metadata.sorted_tables
        }
    # What was done is remembered, whatever else is not.
    return {name: count for name, count in counts.items() if count and name != "audit_entries"}


def brought(store: Store, picture_id: str, batch_id: int, **fields) -> CorrectionRecord:
    given = {
        "picture_id": picture_id,
        "question": "Which colour?",
        "answer_shown": "red",
        "regions": BOXES,
        "batch_id": batch_id,
    }
    return corrected(store, **given | fields)


def begun(store: Store) -> int:
    with store.imports.begin(source="a", format="native") as importing:
        return importing.id


def test_nothing_is_left_of_an_import_that_nobody_else_used(store: Store) -> None:
    batch = begun(store)
    trace = store.traces.save(small_trace())
    one = brought(store, store.pictures.add(noise(0)).id, batch, trace_id=trace)
    brought(store, store.pictures.add(noise(1)).id, batch)
    assert one.batch_id == batch and [it.id for it in store.corrections.all(batch_id=batch)] == [2, 1]
    store.corrections.revise(one.id, "Ada", corrected_answer="blue")
    store.drafts.save(one.item_id, content={}, version=0, author="Ada", revises=one.id)
    assert len(files_in(store.settings.pictures_dir)) == 2 and files_in(store.settings.traces_dir)
    store.imports.remove(batch)
    assert rows(store) == {}
    assert files_in(store.settings.pictures_dir) == files_in(store.settings.traces_dir) == []
    store.imports.remove(batch)


def test_what_others_use_stays(store: Store, picture_id: str, correct: Correct) -> None:
    trace = store.traces.save(small_trace())
    drawn_on, answered = store.pictures.add(noise(2)).id, store.pictures.add(noise(3)).id
    theirs = correct(question="Theirs?", trace_id=trace)
    batch = begun(store)
    brought(store, picture_id, batch, trace_id=trace)
    draft = store.drafts.save(
        brought(store, drawn_on, batch).item_id, content={"a": 1}, version=0, author="Bo"
    )
    too = correct(
        picture_id=answered, question="Which colour?", item_id=brought(store, answered, batch).item_id
    )
    store.imports.remove(batch)
    assert store.corrections.all() == [too, theirs]
    assert store.drafts.get(draft.item_id, "Bo").content == {"a": 1}
    assert store.items.get(too.item_id).batch_id is None
    assert store.traces.path(trace).exists()
    for name in (picture_id, drawn_on, answered):
        store.pictures.load(name)
    assert store.worklist.count(WorkQuery()) == {"submitted": 2}
    assert check(store) == []


def test_a_correction_of_no_such_import_is_refused(store: Store, picture_id: str) -> None:
    with pytest.raises(NotFoundError, match="import of id 7"):
        brought(store, picture_id, 7)
    assert store.corrections.all() == []
