"""Opening a store: old, new, read-only, damaged, someone else's, and by several processes at once."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sayo_app.errors import ReadOnlyStoreError, SettingsError, StorageError, StoreVersionError
from sayo_app.run_config import RunConfig
from sayo_app.settings import Settings
from storage.base.records import CorrectionRecord
from storage.store import Store
from tests.storage.examples import corrected

FIRST_SCHEMA = Path(__file__).parent.parent / "first_schema.sql"
GREY = Image.new("RGB", (100, 50), "grey")

Correct = Callable[..., CorrectionRecord]


@pytest.fixture
def settings(sqlite_settings: Settings) -> Settings:
    """SQLite alone: these tests reach into its file. `test_postgresql.py` has the other's."""
    return sqlite_settings


def database(settings: Settings) -> Path:
    return settings.data_dir / "studio.db"


def execute(settings: Settings, sql: str) -> list[Any]:
    with closing(sqlite3.connect(database(settings))) as connection, connection:
        return connection.execute(sql).fetchall()


def test_the_database_itself_refuses_a_second_running_run(store: Store, settings: Settings) -> None:
    run = store.runs.claim(store.runs.create(RunConfig()).id)
    copy = (
        "INSERT INTO runs (host, device, record, notes, state, config, created_at) "
        "SELECT host, device, record, notes, '{}', config, created_at FROM runs"
    )
    with pytest.raises(sqlite3.IntegrityError):
        execute(settings, copy.format("running"))
    execute(settings, copy.format("failed"))
    assert store.runs.current() == run


def test_a_store_of_a_newer_version_is_left_as_it_is(
    store: Store, settings: Settings, correct: Correct
) -> None:
    correct()
    execute(settings, "UPDATE alembic_version SET version_num = 'sayo_9999'")
    before = database(settings).read_bytes()
    with pytest.raises(StoreVersionError, match=r"sayo_9999.*Update SAYO Studio"):
        Store(settings)
    assert database(settings).read_bytes() == before


def test_someone_elses_database_is_left_as_it_is(settings: Settings) -> None:
    settings.data_dir.mkdir()
    execute(settings, "CREATE TABLE recipes (id INTEGER)")
    before = database(settings).read_bytes()
    with pytest.raises(StorageError, match="recipes"):
        Store(settings)
    assert database(settings).read_bytes() == before


@pytest.mark.parametrize(
    "content", [b"no database, but long enough to look at" * 50, b"SQLite format 3\0cut"]
)
def test_a_damaged_database_is_told(settings: Settings, content: bytes) -> None:
    settings.data_dir.mkdir()
    database(settings).write_bytes(content)
    with pytest.raises(StorageError, match="not a database"):
        Store(settings)
    assert database(settings).read_bytes() == content


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "nonsense"])
def test_a_database_that_a_job_cannot_share_is_refused(settings: Settings, url: str) -> None:
    with pytest.raises(SettingsError):
        Store(settings.replace(database_url=url))


def test_a_data_folder_may_have_any_name(settings: Settings, tmp_path: Path) -> None:
    awkward = settings.replace(data_dir=tmp_path / "50% of #1? & ünïcode")
    Store(awkward).pictures.add(GREY)
    assert Store(awkward).pictures.add(GREY).path.is_relative_to(awkward.data_dir)
    assert [path.name for path in tmp_path.iterdir()] == [awkward.data_dir.name]


def test_foreign_keys_are_on_and_the_log_is_written_ahead(store: Store, settings: Settings) -> None:
    assert execute(settings, "PRAGMA journal_mode") == [("wal",)]
    with pytest.raises(Exception, match="FOREIGN KEY"), store.database.write() as session:
        session.connection().exec_driver_sql("UPDATE runs SET adapter_id = 9")
        session.connection().exec_driver_sql(
            "INSERT INTO adapter_switches (adapter_id, created_at) VALUES (9, '2026-01-01')"
        )


