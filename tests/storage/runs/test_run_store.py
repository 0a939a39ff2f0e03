from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex

from sayo_app.access.current import acting
from sayo_app.access.roles import Person, Role
from sayo_app.errors import (
    CorrectionError,
    JobError,
    LostRunError,
    NotFoundError,
    ReadOnlyStoreError,
    RunActiveError,
)
from sayo_app.run_config import RunConfig
from sayo_app.settings import Settings
from storage.base.models import Base, now
from storage.store import Store


def test_a_new_run_is_queued_and_has_its_folder(store: Store, settings: Settings) -> None:
    run = store.runs.create(RunConfig(steps=3))
    assert (run.state, run.active, run.pid, run.started_at) == ("queued", True, None, None)
    assert run.folder == settings.runs_dir / str(run.id)
    assert RunConfig.from_dict(json.loads((run.folder / "config.json").read_text())) == run.run_config
    assert run.run_config.steps == 3
    assert store.runs.get(run.id) == store.runs.current() == run


def test_many_wait_and_one_runs_on_a_device(store: Store) -> None:
    first, second = store.runs.create(RunConfig(seed=1)), store.runs.create(RunConfig(seed=2))
    taken = store.runs.take_next()
    assert taken is not None
    assert (taken.id, taken.state, taken.device, taken.pid) == (first.id, "running", "auto", None)
    assert Store(store.settings).runs.take_next() is None
    with pytest.raises(RunActiveError, match="cancel"):
        store.runs.claim(second.id)
    assert store.runs.get(second.id) == second
    assert store.runs.current() == taken
    other = Store(store.settings.replace(device="cuda:1"))
    assert other.runs.claim(second.id).device == "cuda:1"
    assert [run.id for run in store.runs.active()] == [first.id, second.id]


@pytest.mark.parametrize("state", ["finished", "failed", "cancelled"])
def test_after_one_run_comes_the_next(store: Store, state: str) -> None:
    first, second = store.runs.create(RunConfig()), store.runs.create(RunConfig())
    store.runs.take_next()
    store.runs.update(first.id, state=state)
    assert store.runs.current() == second
    taken = store.runs.take_next()
    assert taken is not None
    assert taken.id == second.id
    assert store.runs.take_next() is None


def test_an_ended_run_is_queued_again_unless_it_is_finished(store: Store) -> None:
    run = store.runs.claim(store.runs.create(RunConfig()).id)
    store.runs.update(run.id, state="failed", error="power cut", cancel_requested_at=now())
    again = store.runs.requeue(run.id)
    assert again == replace(store.runs.get(run.id), error=None, pid=None, state="queued")
    assert (again.cancel_requested_at, again.started_at, again.finished_at) == (None, None, None)
    store.runs.update(run.id, state="finished")
    with pytest.raises(JobError, match="finished"):
        store.runs.requeue(run.id)


def test_a_run_is_deleted_with_its_folder_and_its_adapter_stays(store: Store, tmp_path: Path) -> None:
    run, other = store.runs.create(RunConfig()), store.runs.create(RunConfig())
    adapter = store.adapters.add(name="a", path=tmp_path, base_model="bundled", run_id=run.id)
    with pytest.raises(JobError, match="Cancel"):
        store.runs.delete(run.id)
    store.runs.update(run.id, state="finished", adapter_id=adapter.id)
    store.runs.delete(run.id)
    assert store.runs.all() == [other]
    assert not run.folder.exists()
    assert other.folder.exists()
    assert store.adapters.get(adapter.id) == adapter
    with pytest.raises(NotFoundError):
        store.runs.delete(run.id)


def test_notes_are_kept_in_every_state(store: Store) -> None:
    run = store.runs.create(RunConfig())
    assert store.runs.note(run.id, " try less KL ").notes == "try less KL"
    store.runs.update(run.id, state="finished", record={"seed": 0})
    noted = store.runs.note(run.id, "worked")
    assert (noted.notes, noted.record, noted.state) == ("worked", {"seed": 0}, "finished")


def test_the_rule_of_one_running_run_holds_in_postgresql_too() -> None:
    (index,) = Base.metadata.tables["runs"].indexes
    assert str(CreateIndex(index).compile(dialect=postgresql.dialect())) == (
        "CREATE UNIQUE INDEX one_running_run ON runs (host, device) WHERE state = 'running'"
    )


def test_a_run_keeps_time(store: Store) -> None:
    run = store.runs.create(RunConfig())
    running = store.runs.update(run.id, state="running")
    ended = store.runs.update(run.id, state="finished")
    assert running.started_at is not None
    assert ended.finished_at is not None
    assert run.created_at <= running.started_at <= ended.finished_at <= now()
    assert ended.started_at == running.started_at


def test_how_a_run_ended_is_said_once(store: Store) -> None:
    run = store.runs.create(RunConfig())
    ended = store.runs.update(run.id, state="cancelled")
    assert store.runs.update(run.id, state="finished", error="late") == ended
    assert store.runs.update(run.id, state="running") == ended
    assert store.runs.get(run.id) == ended


@pytest.mark.parametrize("fields", [{"state": "lost"}, {"config": {}}, {"id": 7}])
def test_only_known_fields_and_states_are_written(store: Store, fields: dict[str, object]) -> None:
    run = store.runs.create(RunConfig())
    with pytest.raises(JobError):
        store.runs.update(run.id, **fields)
    assert store.runs.get(run.id) == run


