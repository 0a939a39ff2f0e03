"""Trained adapters and which one is in use."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from sayo_app.errors import AdapterError
from storage.base.audit import note_change
from storage.base.database import Database, not_found
from storage.base.models import Adapter, AdapterSwitch, Run, now
from storage.base.records import ACTIVE_RUN_STATES, AdapterRecord
from storage.base.texts import one_line
from storage.runs.process_identity import require_mine

MAX_NAME = 100


class Adapters:
    """Rows on adapters and which one is in use; their weights lie in folders that training writes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        *,
        name: str,
        path: Path,
        base_model: str,
        run_id: int | None = None,
        summary: dict[str, Any] | None = None,
        mine: bool = False,
    ) -> AdapterRecord:
        """A row for weights that lie in their folder.

        Args:
            mine: said by the process that carries the run out; one that has lost it adds nothing.

        Raises:
            NotFoundError: an unknown run.
            LostRunError: `mine`, and the run has ended, or is another process's by now.
        """
        with self._database.write() as session:
            run = None if run_id is None else session.get(Run, run_id, with_for_update=True)
            if run_id is not None and run is None:
                raise not_found("run", run_id)
            if mine and run is not None:
                require_mine(run)
            row = Adapter(
                # Cut rather than refused: the training behind it is done.
                name=one_line(name)[:MAX_NAME] or "adapter",
                path=self._stored(path),
                base_model=base_model,
                run_id=run_id,
                summary=_finite(summary or {}),
            )
            session.add(row)
            session.flush()
            note_change(session, "adapters.add", _subject(row), after={"name": row.name, "run": run_id})
            return self._record(row)

    def all(self) -> list[AdapterRecord]:
        """Newest first, without those deleted."""
        with self._database.read() as session:
            query = select(Adapter).where(Adapter.deleted_at.is_(None)).order_by(Adapter.id.desc())
            return [self._record(row) for row in session.scalars(query)]

    def rename(self, adapter_id: int, name: str) -> AdapterRecord:
        """Raises NotFoundError; AdapterError for an empty or overlong name."""
        name = one_line(name)
        if not 0 < len(name) <= MAX_NAME:
            raise AdapterError(
                expected=f"a name of 1 to {MAX_NAME} characters",
                got=f"{len(name)}",
                remedy="Type another one.",
            )
        with self._database.write() as session:
            row = _present(session, adapter_id)
            before, row.name = row.name, name
            names = {"name": before}, {"name": row.name}
            note_change(session, "adapters.rename", _subject(row), before=names[0], after=names[1])
            return self._record(row)

    def delete(self, adapter_id: int) -> None:
        """Takes it off the list and removes its folder, if that lies in the data folder.

        Its row stays, since corrections and runs name it.

        Raises:
            NotFoundError: no such adapter.
            AdapterError: it is in use, or a run that is queued or running starts from it.
        """
        with self._database.write() as session:
            row = _present(session, adapter_id)
            active = session.scalars(select(Run).where(Run.state.in_(ACTIVE_RUN_STATES)))
            needed = [run.id for run in active if run.config.get("base_adapter_id") == adapter_id]
            used = session.scalar(select(AdapterSwitch).order_by(AdapterSwitch.id.desc()).limit(1))
            if needed or (used is not None and used.adapter_id == adapter_id):
                raise AdapterError(
                    expected="an adapter that nothing uses",
                    got=f"one that run {needed[0]} starts from" if needed else "the one that Ask uses",
                    remedy="Cancel the run first." if needed else "Switch to another one first.",
                )
            row.deleted_at = now()
            note_change(session, "adapters.delete", _subject(row), before={"name": row.name})
            folder = self._database.settings.data_dir / row.path
        if folder.resolve().is_relative_to(self._database.settings.adapters_dir.resolve()):
            shutil.rmtree(folder, ignore_errors=True)

    def previous(self) -> tuple[bool, AdapterRecord | None]:
        """(whether there is one to go back to, the one in use before the present one; None is the base)."""
        with self._database.read() as session:
            switches = session.scalars(select(AdapterSwitch).order_by(AdapterSwitch.id.desc()))
            ids = [switch.adapter_id for switch in switches]
            # Before the first switch it was the base model.
            for adapter_id in [one for one in [*ids, None] if ids and one != ids[0]]:
                row = None if adapter_id is None else session.get(Adapter, adapter_id)
                if row is None or row.deleted_at is None:
                    return True, None if row is None else self._record(row)
            return False, None

    def get(self, adapter_id: int) -> AdapterRecord:
        """Raises NotFoundError."""
        with self._database.read() as session:
            row = session.get(Adapter, adapter_id)
            if row is None:
                raise not_found("adapter", adapter_id)
            return self._record(row)

    def active(self) -> AdapterRecord | None:
        """The adapter in use; None is the base model."""
        with self._database.read() as session:
            row = session.scalar(select(AdapterSwitch).order_by(AdapterSwitch.id.desc()).limit(1))
            adapter = session.get(Adapter, row.adapter_id) if row and row.adapter_id is not None else None
            return None if adapter is None else self._record(adapter)

    def set_active(self, adapter_id: int | None) -> None:
        """Raises NotFoundError; the adapter in use then stays."""
        with self._database.write() as session:
            if adapter_id is not None and session.get(Adapter, adapter_id) is None:
                raise not_found("adapter", adapter_id)
            used = session.scalar(select(AdapterSwitch).order_by(AdapterSwitch.id.desc()).limit(1))
            before = {"adapter": None if used is None else used.adapter_id}
            note_change(session, "adapters.switch", "Ask", before=before, after={"adapter": adapter_id})
            session.add(AdapterSwitch(adapter_id=adapter_id))

    def _stored(self, path: Path) -> str:
        path, data_dir = path.resolve(), self._database.settings.data_dir.resolve()
        return str(path.relative_to(data_dir) if path.is_relative_to(data_dir) else path)

    def _record(self, row: Adapter) -> AdapterRecord:
        return AdapterRecord(
            id=row.id,
            name=row.name,
            path=self._database.settings.data_dir / row.path,
            base_model=row.base_model,
            run_id=row.run_id,
            created_at=row.created_at,
            summary=row.summary,
        )


def _subject(row: Adapter) -> str:
    return f"adapter {row.id}"


def _present(session: Session, adapter_id: int) -> Adapter:
    row = session.get(Adapter, adapter_id, with_for_update=True)
    if row is None or row.deleted_at is not None:
        raise not_found("adapter", adapter_id)
    return row


def _finite(value: Any) -> Any:
    """NaN and infinity are not JSON; a figure that could not be measured becomes None."""
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
