"""The store as the rest of the app sees it."""

from __future__ import annotations

from storage.adapters import AdapterStore
from storage.reviews import ReviewStore
from storage.runs import RunStore


class Store(ReviewStore, AdapterStore, RunStore):
    """Pictures, traces, work items, corrections, adapters and runs in one data folder and database.

    Opening it makes or migrates the database. See `storage.database.Database` for what opening can raise.
    """

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
