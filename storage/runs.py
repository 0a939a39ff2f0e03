"""Training runs: the row is the truth about a run, whoever watches it."""

from __future__ import annotations

import json
import os
import platform
import time
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sayo_app.errors import JobError, RunActiveError
from storage.database import Database
from storage.files import file_error, replacing
from storage.models import Adapter, Run, now
from storage.pictures import not_found
from storage.records import ACTIVE_RUN_STATES, FINAL_RUN_STATES, RUN_STATES, RunConfig, RunRecord

UPDATABLE = (
    "state",
    "pid",
    "process_started_at",
    "host",
    "error",
    "started_at",
    "cancel_requested_at",
    "finished_at",
    "adapter_id",
)


class RunStore(Database):
    """Runs, at most one of them active."""

    def create_run(self, config: RunConfig) -> RunRecord:
        """A queued run with its folder and config.json.

        Raises:
            RunActiveError: another run is queued or running.
            ReadOnlyStoreError, StorageError: row or folder cannot be written.
        """
        with self.write() as session:
            row = Run(state="queued", config=config.to_dict(), host=this_host())
            session.add(row)
            try:
                session.flush()
            except IntegrityError as error:
                raise RunActiveError(
                    expected="no training run under way",
                    got="one that is queued or running",
                    remedy="Wait for it to finish or cancel it, then start again.",
                ) from error
            record = self._run_record(row)
            _make_folder(record.folder)
            with replacing(record.folder / "config.json") as path:
                path.write_text(json.dumps(record.config, indent=2) + "\n", encoding="utf-8")
            return record

    def get_run(self, run_id: int) -> RunRecord:
        """Raises NotFoundError."""
        with self.read() as session:
            return self._run_record(_run(session, run_id))

    def active_run(self) -> RunRecord | None:
        with self.read() as session:
            row = session.scalar(select(Run).where(Run.state.in_(ACTIVE_RUN_STATES)))
            return None if row is None else self._run_record(row)

    def list_runs(self) -> list[RunRecord]:
        """Newest first."""
        with self.read() as session:
            return [self._run_record(row) for row in session.scalars(select(Run).order_by(Run.id.desc()))]

    def update_run(self, run_id: int, **fields: Any) -> RunRecord:
        """Changes fields of an active run and gives what the row then says.

        How a run ended is said once: an ended run stays as it is, whatever comes too late (a cancel that
        crosses the finish, a job that was already found dead).

        Raises:
            NotFoundError: no such run or adapter.
            JobError: an unknown field or state.
        """
        unknown = sorted(set(fields) - set(UPDATABLE))
        if unknown or fields.get("state", "queued") not in RUN_STATES:
            raise JobError(
                expected=f"fields among {', '.join(UPDATABLE)} and a state among {', '.join(RUN_STATES)}",
                got=f"{unknown or fields['state']}",
                remedy="This is a fault in the program: please report it.",
            )
        with self.write() as session:
            row = _run(session, run_id)
            if row.state in FINAL_RUN_STATES:
                return self._run_record(row)
            if fields.get("adapter_id") is not None and session.get(Adapter, fields["adapter_id"]) is None:
                raise not_found("adapter", fields["adapter_id"])
            for name, value in fields.items():
                setattr(row, name, value)
            if row.state == "running" and row.started_at is None:
                row.started_at = now()
            if row.state in FINAL_RUN_STATES and row.finished_at is None:
                row.finished_at = now()
            return self._run_record(row)

    def claim_run(self, run_id: int) -> RunRecord:
        """Called by the training process: the run is now running in this process.

        Raises:
            JobError: the run has ended, or was to be cancelled and now is; do not train.
        """
        process = psutil.Process(os.getpid())
        run = self.update_run(
            run_id,
            state="running",
            pid=process.pid,
            process_started_at=process.create_time(),
            host=this_host(),
        )
        if run.active and run.cancel_requested_at is not None:
            run = self.update_run(run_id, state="cancelled")
        if not run.active:
            raise JobError(
                expected=f"run {run_id} to be waiting for its process",
                got=f"a run that is {run.state}",
                remedy="Start a new run.",
            )
        return run

    def run_folder(self, run_id: int) -> Path:
        return self.settings.runs_dir / str(run_id)

    def _run_record(self, row: Run) -> RunRecord:
        return RunRecord(
            id=row.id,
            state=row.state,
            config=row.config,
            pid=row.pid,
            process_started_at=row.process_started_at,
            host=row.host,
            error=row.error,
            created_at=row.created_at,
            started_at=row.started_at,
            cancel_requested_at=row.cancel_requested_at,
            finished_at=row.finished_at,
            adapter_id=row.adapter_id,
            folder=self.run_folder(row.id),
        )


def this_host() -> str:
    """This machine's name: a process id means nothing on another one."""
    return platform.node()


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
