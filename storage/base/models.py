"""The tables. A correction's row holds what never changes; what a person may change is in its revisions.

Work entries are derived from all of these: the list that people filter, sort and page through.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from sayo_app.access.roles import ROLES
from storage.base.records import CORRECTION_STATES, ENTRY_STATES, ORIGINS, RUN_STATES


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC on the Python side, whatever the database keeps (SQLite keeps no time zone)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a time zone cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def now() -> datetime:
    return datetime.now(UTC)


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


class Base(DeclarativeBase):
    # Named constraints, so that a later migration can change them on SQLite too.
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcDateTime, dict[str, Any]: JSON, list[Any]: JSON}  # noqa: RUF012


class Picture(Base):
    __tablename__ = "pictures"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    width: Mapped[int]
    height: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Adapter(Base):
    __tablename__ = "adapters"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    # Relative to the data folder where it lies inside, so that the folder can be moved.
    path: Mapped[str] = mapped_column(Text)
    base_model: Mapped[str] = mapped_column(Text)
    # No foreign key: runs point here, and SQLite cannot make two tables that point at each other.
    run_id: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    # Its files are gone; corrections and runs still name it.
    deleted_at: Mapped[datetime | None]
    summary: Mapped[dict[str, Any]]


class AdapterSwitch(Base):
    """One row each time the adapter in use was changed; the last row says which it is."""

    __tablename__ = "adapter_switches"

    id: Mapped[int] = mapped_column(primary_key=True)
    adapter_id: Mapped[int | None] = mapped_column(ForeignKey("adapters.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)


class ImportBatch(Base):
    """One import: its items and corrections name it, so that it can be undone as a whole."""

    __tablename__ = "import_batches"

    id: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(Text)
    format: Mapped[str] = mapped_column(String(40))
    author: Mapped[str] = mapped_column(String(200))
    summary: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=now)
    undone_at: Mapped[datetime | None]


class WorkItem(Base):
    """A question on a picture, once in a store; several people may correct the answers to it."""

    __tablename__ = "work_items"
    # The hash stands for the text: PostgreSQL indexes no text of any length.
    __table_args__ = (UniqueConstraint("picture_id", "question_sha256"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    picture_id: Mapped[str] = mapped_column(ForeignKey("pictures.id"))
    question: Mapped[str] = mapped_column(Text)
    question_sha256: Mapped[str] = mapped_column(String(64))
    answer: Mapped[str | None] = mapped_column(Text)
    family: Mapped[str | None] = mapped_column(String(100))
    batch_id: Mapped[int | None] = mapped_column(ForeignKey("import_batches.id"), index=True)
    priority: Mapped[int] = mapped_column(default=0)
    # How many corrections are asked for: until there are as many, the item is on the list as to do.
    wanted: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Correction(Base):
    __tablename__ = "corrections"
    __table_args__ = (CheckConstraint(_one_of("origin", ORIGINS), name="origin"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("work_items.id"), index=True)
    picture_id: Mapped[str] = mapped_column(ForeignKey("pictures.id"), index=True)
    # Who made the first revision; a reviewer's revision does not make it the reviewer's.
    annotator: Mapped[str] = mapped_column(String(200))
    model: Mapped[str] = mapped_column(Text)
    adapter_id: Mapped[int | None] = mapped_column(ForeignKey("adapters.id"))
    answer_shown: Mapped[str] = mapped_column(Text)
    trace_id: Mapped[str | None] = mapped_column(String(64), index=True)
    origin: Mapped[str] = mapped_column(String(20))
    family: Mapped[str | None] = mapped_column(String(100))
    batch_id: Mapped[int | None] = mapped_column(ForeignKey("import_batches.id"), index=True)
    revision: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default=now)


class CorrectionRevision(Base):
    __tablename__ = "correction_revisions"
    __table_args__ = (
        UniqueConstraint("correction_id", "revision"),
        CheckConstraint(_one_of("state", CORRECTION_STATES), name="state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    correction_id: Mapped[int] = mapped_column(ForeignKey("corrections.id"))
    revision: Mapped[int]
    question: Mapped[str] = mapped_column(Text)
    regions: Mapped[list[Any]]
    corrected_answer: Mapped[str | None] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(20))
    comment: Mapped[str] = mapped_column(Text, default="")
    flagged: Mapped[bool] = mapped_column(default=False)
    reward: Mapped[float | None] = mapped_column(Double)
    author: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(default=now)


class ImportNote(Base):
    """What an imported row said that has no column here; written again where its format is exported."""

    __tablename__ = "import_notes"

    correction_id: Mapped[int] = mapped_column(ForeignKey("corrections.id"), primary_key=True)
    extra: Mapped[dict[str, Any]]


class Draft(Base):
    """What somebody has drawn and not saved yet. Its version grows with every autosave."""

    __tablename__ = "drafts"
    __table_args__ = (UniqueConstraint("item_id", "author", "revises"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("work_items.id"))
    author: Mapped[str] = mapped_column(String(200))
    # The correction that is being changed, 0 for a new one: a NULL would not be unique.
    revises: Mapped[int]
    tab: Mapped[str] = mapped_column(String(64))
    version: Mapped[int]
    # NULL where it was saved or thrown away: the row stays, so that another tab is told by whom.
    content: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    updated_at: Mapped[datetime] = mapped_column(default=now)


class WorkEntry(Base):
    """One narrow row for each correction as it stands, and for each item that waits for one.

    Everything that the work list filters and sorts by is in this one table, next to each other.
    """

    __tablename__ = "work_entries"
    __table_args__ = (
        CheckConstraint(_one_of("state", ENTRY_STATES), name="state"),
        *(
            Index(None, *first, order, "id")
            for order in ("reward_key", "updated_at", "priority_key")
            for first in ((), ("state",), ("annotator",))
        ),
        Index(None, "batch_id", "state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("work_items.id"), index=True)
    correction_id: Mapped[int | None] = mapped_column(ForeignKey("corrections.id"), unique=True)
    batch_id: Mapped[int | None]
    state: Mapped[str] = mapped_column(String(20))
    annotator: Mapped[str] = mapped_column(String(200))
    model: Mapped[str] = mapped_column(Text)
    family: Mapped[str] = mapped_column(String(100))
    origin: Mapped[str] = mapped_column(String(20))
    flagged: Mapped[bool]
    reward_key: Mapped[float] = mapped_column(Double)
    priority_key: Mapped[int]
    updated_at: Mapped[datetime]
    search_text: Mapped[str] = mapped_column(Text)


_RUNNING = text("state = 'running'")


class Run(Base):
    __tablename__ = "runs"
    __table_args__ = (
        CheckConstraint(_one_of("state", RUN_STATES), name="state"),
        # Any number may wait, but a device of a machine runs one at a time, whoever starts it.
        Index(
            "one_running_run",
            "host",
            "device",
            unique=True,
            sqlite_where=_RUNNING,
            postgresql_where=_RUNNING,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(String(20))
    config: Mapped[dict[str, Any]]
    # What it was made of: code, data, machine, libraries.
    record: Mapped[dict[str, Any]] = mapped_column(default=dict)
    notes: Mapped[str] = mapped_column(Text, default="")
    pid: Mapped[int | None]
    process_started_at: Mapped[float | None] = mapped_column(Double)
    process_identity: Mapped[str | None] = mapped_column(String(100))
    host: Mapped[str | None] = mapped_column(Text)
    device: Mapped[str] = mapped_column(String(40))
    error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=now)
    started_at: Mapped[datetime | None]
    cancel_requested_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    adapter_id: Mapped[int | None] = mapped_column(ForeignKey("adapters.id"))


class Account(Base):
    """Somebody who signs in; never removed, as work and audit entries name it."""

    __tablename__ = "accounts"
    __table_args__ = (
        UniqueConstraint("source", "subject"),
        CheckConstraint(_one_of("role", ROLES), name="role"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    # Where the person signs in, and what they are called there for good.
    source: Mapped[str] = mapped_column(String(20))
    subject: Mapped[str] = mapped_column(String(500))
    # The name that work is kept under.
    name: Mapped[str] = mapped_column(String(200), unique=True)
    role: Mapped[str] = mapped_column(String(20))
    password_hash: Mapped[str | None] = mapped_column(Text)
    # A sign-in is good for as long as this is the same.
    stamp: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(default=now)
    seen_at: Mapped[datetime | None]


class AuditEntry(Base):
    """Something that was changed; added to and never changed itself."""

    __tablename__ = "audit_entries"

    id: Mapped[int] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"))
    who: Mapped[str] = mapped_column(String(200))
    action: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(200))
    before: Mapped[dict[str, Any]] = mapped_column(default=dict)
    after: Mapped[dict[str, Any]] = mapped_column(default=dict)
