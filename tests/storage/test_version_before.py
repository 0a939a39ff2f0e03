"""A store of the version before, kept in tests/data/v0_1, is read through today's parts and goes on."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sayo_app.core.geometry.region import Region
from sayo_app.run_config import RunConfig
from sayo_app.settings import REPOSITORY_DIR, Settings
from storage.backup import backup, restore
from storage.check import check
from storage.store import Store
from storage.work.shown_reward import shown_reward
from storage.work.work_records import WorkQuery
from tests.storage.examples import corrected

BEFORE = REPOSITORY_DIR / "tests" / "data" / "v0_1" / "data.tar.gz"
ASKED = "How many tags are there?"


@pytest.fixture
def before(tmp_path: Path) -> Iterator[Store]:
    with tarfile.open(BEFORE) as packed:
        packed.extractall(tmp_path / "before", filter="data")
    with Store(Settings(data_dir=tmp_path / "before" / "data")) as opened:
        yield opened


def test_rows_and_files_still_fit_together(before: Store) -> None:
    assert check(before) == []
    assert before.worklist.count(WorkQuery()) == {"submitted": 7, "todo": 1}
    assert before.imports.all() == []


def test_a_correction_comes_with_its_history_picture_and_trace(before: Store) -> None:
    drawn, *generated = before.corrections.all()
    assert [(c.id, c.origin, c.state, c.revision) for c in generated] == [
        (number, "generated", "submitted", 1) for number in range(6, 0, -1)
    ]
    first, second = before.corrections.history(drawn.id)
    assert second == drawn
    assert [(c.author, c.annotator, c.state) for c in (first, second)] == [
        ("Ada", "Ada", "submitted"),
        ("Grace", "Ada", "submitted"),
    ]
    assert drawn.trace_id is not None
    trace = before.traces.load(drawn.trace_id)
    assert trace.text == drawn.answer_shown
    assert drawn.reward == pytest.approx(shown_reward(trace, drawn.regions), abs=1e-6)
    assert before.pictures.load(drawn.picture_id).size == trace.grid.image_wh
    assert before.items.get(drawn.item_id).question == drawn.question


def test_a_draft_is_offered_again(before: Store) -> None:
    (todo,) = before.worklist.page(WorkQuery(states=("todo",))).entries
    assert (todo.question, before.items.get(todo.item_id).wanted) == (ASKED, 1)
    draft = before.drafts.get(todo.item_id, "Ada")
    assert draft == before.drafts.find(todo.picture_id, ASKED, "Ada")
    assert (draft.version, draft.tab) == (1, "tab-1") and draft.content is not None
    box, polygon = map(Region.from_dict, draft.content["regions"])
    assert (box, polygon.look, len(polygon.points_xy)) == (
        Region.box(10, 284, 150, 423, label="there", step=0),
        False,
        3,
    )


def test_runs_keep_their_record_and_the_adapter_is_in_use(before: Store) -> None:
    runs = before.runs.all()
    assert [(run.id, run.state) for run in runs] == [
        *((number, "cancelled") for number in range(7, 1, -1)),
        (1, "finished"),
    ]
    assert before.runs.active() == [] and before.runs.current() is None
    finished, cut_short = runs[-1], runs[-2]
    for run in (finished, cut_short):
        assert set(run.record) == {"code", "config", "data", "machine", "seed", "versions"}
        assert run.progress_path.is_file()
    assert cut_short.resumable and (cut_short.folder / "checkpoint.pt").is_file()
    adapter = before.adapters.active()
    assert adapter is not None and adapter == before.adapters.get(finished.adapter_id or 0)
    assert (adapter.name, adapter.run_id, adapter.base_model) == ("first", finished.id, "bundled")
    assert (adapter.path / "adapter_model.safetensors").is_file()
    assert before.adapters.previous() == (True, None)


def test_it_goes_on_where_it_ended(before: Store) -> None:
    drawn = before.corrections.all()[0]
    revised = before.corrections.revise(drawn.id, "Grace", corrected_answer="three")
    assert (revised.revision, revised.reward) == (drawn.revision + 1, drawn.reward)
    assert before.corrections.restore(drawn.id, 1).corrected_answer != "three"
    (todo,) = before.worklist.page(WorkQuery(states=("todo",))).entries
    made = corrected(
        before,
        picture_id=todo.picture_id,
        question=ASKED,
        model="",
        corrected_answer="3",
        author="Ada",
    )
    assert (made.id, made.item_id) == (drawn.id + 1, todo.item_id)
    assert before.drafts.get(todo.item_id, "Ada").content is None
    assert before.worklist.count(WorkQuery()) == {"submitted": 8}
    assert before.runs.create(RunConfig()).id == 8


def test_a_backup_takes_it_to_another_database(before: Store, store: Store, tmp_path: Path) -> None:
    backup(before, tmp_path / "before.tar")
    restore(store, tmp_path / "before.tar")
    assert store.corrections.all() == before.corrections.all()
    assert store.worklist.page(WorkQuery()) == before.worklist.page(WorkQuery())
    assert [run.record for run in store.runs.all()] == [run.record for run in before.runs.all()]
