"""The store as the rest of the app sees it."""

from __future__ import annotations

from storage.runs.adapter_store import AdapterStore
from storage.runs.run_store import RunStore
from storage.work.imports import ImportStore


class Store(ImportStore, AdapterStore, RunStore):
    """Pictures, traces, work items, corrections, adapters and runs in one data folder and database.

    Opening it makes or migrates the database; `storage.base.database.Database` says what that can raise.
    """

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