def test_a_write_holds_the_lock_before_it_reads_and_a_reader_does_not(
    store: Store, settings: Settings
) -> None:
    with store.database.read() as session:
        session.connection().exec_driver_sql("SELECT * FROM runs")
        execute(settings, "BEGIN IMMEDIATE")
    # Else what it read could be out of date when it writes, which SQLite refuses without waiting.
    with store.database.write() as session:
        session.connection().exec_driver_sql("SELECT * FROM runs")
        with (
            closing(sqlite3.connect(database(settings), timeout=0)) as other,
            pytest.raises(sqlite3.OperationalError, match="locked"),
        ):
            other.execute("BEGIN IMMEDIATE")


def test_a_failed_write_leaves_nothing(store: Store, correct: Correct) -> None:
    kept = correct()
    with pytest.raises(KeyError), store.database.write() as session:
        session.connection().exec_driver_sql("DELETE FROM correction_revisions")
        raise KeyError
    assert store.corrections.all() == [kept]


# Read-only stores. Tests may run as root, whom file modes do not stop.


def refuses_to_write(store: Store) -> bool:
    """Reads work, each kind of write is refused with a message, nothing changes."""
    (kept,) = store.corrections.all()
    store.pictures.load(kept.picture_id)
    writes: list[Callable[[], object]] = [
        lambda: store.pictures.add(Image.new("RGB", (3, 3))),
        lambda: store.corrections.revise(kept.id, question="?"),
        lambda: store.corrections.delete(kept.id),
        lambda: store.runs.create(RunConfig()),
        lambda: store.adapters.set_active(None),
    ]
    for write in writes:
        with pytest.raises(ReadOnlyStoreError, match="data folder"):
            write()
    return store.read_only and store.corrections.all() == [kept]


@pytest.mark.parametrize("mode", ["mode=ro", "immutable=1"])
def test_a_store_opened_to_be_read_can_be_read(settings: Settings, correct: Correct, mode: str) -> None:
    correct()
    before = database(settings).read_bytes()
    url = f"sqlite:///file:{database(settings)}?{mode}&uri=true"
    assert refuses_to_write(Store(settings.replace(database_url=url)))
    assert database(settings).read_bytes() == before


def test_a_database_that_turns_read_only_while_open_says_so(store: Store, correct: Correct) -> None:
    kept = correct()
    with pytest.raises(ReadOnlyStoreError), store.database.write() as session:
        session.connection().exec_driver_sql("PRAGMA query_only = ON")
        session.connection().exec_driver_sql("DELETE FROM correction_revisions")
    assert store.corrections.all() == [kept]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users can reach, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    yield folder
    folder.chmod(0o777)
    (folder / "data").chmod(0o777)
    shutil.rmtree(folder)


def unprivileged(function: Callable[[], Any]) -> Any:
    """The JSON value that the function gives, or the error it raises as text, in a forked process that
    is not root."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            if os.geteuid() == 0:
                os.setgid(65534)
                os.setuid(65534)
            os.write(writing, json.dumps(function()).encode())
        except BaseException as error:
            os.write(writing, json.dumps(repr(error)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        data = pipe.read()
    os.waitpid(pid, 0)
    return json.loads(data)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and file modes")
@pytest.mark.parametrize(("folder_mode", "file_mode"), [(0o555, 0o444), (0o555, 0o666), (0o777, 0o444)])
def test_a_folder_or_file_that_may_not_be_written_can_be_read(
    settings: Settings, open_folder: Path, folder_mode: int, file_mode: int
) -> None:
    shared = settings.replace(data_dir=open_folder / "data")
    store = Store(shared)
    picture = store.pictures.add(GREY)
    corrected(
        store,
        picture_id=picture.id,
        question="?",
        corrected_answer="2",
    )
    store.close()  # or its log may be folded into the file while the other process reads
    database(shared).chmod(file_mode)
    shared.data_dir.chmod(folder_mode)
    before = database(shared).read_bytes()
    assert unprivileged(lambda: refuses_to_write(Store(shared))) is True
    assert database(shared).read_bytes() == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and file modes")
def test_a_new_store_needs_a_folder_that_can_be_written(settings: Settings, open_folder: Path) -> None:
    (open_folder / "data").mkdir()
    (open_folder / "data").chmod(0o555)
    for folder in (open_folder / "data", open_folder / "data" / "deeper"):
        shared = settings.replace(data_dir=folder)
        outcome = unprivileged(lambda shared=shared: Store(shared).read_only)
        assert outcome.startswith("ReadOnlyStoreError"), outcome
