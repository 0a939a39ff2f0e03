"""Several machines on one database.

What tells them apart is the host that a run names; that the database is shared is said here for a file, so
that no server is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from sayo_app.jobs import cancel_run, reconcile
from sayo_app.run_config import RunConfig
from storage.base.database import Database
from storage.base.models import now
from storage.base.records import RunRecord
from storage.store import Store
from tests.jobs.conftest import wait_until

Start = Callable[..., RunRecord]


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Database, "shared", True)


def elsewhere(store: Store, **fields: Any) -> RunRecord:
    """A run under way on another machine, whose process id means nothing here."""
    run = store.runs.create(RunConfig())
    return store.runs.update(
        run.id, state="running", pid=2**22 + 1, process_started_at=1.0, host="another", **fields
    )


def test_a_run_of_another_machine_is_left_alone(store: Store, shared: None) -> None:
    run = elsewhere(store)
    assert reconcile(store) == run
    asked = cancel_run(store, run.id)
    assert asked.state == "running"
    assert asked.cancel_requested_at is not None
    assert reconcile(store) == asked


def test_a_cancel_that_another_machine_never_answers_frees_the_slot(store: Store, shared: None) -> None:
    run = elsewhere(store, cancel_requested_at=now() - timedelta(minutes=11))
    assert reconcile(store) is None
    assert store.runs.get(run.id).state == "cancelled"


def test_a_cancel_from_another_machine_reaches_the_process(store: Store, shared: None, start: Start) -> None:
    run = start()
    store.runs.update(run.id, cancel_requested_at=now())
    reconcile(store)
    wait_until(lambda: reconcile(store) is None)
    assert store.runs.get(run.id).state == "cancelled"


def test_a_file_belongs_to_one_machine_whatever_its_name_is_now(store: Store) -> None:
    # A container has a new host name after each start; its runs are still dead.
    run = elsewhere(store)
    assert reconcile(store) is None
    assert store.runs.get(run.id).state == "failed"
