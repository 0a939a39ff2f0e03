"""Stores of every earlier schema open with everything in them, on both databases."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from datetime import UTC
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from PIL import Image
from sqlalchemy import NullPool, create_engine

from sayo_app.core.geometry.region import Region
from sayo_app.errors import StorageError
from sayo_app.settings import Settings
from storage.base.database import MIGRATIONS_DIR
from storage.base.models import Base
from storage.base.records import CORRECTION_STATES
from storage.store import Store
from storage.work.work_records import WorkQuery

FIRST_SCHEMA = Path(__file__).with_name("first_schema.sql").read_text(encoding="utf-8")
GREY = Image.new("RGB", (100, 50), "grey")


def make_first_store(settings: Settings) -> None:
    """As the first version made and filled it."""
    if settings.database_url is None:
        settings.data_dir.mkdir()
        with closing(sqlite3.connect(settings.data_dir / "studio.db")) as connection:
            connection.executescript(FIRST_SCHEMA)
        return
    engine = create_engine(settings.url, poolclass=NullPool)
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS_DIR))
        config.attributes["connection"] = connection
        command.upgrade(config, "sayo_0001")
        inserts = re.findall(r'^INSERT INTO "(\w+)" (VALUES\(.*\);)$', FIRST_SCHEMA, flags=re.MULTILINE)
        order = ["pictures", "adapters", "adapter_switches", "corrections", "correction_revisions", "runs"]
        for table in order:
            for values in (values for name, values in inserts if name == table):
                connection.exec_driver_sql(f"INSERT INTO {table} {values}")
            if table != "pictures":
                connection.exec_driver_sql(f"SELECT setval('{table}_id_seq', (SELECT max(id) FROM {table}))")


@pytest.fixture
def first_store(settings: Settings) -> Settings:
    make_first_store(settings)
    return settings


def test_a_store_of_the_first_schema_opens_with_everything_in_it(first_store: Settings) -> None:
    store = Store(first_store)
    generated, deleted = store.corrections.all(CORRECTION_STATES)
    assert [(c.revision, c.state, c.author) for c in store.corrections.history(deleted.id)] == [
        (1, "submitted", "Ada"),
        (2, "submitted", "Bo"),
        (3, "deleted", "Cy"),
    ]
    assert deleted.regions == (
        Region.box(10, 5, 30, 25, label="pear"),
        Region.polygon([(1, 1), (9, 1), (5, 8)], step=1, look=False),
    )
    assert (deleted.corrected_answer, deleted.created_at.tzinfo) == ("plum", UTC)
    assert (generated.origin, generated.family, generated.corrected_answer) == ("generated", "count", "2")
    (run,), (adapter,) = store.runs.all(), store.adapters.all()
    assert (run.state, run.run_config.steps, run.adapter_id) == ("finished", 3, adapter.id)
    assert (run.pid, run.host, run.device, run.record, run.notes) == (4242, None, "auto", {}, "")
    assert store.adapters.active() == adapter
    assert adapter.path == first_store.adapters_dir / "first"
    assert store.pictures.add(GREY).id == deleted.picture_id
    restored = store.corrections.restore(deleted.id, 2)
    assert (restored.state, restored.revision) == ("submitted", 4)


def test_what_the_first_version_stored_is_on_the_work_list(first_store: Settings) -> None:
    store = Store(first_store)
    generated, deleted = store.corrections.all(CORRECTION_STATES)
    assert (deleted.annotator, deleted.comment, deleted.flagged, deleted.reward) == ("Ada", "", False, None)
    item = store.items.get(deleted.item_id)
    assert (item.question, item.picture_id, item.wanted) == (
        "What is left of the apple?",
        deleted.picture_id,
        0,
    )
    assert item.id != generated.item_id
    (entry,) = store.worklist.page(WorkQuery()).entries
    assert (entry.correction_id, entry.family, entry.reward) == (generated.id, "count", None)
    (entry,) = store.worklist.page(WorkQuery(states=("deleted",), text="PLUM")).entries
    assert (entry.correction_id, entry.updated_at) == (deleted.id, deleted.updated_at)
    # The same question asked again is the same item.
    again = store.items.add(picture_id=deleted.picture_id, question="What is left of the apple?")
    assert again.id == item.id


@pytest.mark.parametrize("origin", ["first schema", "new"])
def test_migrations_end_at_the_tables_of_the_code(settings: Settings, origin: str) -> None:
    if origin == "first schema":
        make_first_store(settings)
    Store(settings)
    engine = create_engine(settings.url, poolclass=NullPool)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_a_damaged_first_store_is_left_as_it_is(sqlite_settings: Settings) -> None:
    sqlite_settings.data_dir.mkdir()
    path = sqlite_settings.data_dir / "studio.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(FIRST_SCHEMA)
        connection.execute("UPDATE runs SET adapter_id = 77")
    with pytest.raises(StorageError, match="not changed"):
        Store(sqlite_settings)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("sayo_0001",)
        (sql,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'corrections'").fetchone()
        assert "item_id" not in sql


def test_checks_and_conditions_survive_tables_made_anew(first_store: Settings) -> None:
    store = Store(first_store)
    for statement, name in (
        ("UPDATE corrections SET origin = 'heaven'", "ck_corrections_origin"),
        ("UPDATE correction_revisions SET state = 'lost'", "ck_correction_revisions_state"),
        ("UPDATE runs SET state = 'lost'", "ck_runs_state"),
        (
            "INSERT INTO runs (host, device, record, notes, state, config, created_at) "
            "SELECT 'here', 'cpu', '{}', '', 'running', '{}', created_at FROM corrections",
            "one_running_run|runs.host",
        ),
        ("UPDATE corrections SET picture_id = 'x'", "FOREIGN KEY|fk_corrections_picture_id"),
        ("UPDATE correction_revisions SET correction_id = 77 + id", "FOREIGN KEY|fk_correction_re"),
    ):
        with pytest.raises(StorageError, match=name), store.database.write() as session:
            session.connection().exec_driver_sql(statement)
