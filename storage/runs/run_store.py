"""Training runs: the row is the truth about a run, whoever watches it.

Runs wait in a queue, oldest first; on each device of a machine one at a time is running.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sayo_app.access.current import current
from sayo_app.core.files import file_error, write_text
from sayo_app.errors import JobError, LostRunError, RunActiveError
from sayo_app.run_config import RunConfig
from sayo_app.settings import Settings
from storage.base.audit import note_change
from storage.base.database import Database, not_found
from storage.base.models import Adapter, AuditEntry, Run, now
from storage.base.records import ACTIVE_RUN_STATES, FINAL_RUN_STATES, RUN_STATES, RunRecord
from storage.base.texts import clean, short
from storage.runs.process_identity import named, require_mine, someone_elses, this_host, this_process

MAX_NOTES = 10_000
# Of the error, at most: its end says what happened.
_MAX_ERROR = 20_000
UPDATABLE = (
    "state",
    "pid",
    "process_started_at",
    "process_identity",
    "host",
    "device",
    "record",
    "error",
    "started_at",
    "cancel_requested_at",
    "finished_at",
    "adapter_id",
)


class Runs:
    """Runs and their folders: any number queued, one running on a device."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, config: RunConfig, *, mine: bool = False) -> RunRecord:
        """A queued run with its folder and config.json.

        Args:
            mine: this process will carry it out when its turn comes; otherwise somebody starts one for it.

        Raises:
            JobError: as many wait or go on as may, of all people or of this one.
            ReadOnlyStoreError, StorageError: row or folder cannot be written.
        """
        process = this_process() if mine else {}
        with self._database.write() as session:
            _require_room(session, self._database.settings)
            row = Run(
                state="queued",
                config=config.to_dict(),
                device=self._database.settings.device,
                **({"host": this_host()} | process),
            )
            session.add(row)
            session.flush()
            said = {"name": config.name, "steps": config.steps, "model": config.model}
            note_change(session, "runs.start", f"run {row.id}", after=said)
            record = self._record(row)
            _make_folder(record.folder)
            write_text(record.folder / "config.json", json.dumps(record.config, indent=2) + "\n")
            return record

    def get(self, run_id: int) -> RunRecord:
        """Raises NotFoundError."""
        with self._database.read() as session:
            return self._record(_run(session, run_id))

    def current(self) -> RunRecord | None:
        """The run that is going on, or else the first that waits."""
        runs = self.active()
        return next((run for run in runs if run.state == "running"), runs[0] if runs else None)

    def active(self) -> list[RunRecord]:
        """Those running or queued, oldest first."""
        with self._database.read() as session:
            query = select(Run).where(Run.state.in_(ACTIVE_RUN_STATES)).order_by(Run.id)
            return [self._record(row) for row in session.scalars(query)]

    def all(self) -> list[RunRecord]:
        """Newest first."""
        with self._database.read() as session:
            return [self._record(row) for row in session.scalars(select(Run).order_by(Run.id.desc()))]

    def update(self, run_id: int, *, mine: bool = False, **fields: Any) -> RunRecord:
        """Changes fields of an active run and gives what the row then says.

        How a run ended is said once: an ended run stays as it is, whatever comes too late (a cancel that
        crosses the finish, a job that was already found dead).

        Args:
            mine: said by the process that carries the run out, and by no other.

        Raises:
            LostRunError: `mine`, and it has ended, or is another process's by now.
            NotFoundError: no such run or adapter.
            RunActiveError: it is to run on a device where another one is running.
            JobError: an unknown field or state.
        """
        unknown = sorted(set(fields) - set(UPDATABLE))
        if unknown or fields.get("state", "queued") not in RUN_STATES:
            raise JobError(
                expected=f"fields among {', '.join(UPDATABLE)} and a state among {', '.join(RUN_STATES)}",
                got=f"{unknown or fields['state']}",
                remedy="This is a fault in the program: please report it.",
            )
        with self._database.write() as session:
            row = _run(session, run_id)
            if mine:
                require_mine(row)
            if fields.get("cancel_requested_at") is not None and row.state in ACTIVE_RUN_STATES:
                note_change(session, "runs.cancel", f"run {run_id}", before={"state": row.state})
            _change(session, row, fields)
            return self._record(row)

    def take_next(self) -> RunRecord | None:
        """The first run that waits, now running on the device of the settings but without a process yet.

        None where none waits, or one is running there. A run queued on another machine that shares the
        database is left to that one.
        """
        mine = (Run.host == this_host(),) if self._database.shared else ()
        try:
            with self._database.write() as session:
                waiting = select(Run).where(Run.state == "queued", Run.pid.is_(None), *mine)
                row = session.scalar(waiting.order_by(Run.id).limit(1).with_for_update())
                if row is None:
                    return None
                row.state, row.started_at = "running", now()
                row.host, row.device = this_host(), self._database.settings.device
                _store_running(session)
                return self._record(row)
        except RunActiveError:
            return None

    def name_process(self, run_id: int, process: psutil.Process) -> RunRecord:
        """The process that was started for a run; one that has the run already keeps it."""
        with self._database.write() as session:
            row = _run(session, run_id)
            if row.pid is None and row.state in ACTIVE_RUN_STATES:
                for name, value in named(process).items():
                    setattr(row, name, value)
            return self._record(row)

    def claim(self, run_id: int) -> RunRecord:
        """Called by the training process: the run is now running in this process.

        Raises:
            RunActiveError: another run is running on this device; this one stays in the queue.
            JobError: the run has ended, or was to be cancelled and now is, or another process has it; do
                not train.
        """
        with self._database.write() as session:
            row = _run(session, run_id)
            if someone_elses(row):
                raise LostRunError(
                    expected=f"run {run_id} to be waiting for its process",
                    got="one that another process carries out",
                    remedy="Nothing is to be done: it goes on there.",
                )
            mine = {"state": "running", "device": self._database.settings.device} | this_process()
            _change(session, row, mine)
            if row.cancel_requested_at is not None:
                _change(session, row, {"state": "cancelled"})
            run = self._record(row)
        if not run.active:
            raise JobError(
                expected=f"run {run_id} to be waiting for its process",
                got=f"a run that is {run.state}",
                remedy="Resume it, or start a new run.",
            )
        return run

    def requeue(self, run_id: int, *, asked: bool = False) -> RunRecord:
        """Puts a failed or cancelled run, or one that lost its process, back into the queue.

        Its folder stays: it goes on from its checkpoint if it has one.

        Args:
            asked: a person wants it; otherwise the app looks after its runs.

        Raises:
            NotFoundError: no such run.
            JobError: it is finished, so that there is nothing to go on with; or as `create`.
        """
        with self._database.write() as session:
            row = _run(session, run_id)
            if row.state == "finished":
                raise JobError(
                    expected="a run that was cancelled or has failed",
                    got=f"run {run_id}, which is finished",
                    remedy="Start a new run from its adapter.",
                )
            if asked:
                note_change(session, "runs.resume", f"run {run_id}", before={"state": row.state})
            if row.state not in ACTIVE_RUN_STATES:
                _require_room(session, self._database.settings)
            row.state, row.host = "queued", this_host()
            row.pid = row.process_started_at = row.process_identity = row.error = None
            row.cancel_requested_at = row.started_at = row.finished_at = None
            return self._record(row)

    def note(self, run_id: int, notes: str) -> RunRecord:
        """Keeps what a person writes about the run, in whatever state it is.

        Raises:
            NotFoundError: no such run.
            CorrectionError: overlong.
        """
        with self._database.write() as session:
            row = _run(session, run_id)
            text = short("a note", notes, MAX_NOTES)
            if text != row.notes:
                note_change(session, "runs.note", f"run {run_id}", after={"notes": text[:200]})
            row.notes = text
            return self._record(row)

    def delete(self, run_id: int) -> None:
        """Removes the run with its folder; the adapter that it made stays.

        Raises:
            NotFoundError: no such run.
            JobError: it is queued or running.
        """
        with self._database.write() as session:
            row = _run(session, run_id)
            if row.state in ACTIVE_RUN_STATES:
                raise JobError(
                    expected="a run that has ended",
                    got=f"run {run_id}, which is {row.state}",
                    remedy="Cancel it first.",
                )
            note_change(session, "runs.delete", f"run {run_id}", before={"state": row.state})
            session.delete(row)
        shutil.rmtree(self.folder(run_id), ignore_errors=True)

    def folder(self, run_id: int) -> Path:
        return self._database.settings.runs_dir / str(run_id)

    def _record(self, row: Run) -> RunRecord:
        return RunRecord(
            id=row.id,
            state=row.state,
            config=row.config,
            record=row.record,
            notes=row.notes,
            pid=row.pid,
            process_started_at=row.process_started_at,
            process_identity=row.process_identity,
            host=row.host,
            device=row.device,
            error=row.error,
            created_at=row.created_at,
            started_at=row.started_at,
            cancel_requested_at=row.cancel_requested_at,
            finished_at=row.finished_at,
            adapter_id=row.adapter_id,
            folder=self.folder(row.id),
        )


