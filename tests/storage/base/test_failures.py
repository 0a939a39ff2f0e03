"""What a database says when it cannot, in words: a full disk, all connections taken."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import create_engine

import storage.base.database
from sayo_app.errors import StorageError
from sayo_app.settings import Settings
from storage.store import Store


def test_a_full_disk_is_told_as_one(sqlite_settings: Settings) -> None:
    """SQLite says the same of a full disk and of a file that has reached its largest size."""
    store = Store(sqlite_settings)
    with store.database.read() as session:
        pages = session.connection().exec_driver_sql("PRAGMA page_count").scalar()
    with pytest.raises(StorageError) as caught, store.database.write() as session:
        session.connection().exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        session.connection().exec_driver_sql("CREATE TABLE large (x)")
        session.connection().exec_driver_sql("INSERT INTO large VALUES (zeroblob(1000000))")
    assert (caught.value.expected, caught.value.got) == ("room on the disk of the data folder", "a full disk")


def test_connections_that_are_all_taken_are_told(
    sqlite_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = partial(create_engine, pool_size=1, max_overflow=0, pool_timeout=0.01)
    monkeypatch.setattr(storage.base.database, "create_engine", one)
    store = Store(sqlite_settings)
    with store.database.read() as session:
        session.connection()
        with pytest.raises(StorageError, match="a free connection"), store.database.read() as other:
            other.connection()
    assert store.runs.all() == []
    store.close()


def test_names_and_notes_fit_every_database(store: Store, tmp_path: Path) -> None:
    """PostgreSQL refuses NUL in any text and a name longer than its column."""
    name = "a\0b\x1b[31m\n c" + "x" * 300
    added = store.adapters.add(name=name, path=tmp_path, base_model="bundled")
    assert added.name == ("ab[31m c" + "x" * 300)[:100]
    assert store.adapters.rename(added.id, "n\0ew\tname ").name == "new name"
    assert store.adapters.add(name=" \0 ", path=tmp_path, base_model="bundled").name == "adapter"
