"""A run and its row where the clock is set, or another process is looked at in its place."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psutil
import pytest

from sayo_app.errors import LostRunError
from sayo_app.jobs import cancel_run, control, processes, reconcile, start_next
from sayo_app.run_config import RunConfig
from sayo_app.settings import Settings
from storage.base.records import RunRecord
from storage.store import Store
from tests.jobs.conftest import SLEEPER, script

Start = Callable[..., RunRecord]


def test_another_process_with_the_same_pid_is_left_alone(store: Store) -> None:
    me = psutil.Process()
    run = store.runs.create(RunConfig())
    store.runs.update(run.id, state="running", pid=me.pid, process_started_at=me.create_time() - 3600)
    # Ours is gone, so there is nothing to cancel: it failed before.
    assert cancel_run(store, run.id).state == "failed"


def test_a_step_of_the_clock_leaves_a_live_run_alone(
    store: Store, settings: Settings, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour forwards, as seen by whoever looks after the run: no failure, and no second one beside it."""
    run = start()
    true_time = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: true_time(self) + 3600)
    monkeypatch.setattr(control, "_age", lambda moment: None if moment is None else timedelta(hours=1))
    waiting = store.runs.create(RunConfig(seed=1))
    assert start_next(store, settings, command=script(SLEEPER)) is None
    assert store.runs.get(run.id) == run
    assert store.runs.get(waiting.id).state == "queued"


def test_a_run_whose_start_took_long_by_the_clock_is_carried_out_once(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While its process is being started the clock is set: somebody else starts it, too. One has it."""
    monkeypatch.setattr(control, "_START_GRACE", timedelta(0))
    store.runs.create(RunConfig())

    def started_meanwhile(run: RunRecord) -> list[str]:
        again = start_next(store, settings, command=script(SLEEPER))
        assert again is not None and again.id == run.id
        return script(SLEEPER)(run)

    run = start_next(store, settings, command=started_meanwhile)
    assert run is not None
    # The second starter's process was named first, and stays the row's.
    with pytest.raises(LostRunError):
        store.runs.claim(run.id)
    assert store.runs.get(run.id) == run
    processes.stop(psutil.Process(run.pid))


def test_a_row_that_changes_under_our_eyes_is_looked_at_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = store.runs.create(RunConfig())
    me = psutil.Process()
    looks: list[Any] = []

    def find(pid: int | None, *_: object) -> psutil.Process | None:
        looks.append(pid)
        if len(looks) == 1:  # its process starts just after we looked for it
            store.runs.update(run.id, state="running", pid=me.pid, process_started_at=me.create_time())
        return me if pid == me.pid else None

    monkeypatch.setattr(processes, "find", find)
    monkeypatch.setattr(control, "_START_GRACE", timedelta(0))
    active = reconcile(store)
    assert active is not None
    assert (active.state, looks) == ("running", [None, me.pid])