def _require_room(session: Session, settings: Settings) -> None:
    """Raises JobError where one more run would be one too many, of all people or of this one."""
    active = {f"run {it}" for it in session.scalars(select(Run.id).where(Run.state.in_(ACTIVE_RUN_STATES)))}
    own, account_id = 0, current().account_id
    if account_id is not None:
        started = select(AuditEntry.subject).filter_by(action="runs.start", account_id=account_id)
        own = len(active & set(session.scalars(started)))
    limits = ((len(active), settings.max_runs, "all people"), (own, settings.max_runs_each, "one person"))
    for count, most, whose in limits:
        if count >= most:
            raise JobError(
                expected=f"at most {most} runs of {whose} that wait or go on",
                got="one more",
                remedy="Wait for one to end, or cancel one.",
            )


def _change(session: Session, row: Run, fields: Mapping[str, Any]) -> None:
    """Sets fields of an active run; an ended one stays as it is."""
    if row.state in FINAL_RUN_STATES:
        return
    if fields.get("adapter_id") is not None and session.get(Adapter, fields["adapter_id"]) is None:
        raise not_found("adapter", fields["adapter_id"])
    for name, value in fields.items():
        setattr(row, name, clean(value)[-_MAX_ERROR:] if name == "error" and value else value)
    if row.state == "running" and row.started_at is None:
        row.started_at = now()
    if row.state in FINAL_RUN_STATES and row.finished_at is None:
        row.finished_at = now()
    _store_running(session)


def _store_running(session: Session) -> None:
    """Raises RunActiveError where the database allows no second run on the device."""
    try:
        session.flush()
    except IntegrityError as error:
        raise RunActiveError(
            expected="a device on which no run is going on",
            got="one that is taken",
            remedy="Wait for the other run to end, or cancel it.",
        ) from error


def _run(session: Session, run_id: int) -> Run:
    row = session.get(Run, run_id, with_for_update=True)
    if row is None:
        raise not_found("run", run_id)
    return row


def _make_folder(folder: Path) -> None:
    """A folder left by another database (say, one that was deleted) is moved aside, never mixed with."""
    try:
        if folder.exists():
            folder.rename(folder.with_name(f"{folder.name}.before-{time.time_ns()}"))
        folder.mkdir(parents=True)
    except OSError as error:
        raise file_error(folder / "config.json", error) from error
