"""Opening the database: pragmas, migrations, and what to do when it is read-only or too new."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, inspect, make_url
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import ConnectionPoolEntry, Pool, QueuePool

from sayo_app.access.current import current
from sayo_app.core.files import MAKE_ROOM, NO_ROOM, ROOM, file_error
from sayo_app.errors import NotFoundError, ReadOnlyStoreError, SettingsError, StorageError, StoreVersionError
from sayo_app.settings import Settings

logger = logging.getLogger(__name__)

MIGRATIONS_DIR = Path(__file__).resolve().parent.parent / "migrations"
BUSY_TIMEOUT_S = 30.0
# Well below the number of parameters that any database takes in one statement.
AT_ONCE = 500
_POSTGRES_LOCK = 5_241_602_082  # any number that only this app locks while it migrates
_CACHE_KIB = 64 * 1024  # of SQLite's pages, a connection at most
# How SQLite and PostgreSQL say that the disk is full.
_NO_ROOM = ("disk is full", "no space left", "could not extend file")
# Alembic's context is global to the process.
_migrating = threading.Lock()
_open_engines: weakref.WeakSet[Engine] = weakref.WeakSet()


def _forget_connections() -> None:
    """A forked process must not use its parent's."""
    for engine in _open_engines:
        engine.dispose(close=False)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_connections)


class Database:
    """An open, migrated database; the parts of the store build on it.

    Several processes may hold it open at once: SQLite runs in WAL mode, and a write takes the lock when it
    begins and waits for others. Connections are kept until `close`, and never by a forked process.

    Attributes:
        settings: where the files lie.
        read_only: True when it can be read but not written.

    Raises:
        StoreVersionError: written by a newer version; the file is left as it is.
        ReadOnlyStoreError: it cannot be written and would have to be, to make or migrate it.
        StorageError: not a store, damaged, or locked for too long.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        with _translated():
            self._engine, self.read_only = _open(settings)
        _open_engines.add(self._engine)
        weakref.finalize(self, self._engine.dispose)
        self._writing = self._engine.execution_options(sqlite_begin="IMMEDIATE")

    @property
    def shared(self) -> bool:
        """Whether several machines may be using it: a server is, a file is not."""
        return self._engine.dialect.name != "sqlite"

    @property
    def writable(self) -> bool:
        """Whether `write` is allowed to the person on whose behalf this runs."""
        return not self.read_only and not current().sandboxed

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for reading: one consistent view."""
        with _translated(), Session(self._engine) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session whose changes are stored together at the end, or not at all.

        Raises:
            ReadOnlyStoreError: the store can only be read.
        """
        self.require_writable()
        with _translated(), Session(self._writing) as session, session.begin():
            yield session

    def require_writable(self) -> None:
        """All that stores something asks this first.

        Raises:
            ReadOnlyStoreError: the store can only be read, or nothing of this person is kept.
        """
        if current().sandboxed:
            raise ReadOnlyStoreError(
                expected="somebody whose work is kept",
                got="a visitor of a public demo",
                remedy="Nothing was stored. Run SAYO Studio on your own machine to keep what you do.",
            )
        if self.read_only:
            raise _read_only_error("a store that can only be read")


def not_found(kind: str, identity: object) -> NotFoundError:
    return NotFoundError(
        expected=f"a stored {kind} of id {identity}",
        got="none",
        remedy="Choose one that is listed: somebody may have removed it since.",
    )


def insert_missing(session: Session, model: type[DeclarativeBase], rows: list[dict[str, Any]]) -> None:
    """Adds the rows but for those whose key is there, or is being added by somebody else just now."""
    postgresql = session.get_bind().dialect.name == "postgresql"
    insert = postgresql_insert(model) if postgresql else sqlite_insert(model)
    session.execute(insert.on_conflict_do_nothing(), rows)


def _open(settings: Settings) -> tuple[Engine, bool]:
    if settings.database_url is None:
        # Not by way of text: the folder's name may hold what a URL gives a meaning to.
        return _open_sqlite(URL.create("sqlite", database=str(settings.data_dir / "studio.db")))
    try:
        url = make_url(settings.url)
    except ArgumentError as error:
        raise SettingsError(
            expected="a database URL such as sqlite:////data/studio.db or postgresql+psycopg://host/name",
            got=repr(settings.url),
            remedy="Correct SAYO_DATABASE_URL or leave it unset.",
        ) from error
    if url.get_backend_name() == "sqlite":
        return _open_sqlite(url)
    try:
        engine = create_engine(url, pool_pre_ping=True)
    except ModuleNotFoundError as error:
        raise SettingsError(
            expected=f"the driver of {url.drivername} to be installed",
            got=str(error),
            remedy='For PostgreSQL: pip install "psycopg[binary]" and a URL postgresql+psycopg://host/name.',
        ) from error
    _migrate(engine)
    return engine, False


def _open_sqlite(url: URL) -> tuple[Engine, bool]:
    if not url.database or url.database == ":memory:":
        raise SettingsError(
            expected="a SQLite database in a file",
            got=url.render_as_string(),
            remedy="Training runs in another process and must see it: name a file.",
        )
    path = Path(unquote(url.database.removeprefix("file:")) if url.query.get("uri") else url.database)
    if path.exists():
        reader = _reading_engine(path)
        with reader.connect() as connection:
            revision = _known_revision(connection)
    else:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise file_error(path, error) from error
        reader, revision = None, None
    engine = _sqlite_engine(url)
    try:
        _use_wal(engine)
        _migrate(engine)
        # Not to go on with a connection whose foreign keys were off.
        engine.dispose()
        return engine, False
    except OperationalError as error:
        engine.dispose()
        if not _is_read_only(error):
            raise
        if reader is None or revision != _script().get_current_head():
            raise
        logger.warning("%s can be read but not written: %s", path, error.orig)
        return reader, True


def _reading_engine(path: Path) -> Engine:
    """An engine that cannot change the file; without write access to its folder, SQLite needs `immutable`."""
    modes = [{"mode": "ro"}]
    log = path.with_name(f"{path.name}-wal")
    if not (log.exists() and log.stat().st_size):
        # `immutable` ignores the write-ahead log: only right while there is none.
        modes.append({"immutable": "1"})
    for mode in modes:
        url = URL.create("sqlite", database=f"file:{quote(str(path))}", query={**mode, "uri": "true"})
        engine = _sqlite_engine(url, NullPool)
        try:
            with engine.connect() as connection:
                connection.exec_driver_sql("SELECT count(*) FROM sqlite_master")
            return engine
        except OperationalError as error:
            engine.dispose()
            if mode is modes[-1]:
                raise
            logger.debug("%s cannot be opened with %s: %s", path, mode, error.orig)
    raise AssertionError("the last mode returns or raises")


def _sqlite_engine(url: URL, pool: type[Pool] = QueuePool) -> Engine:
    # Connections stay open: SQLite would empty its log into the file whenever the last one closes.
    engine = create_engine(url, poolclass=pool, connect_args={"timeout": BUSY_TIMEOUT_S})

    @event.listens_for(engine, "connect")
    def connected(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
        # We begin transactions ourselves: the driver would begin too late to hold the lock.
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        kind = connection.get_execution_options().get("sqlite_begin", "DEFERRED")
        if kind == "MIGRATE":
            # Tables are made anew under their old names; it cannot be turned off within a transaction.
            connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
            kind = "IMMEDIATE"
        if kind:
            connection.exec_driver_sql(f"BEGIN {kind}")

    return engine


def _use_wal(engine: Engine) -> None:
    """Turns the write-ahead log on. SQLite does not wait for others here, so we do."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    with engine.connect().execution_options(sqlite_begin=None) as connection:
        while connection.exec_driver_sql("PRAGMA journal_mode").scalar() != "wal":
            try:
                connection.exec_driver_sql("PRAGMA journal_mode = WAL")
                return
            except OperationalError as error:
                if "locked" not in str(error.orig) or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)


