from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sayo_app.errors import NotFoundError
from storage.base.records import CorrectionRecord
from storage.check import ASIDE, check
from storage.store import Store
from storage.work.work_records import WorkQuery
from tests.storage.examples import noise, small_trace

Correct = Callable[..., CorrectionRecord]


def aged(path: Path) -> Path:
    os.utime(path, (1, 1))
    return path


@pytest.fixture
def traced(store: Store, correct: Correct) -> CorrectionRecord:
    return correct(trace_id=store.traces.save(small_trace()))


def test_a_sound_store_gives_nothing_to_say(store: Store, traced: CorrectionRecord, picture_id: str) -> None:
    store.items.add(picture_id=picture_id, question="To do?", family="side")
    store.corrections.revise(traced.id, flagged=True)
    assert check(store, repair=True) == check(store) == []


def test_files_that_no_row_names_are_moved_aside_but_not_young_ones(
    store: Store, traced: CorrectionRecord, picture_id: str
) -> None:
    folder = store.settings.pictures_dir
    lone, half = folder / f"{'0' * 64}.png", folder / f".{'1' * 32}.png"
    young = folder / f"{'2' * 64}.png"
    for path in (lone, half, young):
        noise().save(path)
    aged(store.pictures.get(picture_id).path)
    for path in (lone, half):
        aged(path)
    assert {f.where for f in check(store)} == {str(lone), str(half)}
    assert lone.exists()
    found = check(store, repair=True)
    assert {f.where for f in found} == {str(lone), str(half)}
    assert all(f.done.startswith("moved to") for f in found)
    assert not lone.exists() and not half.exists() and young.exists()
    assert (store.settings.data_dir / ASIDE / "pictures" / lone.name).exists()
    assert check(store) == []


def test_what_a_killed_import_left_is_removed_but_not_one_under_way(store: Store) -> None:
    left, going_on = (store.settings.data_dir / f".import-{name}" for name in ("left", "goes-on"))
    for folder in (left, going_on):
        (folder / "pictures").mkdir(parents=True)
        noise().save(folder / "pictures" / "0.png")
        for path in (folder / "pictures" / "0.png", folder / "pictures", folder):
            aged(path)
    (going_on / "1.png").write_bytes(b"")
    assert [(f.what, f.where, f.done) for f in check(store)] == [
        ("a killed import's leftovers", str(left), "")
    ]
    assert left.exists()
    assert [f.done for f in check(store, repair=True)] == ["removed"]
    assert not left.exists() and (going_on / "pictures" / "0.png").exists()
    assert check(store) == []


def test_a_damaged_picture_makes_room_for_a_sound_one(store: Store) -> None:
    record = store.pictures.add(noise())
    noise(1).save(record.path)
    (found,) = check(store, repair=True)
    assert found.what == "a damaged picture (other pixels)"
    assert found.done.startswith("moved to")
    assert store.pictures.add(noise()) == record
    assert check(store) == []


def test_a_picture_that_is_gone_is_forgotten_only_if_nothing_uses_it(
    store: Store, traced: CorrectionRecord
) -> None:
    unused = store.pictures.add(noise())
    for identity in (unused.id, traced.picture_id):
        store.pictures.get(identity).path.unlink()
    found = {f.where: f.done for f in check(store, repair=True)}
    assert found == {
        f"picture {unused.id}": "row removed: nothing uses it",
        f"picture {traced.picture_id}": "",
    }
    with pytest.raises(NotFoundError):
        store.pictures.get(unused.id)
    assert store.corrections.get(traced.id) == traced


@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_a_correction_outlives_its_trace(store: Store, traced: CorrectionRecord, damage: str) -> None:
    assert traced.trace_id is not None
    path = store.traces.path(traced.trace_id)
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:100])
    (found,) = check(store)
    assert found.where == f"trace {traced.trace_id}"
    assert found.done == ""
    (found,) = check(store, repair=True)
    assert "no longer name it" in found.done
    assert store.corrections.get(traced.id).trace_id is None
    assert check(store) == []


def test_a_work_list_that_says_something_else_is_made_anew(store: Store, traced: CorrectionRecord) -> None:
    for damage in ("DELETE FROM work_entries", "UPDATE work_entries SET state = 'accepted', reward_key = 0"):
        right = store.worklist.page(WorkQuery())
        with store.database.write() as session:
            session.connection().exec_driver_sql(damage)
        (found,) = check(store)
        assert found.where == f"item {traced.item_id}"
        (found,) = check(store, repair=True)
        assert found.done == "made anew"
        assert [e.correction_id for e in store.worklist.page(WorkQuery()).entries] == [
            e.correction_id for e in right.entries
        ]
        assert check(store) == []
