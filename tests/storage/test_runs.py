from __future__ import annotations

import json
import os
from pathlib import Path

import psutil
import pytest
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex

from sayo_app.errors import JobError, NotFoundError, ReadOnlyStoreError, RunActiveError
from sayo_app.settings import Settings
from storage.models import Base, now
from storage.records import RunConfig
from storage.store import Store


def test_a_new_run_is_queued_and_has_its_folder(store: Store, settings: Settings) -> None:
    run = store.create_run(RunConfig(steps=3))
    assert (run.state, run.active, run.pid, run.started_at) == ("queued", True, None, None)
    assert run.folder == settings.runs_dir / str(run.id)
    assert RunConfig.from_dict(json.loads((run.folder / "config.json").read_text())) == run.run_config
    assert run.run_config.steps == 3
    assert store.get_run(run.id) == store.active_run() == run


@pytest.mark.parametrize("state", ["queued", "running"])
def test_only_one_run_is_active(store: Store, state: str) -> None:
    first = store.create_run(RunConfig())
    store.update_run(first.id, state=state)
    with pytest.raises(RunActiveError, match="cancel"):
        Store(store.settings).create_run(RunConfig())
    assert [run.id for run in store.list_runs()] == [first.id]


@pytest.mark.parametrize("state", ["finished", "failed", "cancelled"])
def test_after_one_run_comes_the_next(store: Store, state: str) -> None:
    first = store.create_run(RunConfig())
    store.update_run(first.id, state=state)
    second = store.create_run(RunConfig())
    assert [run.id for run in store.list_runs()] == [second.id, first.id]
    assert store.active_run() == second


def test_the_rule_of_one_active_run_holds_in_postgresql_too() -> None:
    (index,) = Base.metadata.tables["runs"].indexes
    assert str(CreateIndex(index).compile(dialect=postgresql.dialect())) == (
        "CREATE UNIQUE INDEX one_active_run ON runs (slot) WHERE state IN ('queued', 'running')"
    )


def test_a_run_keeps_time(store: Store) -> None:
    run = store.create_run(RunConfig())
    running = store.update_run(run.id, state="running")
    ended = store.update_run(run.id, state="finished")
    assert running.started_at is not None
    assert ended.finished_at is not None
    assert run.created_at <= running.started_at <= ended.finished_at <= now()
    assert ended.started_at == running.started_at


def test_how_a_run_ended_is_said_once(store: Store) -> None:
    run = store.create_run(RunConfig())
    ended = store.update_run(run.id, state="cancelled")
    assert store.update_run(run.id, state="finished", error="late") == ended
    assert store.update_run(run.id, state="running") == ended
    assert store.get_run(run.id) == ended


@pytest.mark.parametrize("fields", [{"state": "lost"}, {"config": {}}, {"id": 7}])
def test_only_known_fields_and_states_are_written(store: Store, fields: dict[str, object]) -> None:
    run = store.create_run(RunConfig())
    with pytest.raises(JobError):
        store.update_run(run.id, **fields)
    assert store.get_run(run.id) == run


def test_unknown_runs_and_adapters_are_not_found(store: Store) -> None:
    run = store.create_run(RunConfig())
    for call in (lambda: store.get_run(99), lambda: store.update_run(99, state="failed")):
        with pytest.raises(NotFoundError):
            call()
    with pytest.raises(NotFoundError):
        store.update_run(run.id, state="finished", adapter_id=99)
    assert store.get_run(run.id).state == "queued"


def test_a_finished_run_names_its_adapter(store: Store, tmp_path: Path) -> None:
    run = store.create_run(RunConfig())
    adapter = store.add_adapter(name="a", path=tmp_path, base_model="bundled", run_id=run.id)
    assert store.update_run(run.id, state="finished", adapter_id=adapter.id).adapter_id == adapter.id


def test_the_training_process_claims_its_run(store: Store) -> None:
    run = store.claim_run(store.create_run(RunConfig()).id)
    assert (run.state, run.pid) == ("running", os.getpid())
    assert run.process_started_at == psutil.Process().create_time()


@pytest.mark.parametrize("fields", [{"state": "cancelled"}, {"cancel_requested_at": now()}])
def test_a_run_that_was_cancelled_before_it_began_is_not_claimed(
    store: Store, fields: dict[str, object]
) -> None:
    run = store.create_run(RunConfig())
    store.update_run(run.id, **fields)
    with pytest.raises(JobError, match="cancelled"):
        store.claim_run(run.id)
    assert store.get_run(run.id).state == "cancelled"


def test_without_a_folder_there_is_no_run(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "refused")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", refuse)
        with pytest.raises(ReadOnlyStoreError):
            store.create_run(RunConfig())
    assert store.list_runs() == []
    assert store.create_run(RunConfig()).state == "queued"


def test_a_folder_from_another_life_is_moved_aside(store: Store, settings: Settings) -> None:
    old = settings.runs_dir / "1"
    old.mkdir(parents=True)
    (old / "progress.jsonl").write_text("old")
    run = store.create_run(RunConfig())
    assert run.folder == old
    assert not run.progress_path.exists()
    assert [path.read_text() for path in settings.runs_dir.glob("1.before-*/progress.jsonl")] == ["old"]
