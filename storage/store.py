"""The store as the rest of the app sees it."""

from __future__ import annotations

from sayo_app.settings import Settings
from storage.base.database import Database
from storage.base.pictures import Pictures
from storage.base.traces import Traces
from storage.people.accounts import Accounts
from storage.people.audit_log import AuditLog
from storage.runs.adapter_store import Adapters
from storage.runs.run_store import Runs
from storage.work.corrections import Corrections
from storage.work.drafts import Drafts
from storage.work.imports import Imports
from storage.work.items import Items
from storage.work.reviews import Reviews
from storage.work.worklist import WorkList


class Store:
    """One data folder and its database, in parts: `store.corrections.revise(...)`, `store.runs.claim(...)`.

    Each call of a part is one transaction. Opening it makes or migrates the database; `Database` says what
    that can raise, and what several processes may do at once.

    Attributes:
        database: what the parts share; for transactions of one's own.
        pictures, traces: files by content hash.
        items, drafts, corrections, worklist, reviews, imports: what people do.
        runs, adapters: what training does.
        accounts, audit: who signs in, and who changed what.
    """

    def __init__(self, settings: Settings) -> None:
        self.database = database = Database(settings)
        self.pictures = Pictures(database)
        self.traces = Traces(database)
        self.items = Items(database)
        self.drafts = Drafts(database)
        self.corrections = Corrections(database, self.traces)
        self.worklist = WorkList(database)
        self.reviews = Reviews(database, self.pictures, self.items, self.corrections)
        self.imports = Imports(database)
        self.runs = Runs(database)
        self.adapters = Adapters(database)
        self.accounts = Accounts(database)
        self.audit = AuditLog(database)

    @property
    def settings(self) -> Settings:
        return self.database.settings

    @property
    def read_only(self) -> bool:
        """Whether it can be read but not written."""
        return self.database.read_only

    @property
    def writable(self) -> bool:
        """Whether what the person does on whose behalf this runs is kept."""
        return self.database.writable

    def close(self) -> None:
        self.database.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
