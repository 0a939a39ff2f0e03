"""Start, cancel and look after training runs. The database row is the truth; a tab only looks at it."""

from __future__ import annotations

import dataclasses
import logging
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sayo_app.errors import JobError, TooFewCorrectionsError
from sayo_app.jobs import processes
from sayo_app.jobs.progress import log_tail
from sayo_app.settings import REPOSITORY_DIR, Settings
from storage.models import now
from storage.records import RunConfig, RunRecord
from storage.runs import this_host
from storage.store import Store

logger = logging.getLogger(__name__)

# Held-out and training pictures are apart, so what counts is pictures: at the default share of a
# quarter, 12 leave 9 to train on and 3 to measure with.
MIN_CORRECTED_PICTURES = 12
TRAINABLE_STATES = ("submitted", "accepted")

# A run that got no process in this time never will: whoever was starting it has died.
_START_GRACE = timedelta(seconds=30)
# After a cancel, time to finish the step under way and write a checkpoint.
_CANCEL_GRACE = timedelta(seconds=60)
# Another machine stops its own run when it next looks. If it has not in this time, it is gone.
_ELSEWHERE_GRACE = timedelta(minutes=10)

Command = Callable[[RunRecord], list[str]]


class Enough(NamedTuple):
    """How many corrected pictures there are and how many a run needs."""

    have: int
    needed: int


def training_command(run: RunRecord) -> list[str]:
    """The settings travel in the environment: a database URL may hold a password."""
    return [sys.executable, "-m", "training", "train", "--run", str(run.id)]


def check_enough(store: Store) -> Enough:
    """Pictures with a correction that can be trained on, and how many of them are needed."""
    pictures = {c.picture_id for c in store.list_corrections() if c.state in TRAINABLE_STATES}
    return Enough(len(pictures), MIN_CORRECTED_PICTURES)


def start_run(
    store: Store, settings: Settings, config: RunConfig, *, command: Command = training_command
) -> RunRecord:
    """Starts training in a process of its own, which goes on when this one ends.

    Args:
        command: gives the command line for the run.

    Raises:
        TooFewCorrectionsError: not enough corrected pictures.
        RunActiveError: another run is queued or running.
        JobError: the process cannot be started; the run is then stored as failed.
        ReadOnlyStoreError, StorageError: the run cannot be stored.
    """
    have, needed = check_enough(store)
    if have < needed:
        raise TooFewCorrectionsError(
            expected=f"corrections on at least {needed} pictures",
            got=f"{have}",
            remedy=f"Correct {needed - have} more, or add generated ones.",
        )
    reconcile(store)
    run = store.create_run(config)
    try:
        process = processes.spawn(
            command(run),
            environment=_environment(settings),
            log=run.log_path,
        )
    except Exception as error:
        store.update_run(run.id, state="failed", error=f"The training process did not start: {error}")
        raise JobError(
            expected="the training process to start",
            got=str(error),
            remedy="See whether memory and processes are free on this machine, then start again.",
        ) from error
    run = store.update_run(
        run.id,
        state="running",
        pid=process.pid,
        process_started_at=process.create_time(),
        host=this_host(),
    )
    if run.state == "cancelled":
        # Cancelled between its row and its process: nobody knew whom to stop.
        processes.stop(process)
    return run


def cancel_run(store: Store, run_id: int) -> RunRecord:
    """Asks the run to stop; its process writes a checkpoint and ends. Cancelling again changes nothing.

    The record says how things stand: still running with `cancel_requested_at`, or ended.

    Raises:
        NotFoundError: no such run.
    """
    run = _settle(store, store.get_run(run_id))
    if not run.active or run.cancel_requested_at is not None:
        return run
    run = store.update_run(run_id, cancel_requested_at=now())
    if _elsewhere(store, run):
        return run
    process = processes.find(run.pid, run.process_started_at)
    if process is not None:
        processes.stop(process)
        return run
    return _settle(store, run)


def reconcile(store: Store) -> RunRecord | None:
    """Ends the active run if its process is gone; gives the run that is active after that.

    A run whose process died is failed, with the tail of its log as the error, or cancelled if that had
    been asked for. A process that does not stop when asked is killed after a minute.

    A run of another machine on the same database is that machine's: it is left alone, and if a person
    has cancelled it and nothing came of that for ten minutes, it is cancelled.
    """
    run = store.active_run()
    if run is None or store.read_only:
        return run
    run = _settle(store, run)
    return run if run.active else None


def _settle(store: Store, run: RunRecord) -> RunRecord:
    if not run.active:
        return run
    since_cancel = _age(run.cancel_requested_at)
    if _elsewhere(store, run):
        given_up = since_cancel is not None and since_cancel > _ELSEWHERE_GRACE
        return store.update_run(run.id, state="cancelled") if given_up else run
    process = processes.find(run.pid, run.process_started_at)
    if process is not None:
        if since_cancel is not None and since_cancel > _CANCEL_GRACE:
            logger.warning("Run %d did not stop when asked: killing process %d", run.id, process.pid)
            processes.stop(process, force=True)
        elif since_cancel is not None and store.shared:
            # It may have been cancelled on another machine, which could not tell the process.
            processes.stop(process)
        return run
    # The row may have changed since it was read: its process started, or said its last word.
    fresh = store.get_run(run.id)
    if fresh != run:
        return _settle(store, fresh)
    if since_cancel is not None:
        return store.update_run(run.id, state="cancelled")
    if run.pid is None and datetime.now(UTC) - run.created_at < _START_GRACE:
        return run
    tail = log_tail(run).strip() or "Its log is empty."
    logger.warning("Run %d ended without a result", run.id)
    return store.update_run(
        run.id,
        state="failed",
        error=f"The training process ended without a result. The end of its log:\n{tail}",
    )


def _elsewhere(store: Store, run: RunRecord) -> bool:
    """Whether the run belongs to another machine. A database file has one machine, whatever its name now."""
    return store.shared and run.host not in (None, this_host())


def _age(moment: datetime | None) -> timedelta | None:
    return None if moment is None else datetime.now(UTC) - moment


def _environment(settings: Settings) -> dict[str, str]:
    """Our environment with the settings in it, as `Settings.from_environment` reads them.

    The folder stays ours too, so that relative paths mean the same; the code is found by PYTHONPATH.
    """
    values = dict(os.environ)
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        values.pop(f"SAYO_{field.name.upper()}", None)
        if value is not None:
            values[f"SAYO_{field.name.upper()}"] = str(value)
    inherited = values.get("PYTHONPATH")
    values["PYTHONPATH"] = os.pathsep.join([str(REPOSITORY_DIR), *([inherited] if inherited else [])])
    return values | {"PYTHONSAFEPATH": "1", "PYTHONUNBUFFERED": "1"}
