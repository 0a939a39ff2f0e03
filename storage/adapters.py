"""Trained adapters and which one is in use."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from sqlalchemy import select

from storage.database import Database
from storage.models import Adapter, AdapterSwitch, Run
from storage.pictures import not_found
from storage.records import AdapterRecord


class AdapterStore(Database):
    """Rows on adapters; their weights lie in folders that training writes."""

    def add_adapter(
        self,
        *,
        name: str,
        path: Path,
        base_model: str,
        run_id: int | None = None,
        summary: dict[str, Any] | None = None,
    ) -> AdapterRecord:
        """Raises NotFoundError for an unknown run."""
        with self.write() as session:
            if run_id is not None and session.get(Run, run_id) is None:
                raise not_found("run", run_id)
            row = Adapter(
                name=name.strip() or "adapter",
                path=self._stored(path),
                base_model=base_model,
                run_id=run_id,
                summary=_finite(summary or {}),
            )
            session.add(row)
            session.flush()
            return self._record(row)

    def list_adapters(self) -> list[AdapterRecord]:
        """Newest first."""
        with self.read() as session:
            return [self._record(row) for row in session.scalars(select(Adapter).order_by(Adapter.id.desc()))]

    def get_adapter(self, adapter_id: int) -> AdapterRecord:
        """Raises NotFoundError."""
        with self.read() as session:
            row = session.get(Adapter, adapter_id)
            if row is None:
                raise not_found("adapter", adapter_id)
            return self._record(row)

    def active_adapter(self) -> AdapterRecord | None:
        """The adapter in use; None is the base model."""
        with self.read() as session:
            row = session.scalar(select(AdapterSwitch).order_by(AdapterSwitch.id.desc()).limit(1))
            adapter = session.get(Adapter, row.adapter_id) if row and row.adapter_id is not None else None
            return None if adapter is None else self._record(adapter)

    def set_active_adapter(self, adapter_id: int | None) -> None:
        """Raises NotFoundError; the adapter in use then stays."""
        with self.write() as session:
            if adapter_id is not None and session.get(Adapter, adapter_id) is None:
                raise not_found("adapter", adapter_id)
            session.add(AdapterSwitch(adapter_id=adapter_id))

    def _stored(self, path: Path) -> str:
        path, data_dir = path.resolve(), self.settings.data_dir.resolve()
        return str(path.relative_to(data_dir) if path.is_relative_to(data_dir) else path)

    def _record(self, row: Adapter) -> AdapterRecord:
        return AdapterRecord(
            id=row.id,
            name=row.name,
            path=self.settings.data_dir / row.path,
            base_model=row.base_model,
            run_id=row.run_id,
            created_at=row.created_at,
            summary=row.summary,
        )


def _finite(value: Any) -> Any:
    """NaN and infinity are not JSON; a figure that could not be measured becomes None."""
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