def test_notes_and_errors_fit_every_database(store: Store) -> None:
    run = store.runs.create(RunConfig())
    assert store.runs.note(run.id, " one\ntwo\0\x07 ").notes == "one\ntwo"
    with pytest.raises(CorrectionError, match="10000 characters"):
        store.runs.note(run.id, "x" * 10_001)
    error = str(store.runs.update(run.id, state="failed", error="a\0" + "b" * 30_000).error)
    assert (len(error), set(error)) == (20_000, {"b"})


def test_as_many_runs_wait_as_may(settings: Settings) -> None:
    store = Store(settings.replace(max_runs=2))
    first, second = (store.runs.create(RunConfig(seed=seed)) for seed in range(2))
    with pytest.raises(JobError, match="at most 2 runs of all people"):
        store.runs.create(RunConfig(seed=2))
    store.runs.update(first.id, state="cancelled")
    third = store.runs.create(RunConfig(seed=2))
    with pytest.raises(JobError, match="at most 2 runs"):
        store.runs.requeue(first.id)
    assert store.runs.requeue(second.id).state == "queued"
    assert [run.id for run in store.runs.active()] == [second.id, third.id]


def trainer(store: Store, name: str) -> Person:
    account = store.accounts.add_local(name, "four words in a row", Role.TRAINER)
    return Person(account.role, account.name, account.id)


def test_as_many_runs_of_a_person_wait_as_may(settings: Settings) -> None:
    store = Store(settings.replace(max_runs_each=2))
    ada, bo = (trainer(store, name) for name in ("Ada", "Bo"))
    with acting(ada):
        first = store.runs.create(RunConfig(seed=0))
        store.runs.create(RunConfig(seed=1))
        with pytest.raises(JobError, match="at most 2 runs of one"):
            store.runs.create(RunConfig(seed=2))
    with acting(bo):
        store.runs.create(RunConfig(seed=3))
    store.runs.update(first.id, state="cancelled")
    with acting(ada):
        assert store.runs.create(RunConfig(seed=2)).state == "queued"


def test_unknown_runs_and_adapters_are_not_found(store: Store) -> None:
    run = store.runs.create(RunConfig())
    for call in (lambda: store.runs.get(99), lambda: store.runs.update(99, state="failed")):
        with pytest.raises(NotFoundError):
            call()
    with pytest.raises(NotFoundError):
        store.runs.update(run.id, state="finished", adapter_id=99)
    assert store.runs.get(run.id).state == "queued"


def test_a_finished_run_names_its_adapter(store: Store, tmp_path: Path) -> None:
    run = store.runs.create(RunConfig())
    adapter = store.adapters.add(name="a", path=tmp_path, base_model="bundled", run_id=run.id)
    assert store.runs.update(run.id, state="finished", adapter_id=adapter.id).adapter_id == adapter.id


def test_the_training_process_claims_its_run(store: Store) -> None:
    run = store.runs.claim(store.runs.create(RunConfig()).id)
    assert (run.state, run.pid) == ("running", os.getpid())
    assert run.process_started_at == psutil.Process().create_time()


@pytest.mark.parametrize(
    "lost", [{"pid": 1}, {"process_identity": "another boot:1"}, {"host": "another"}, {"state": "failed"}]
)
def test_a_process_that_lost_its_run_says_nothing_more_about_it(
    store: Store, tmp_path: Path, lost: dict[str, object]
) -> None:
    run = store.runs.claim(store.runs.create(RunConfig()).id)
    assert store.runs.update(run.id, mine=True, record={"a": 1}).record == {"a": 1}
    after = store.runs.update(run.id, **lost)
    with pytest.raises(LostRunError, match="Nothing of this process was kept"):
        store.runs.update(run.id, mine=True, state="finished")
    with pytest.raises(LostRunError):
        store.adapters.add(name="a", path=tmp_path, base_model="bundled", run_id=run.id, mine=True)
    assert store.runs.get(run.id) == after
    assert store.adapters.all() == []


def test_a_claimed_run_registers_its_adapter(store: Store, tmp_path: Path) -> None:
    run = store.runs.claim(store.runs.create(RunConfig()).id)
    added = store.adapters.add(name="a", path=tmp_path, base_model="bundled", run_id=run.id, mine=True)
    assert store.adapters.all() == [added]


@pytest.mark.parametrize("fields", [{"state": "cancelled"}, {"cancel_requested_at": now()}])
def test_a_run_that_was_cancelled_before_it_began_is_not_claimed(
    store: Store, fields: dict[str, object]
) -> None:
    run = store.runs.create(RunConfig())
    store.runs.update(run.id, **fields)
    with pytest.raises(JobError, match="cancelled"):
        store.runs.claim(run.id)
    assert store.runs.get(run.id).state == "cancelled"


def test_without_a_folder_there_is_no_run(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "refused")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", refuse)
        with pytest.raises(ReadOnlyStoreError):
            store.runs.create(RunConfig())
    assert store.runs.all() == []
    assert store.runs.create(RunConfig()).state == "queued"


def test_a_folder_from_another_life_is_moved_aside(store: Store, settings: Settings) -> None:
    old = settings.runs_dir / "1"
    old.mkdir(parents=True)
    (old / "progress.jsonl").write_text("old")
    run = store.runs.create(RunConfig())
    assert run.folder == old
    assert not run.progress_path.exists()
    assert [path.read_text() for path in settings.runs_dir.glob("1.before-*/progress.jsonl")] == ["old"]