def _migrate(engine: Engine) -> None:
    """Brings the schema to the newest revision in one transaction that only one process can hold."""
    with _migrating, engine.connect().execution_options(sqlite_begin="MIGRATE") as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_POSTGRES_LOCK})")
        revision = _known_revision(connection)
        if revision == _script().get_current_head():
            # Only a write tells whether one may: SQLite begins even where it may not. Not committed.
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = version_num")
            return
        logger.info("Migrating the store from %s", revision or "an empty database")
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS_DIR).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        if (
            connection.dialect.name == "sqlite"
            and connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        ):
            raise StorageError(
                expected="rows that name each other as the schema says",
                got="rows that name others which are not there",
                remedy="The store was damaged before this update: restore a copy. It was not changed.",
            )
        connection.commit()


def _script() -> ScriptDirectory:
    return ScriptDirectory(str(MIGRATIONS_DIR))


def _known_revision(connection: Connection) -> str | None:
    """The schema revision; None for an empty database.

    Raises:
        StoreVersionError: a revision that this version does not know.
        StorageError: tables of another program.
    """
    revision = MigrationContext.configure(connection).get_current_revision()
    if revision is None:
        tables = inspect(connection).get_table_names()
        if tables and connection.dialect.name == "sqlite":
            raise StorageError(
                expected="a SAYO Studio database or an empty file",
                got=f"a database with the tables {', '.join(tables[:5])}",
                remedy="Choose another data folder or database URL.",
            )
        return None
    known = {script.revision for script in _script().walk_revisions()}
    if revision not in known:
        raise StoreVersionError(
            expected=f"a store of schema {_script().get_current_head()} or older",
            got=f"schema {revision}, written by a newer version",
            remedy="Update SAYO Studio, or choose another data folder. The store was not changed.",
        )
    return revision


@contextmanager
def _translated() -> Iterator[None]:
    """Database errors become ours."""
    try:
        yield
    except PoolTimeoutError as error:
        raise StorageError(
            expected="a free connection to the database",
            got="none for half a minute: many people are saving or looking at once",
            remedy="Wait a moment and try again. Nothing was stored.",
        ) from error
    except DBAPIError as error:
        if _is_read_only(error):
            raise _read_only_error(str(error.orig)) from error
        if any(sign in str(error.orig).lower() for sign in _NO_ROOM):
            raise StorageError(expected=ROOM, got=NO_ROOM, remedy=MAKE_ROOM) from error
        raise StorageError(
            expected="the database to answer",
            got=str(error.orig),
            remedy="If it is locked, wait for the other process and try again; if damaged, restore a copy.",
        ) from error


def _is_read_only(error: DBAPIError) -> bool:
    text = str(error.orig).lower()
    return any(sign in text for sign in ("readonly", "read-only", "unable to open database file"))


def _read_only_error(got: str) -> ReadOnlyStoreError:
    return ReadOnlyStoreError(
        expected="a store that can be written",
        got=got,
        remedy="Let this user write to the data folder, or choose another one. Nothing was lost.",
    )
