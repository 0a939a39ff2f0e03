"""Start, cancel and look after training runs. The database row is the truth; a tab only looks at it."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sayo_app.core.disk import require_room
from sayo_app.errors import JobError, RunActiveError, SettingsError, TooFewCorrectionsError
from sayo_app.jobs import processes
from sayo_app.jobs.progress import log_tail
from sayo_app.run_config import RunConfig
from sayo_app.settings import REPOSITORY_DIR, Settings
from storage.base.models import now
from storage.base.records import COUNTED_STATES, RunRecord
from storage.runs.process_identity import this_host
from storage.store import Store

logger = logging.getLogger(__name__)

# Held-out and training pictures are apart, so what counts is pictures: at the default share of a
# quarter, 12 leave 9 to train on and 3 to measure with.
MIN_CORRECTED_PICTURES = 12

# A run whose turn it is and that got no process in this time: whoever was starting it has died.
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
    return Enough(store.corrections.count_pictures(COUNTED_STATES), MIN_CORRECTED_PICTURES)


def start_run(
    store: Store, settings: Settings, config: RunConfig, *, command: Command = training_command
) -> RunRecord:
    """Queues a run and, if the device is free, starts it in a process that goes on when this one ends.

    Args:
        command: gives the command line for the run.

    Raises:
        TooFewCorrectionsError: not enough corrected pictures.
        RunActiveError: the very same run is queued or running; another one of it would tell nothing new.
        JobError: the process cannot be started; the run is then stored as failed.
        ReadOnlyStoreError, StorageError: the run cannot be stored, or there is no room for it.
    """
    have, needed = check_enough(store)
    if have < needed:
        raise TooFewCorrectionsError(
            expected=f"corrections on at least {needed} pictures",
            got=f"{have}",
            remedy=f"Correct {needed - have} more, or add generated ones.",
        )
    require_room(settings, "a run")
    reconcile(store)
    twin = next((run for run in store.runs.active() if _same_options(run, config)), None)
    if twin is not None:
        raise RunActiveError(
            expected="a run with settings of its own",
            got=f"those of run {twin.id}, which is {twin.state}",
            remedy="Change a setting (the seed, say), or cancel that run first.",
        )
    run = store.runs.create(config)
    start_next(store, settings, command=command)
    return store.runs.get(run.id)


def _same_options(run: RunRecord, config: RunConfig) -> bool:
    try:
        return run.run_config == config
    except SettingsError:
        # A newer version has queued it, with options that this one does not know.
        return False


def resume_run(
    store: Store, settings: Settings, run_id: int, *, command: Command = training_command
) -> RunRecord:
    """Queues a cancelled or failed run again; it goes on from its checkpoint, or else from its start.

    Raises:
        NotFoundError: no such run.
        JobError: it is going on, waits, or is finished; or its process cannot be started.
        StorageError: there is no room for it.
    """
    run = _settle(store, store.runs.get(run_id))
    if not run.resumable:
        raise JobError(
            expected="a run that was cancelled or has failed",
            got=f"run {run_id}, which is {run.state}",
            remedy="Start a new run instead." if run.state == "finished" else "Wait, or cancel it first.",
        )
    require_room(settings, "a run")
    store.runs.requeue(run_id, asked=True)
    start_next(store, settings, command=command)
    return store.runs.get(run_id)


def start_next(store: Store, settings: Settings, *, command: Command = training_command) -> RunRecord | None:
    """Starts the first run that waits, if the device is free; None where nothing was started.

    Raises:
        JobError: the process cannot be started; the run is then stored as failed.
    """
    reconcile(store)
    run = None if store.read_only else store.runs.take_next()
    if run is None:
        return None
    try:
        process = processes.spawn(
            command(run),
            environment=_environment(settings),
            log=run.log_path,
        )
    except Exception as error:
        store.runs.update(run.id, state="failed", error=f"The training process did not start: {error}")
        raise JobError(
            expected="the training process to start",
            got=str(error),
            remedy="See whether memory and processes are free on this machine, then start again.",
        ) from error
    run = store.runs.name_process(run.id, process)
    if run.state == "cancelled":
        # Cancelled between its turn and its process: nobody knew whom to stop.
        processes.stop(process)
    return run


def cancel_run(store: Store, run_id: int) -> RunRecord:
    """Asks the run to stop; its process writes a checkpoint and ends. Cancelling again changes nothing.

    The record says how things stand: still running with `cancel_requested_at`, or ended.

    Raises:
        NotFoundError: no such run.
    """
    run = _settle(store, store.runs.get(run_id))
    if not run.active or run.cancel_requested_at is not None:
        return run
    run = store.runs.update(run_id, cancel_requested_at=now())
    if _elsewhere(store, run):
        return run
    process = processes.find(run.pid, run.process_started_at, run.process_identity)
    if process is not None:
        processes.stop(process)
        return run
    return _settle(store, run)


def reconcile(store: Store) -> RunRecord | None:
    """Ends runs whose process is gone; gives the run that is going on, or waits first, after that.

    A run whose process died is failed, with the tail of its log as the error, or cancelled if that had
    been asked for. A process that does not stop when asked is killed after a minute. A run that was to be
    started by somebody who died goes back into the queue.

    A run of another machine on the same database is that machine's: it is left alone, and if a person
    has cancelled it and nothing came of that for ten minutes, it is cancelled.
    """
    # What a demo's visitor may not settle, `keeper` does.
    if store.writable:
        for run in store.runs.active():
            _settle(store, run)
    return store.runs.current()


def _settle(store: Store, run: RunRecord) -> RunRecord:
    if not run.active:
        return run
    since_cancel = _age(run.cancel_requested_at)
    if _elsewhere(store, run):
        given_up = since_cancel is not None and since_cancel > _ELSEWHERE_GRACE
        return store.runs.update(run.id, state="cancelled") if given_up else run
    process = processes.find(run.pid, run.process_started_at, run.process_identity)
    if process is not None:
        if since_cancel is not None and since_cancel > _CANCEL_GRACE:
            logger.warning("Run %d did not stop when asked: killing process %d", run.id, process.pid)
            processes.stop(process, force=True)
        elif since_cancel is not None and store.database.shared:
            # It may have been cancelled on another machine, which could not tell the process.
            processes.stop(process)
        return run
    # The row may have changed since it was read: its process started, or said its last word.
    fresh = store.runs.get(run.id)
    if fresh != run:
        return _settle(store, fresh)
    return _without_process(store, run)


def _without_process(store: Store, run: RunRecord) -> RunRecord:
    """What becomes of an active run that has no process (any more)."""
    if run.cancel_requested_at is not None:
        return store.runs.update(run.id, state="cancelled")
    if run.state == "queued":
        # A process that waited with it has died: anybody may start it now.
        return run if run.pid is None else store.runs.requeue(run.id)
    if run.pid is None:
        waited = _age(run.started_at)
        return run if waited is not None and waited < _START_GRACE else store.runs.requeue(run.id)
    tail = log_tail(run).strip() or "Its log is empty."
    logger.warning("Run %d ended without a result", run.id)
    return store.runs.update(
        run.id,
        state="failed",
        error=f"The training process ended without a result. The end of its log:\n{tail}",
    )


def _elsewhere(store: Store, run: RunRecord) -> bool:
    """Whether the run belongs to another machine. A database file has one machine, whatever its name now."""
    return store.database.shared and run.host not in (None, this_host())


def _age(moment: datetime | None) -> timedelta | None:
    return None if moment is None else datetime.now(UTC) - moment


def _environment(settings: Settings) -> dict[str, str]:
    """Our environment with the settings in it, as `Settings.from_environment` reads them.

    The folder stays ours too, so that relative paths mean the same; the code is found by PYTHONPATH.
    """
    values = dict(os.environ)
    for name, value in settings:
        values.pop(f"SAYO_{name.upper()}", None)
        if value is not None:
            values[f"SAYO_{name.upper()}"] = str(value)
    inherited = values.get("PYTHONPATH")
    values["PYTHONPATH"] = os.pathsep.join([str(REPOSITORY_DIR), *([inherited] if inherited else [])])
    return values | {"PYTHONSAFEPATH": "1", "PYTHONUNBUFFERED": "1"}
