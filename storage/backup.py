"""A copy of everything while the app is running, and back: one tar file, whatever the database."""

from __future__ import annotations

import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, func, insert, inspect, select

from sayo_app.core.files import file_error, sync, whole_file
from sayo_app.errors import StorageError
from storage.base.models import Base
from storage.store import Store

_DATABASE = "studio.db"
_FOLDERS = ("pictures", "traces", "adapters", "runs")
_ROWS_AT_ONCE = 1000


@dataclass(frozen=True)
class Copied:
    """What a backup or a restore has carried."""

    rows: int
    files: int
    bytes: int


def backup(store: Store, path: Path) -> Copied:
    """Writes a tar file with the rows, as a SQLite database, and the files of the store.

    Rows come first and all of one moment; a file is written before its row, and never changed, so none
    of those that rows name is missing. Whoever is saving meanwhile is not stopped. Adapters that lie
    outside the data folder stay there.

    Raises:
        StorageError: it cannot be written. No half file is left.
    """
    with tempfile.TemporaryDirectory() as folder, whole_file(path) as temporary:
        copy = Path(folder) / _DATABASE
        rows = _copy_rows_out(store, copy)
        files = size = 0
        with tarfile.open(temporary, "w") as tar:
            tar.add(copy, _DATABASE)
            for file in _files(store.settings.data_dir):
                tar.add(file, str(file.relative_to(store.settings.data_dir)))
                files, size = files + 1, size + file.stat().st_size
    return Copied(rows, files, size)


def restore(store: Store, path: Path) -> Copied:
    """Puts a backup into an empty store, on whichever database.

    Raises:
        StorageError: not a backup, or a store that is not empty. Rows are stored together or not at all.
    """
    store.database.require_writable()
    with tempfile.TemporaryDirectory() as folder:
        try:
            with tarfile.open(path) as tar:
                tar.extractall(folder, filter="data")
        except (OSError, tarfile.TarError) as error:
            raise _no_backup(path, str(error)) from error
        unpacked = Path(folder)
        if not (unpacked / _DATABASE).exists():
            raise _no_backup(path, f"a file without {_DATABASE}")
        # Opening it brings a backup of an older version up to date.
        with (
            Store(store.settings.replace(data_dir=unpacked, database_url=None)) as source,
            source.database.read() as reading,
            store.database.write() as writing,
        ):
            rows = _copy_rows(reading.connection(), writing.connection())
            files = _copy_files(unpacked, store.settings.data_dir)
    return Copied(rows, len(files), sum(file.stat().st_size for file in files))


def _copy_rows_out(store: Store, copy: Path) -> int:
    if not store.database.shared:
        with store.database.read() as session:
            rows = sum(_count(session.connection(), name) for name in Base.metadata.tables)
            raw = session.connection().connection.driver_connection
            with closing(sqlite3.connect(copy)) as target:
                assert isinstance(raw, sqlite3.Connection)
                raw.backup(target)
            return rows
    settings = store.settings.replace(data_dir=copy.parent, database_url=None)
    with (
        Store(settings) as target_store,
        target_store.database.write() as writing,
        store.database.read() as reading,
    ):
        connection = reading.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        return _copy_rows(connection, writing.connection())


def _copy_rows(source: Connection, target: Connection) -> int:
    """All tables in the order in which they name each other; the target must be empty."""
    names = [name for name in Base.metadata.tables if _count(target, name)]
    if names:
        raise StorageError(
            expected="an empty store to put the backup into",
            got=f"one with rows in {', '.join(names)}",
            remedy="Choose an empty data folder or database. Nothing was changed.",
        )
    total = 0
    for table in Base.metadata.sorted_tables:
        result = source.execute(select(table), execution_options={"yield_per": _ROWS_AT_ONCE})
        for some in result.mappings().partitions(_ROWS_AT_ONCE):
            target.execute(insert(table), [dict(row) for row in some])
            total += len(some)
        if target.dialect.name == "postgresql" and "id" in table.c and table.c.id.type.python_type is int:
            top = select(func.max(table.c.id)).scalar_subquery()
            target.execute(select(func.setval(f"{table.name}_id_seq", func.coalesce(top, 1))))
    return total


def _count(connection: Connection, name: str) -> int:
    if not inspect(connection).has_table(name):
        return 0
    return connection.scalar(select(func.count()).select_from(Base.metadata.tables[name])) or 0


def _files(data_dir: Path) -> Iterator[Path]:
    """Finished files: those still being written have a name that begins with a dot."""
    for name in _FOLDERS:
        for file in sorted((data_dir / name).rglob("*")):
            hidden = any(part.startswith(".") for part in file.relative_to(data_dir).parts)
            if file.is_file() and not file.is_symlink() and not hidden:
                yield file


def _copy_files(unpacked: Path, data_dir: Path) -> list[Path]:
    copied = []
    for file in _files(unpacked):
        target = data_dir / file.relative_to(unpacked)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            copied.append(Path(shutil.copy2(file, target)))
            sync(target)
        except OSError as error:
            raise file_error(target, error) from error
    return copied


def _no_backup(path: Path, got: str) -> StorageError:
    return StorageError(
        expected=f"{path} to be a backup that `python -m storage backup` made",
        got=got,
        remedy="Choose another file. Nothing was changed.",
    )
