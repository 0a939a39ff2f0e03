"""A store on each database, and shorthands to fill it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import Engine, create_engine

import storage.base.database
from sayo_app.core.geometry.region import Region
from sayo_app.settings import Settings
from storage.base.records import CorrectionRecord
from storage.bench import own_schema
from storage.store import Store
from tests import postgres
from tests.storage.examples import corrected


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A running PostgreSQL server."""
    if not postgres.installed():
        message = "no PostgreSQL: pip install -r tests/requirements.txt, or name one in " + postgres.VARIABLE
        if os.environ.get("SAYO_REQUIRE_POSTGRESQL") == "1":
            pytest.fail(message)
        pytest.skip(message)
    with postgres.server() as url:
        yield url


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Closes the connections of stores that a test leaves open."""
    made: list[Engine] = []

    def remember(*args: Any, **options: Any) -> Engine:
        made.append(create_engine(*args, **options))
        return made[-1]

    monkeypatch.setattr(storage.base.database, "create_engine", remember)
    yield
    for engine in made:
        engine.dispose()


@pytest.fixture
def sqlite_settings() -> Settings:
    return Settings.from_environment()


@pytest.fixture
def postgres_settings(
    postgres_url: str, engines: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Settings]:
    """A fresh database of its own; other processes find it by the environment."""
    with own_schema(postgres_url) as url:
        monkeypatch.setenv("SAYO_DATABASE_URL", url)
        yield Settings.from_environment()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def settings(request: pytest.FixtureRequest) -> Settings:
    """Everything that a store does, it does on both."""
    name = {"sqlite": "sqlite_settings", "postgresql": "postgres_settings"}[request.param]
    chosen: Settings = request.getfixturevalue(name)
    return chosen


@pytest.fixture
def store(settings: Settings, new_store: Callable[[Settings], Store]) -> Store:
    return new_store(settings)


@pytest.fixture
def picture_id(store: Store) -> str:
    """A grey picture, 100 x 50."""
    return store.pictures.add(Image.new("RGB", (100, 50), "grey")).id


@pytest.fixture
def correct(store: Store, picture_id: str) -> Callable[..., CorrectionRecord]:
    """Stores a correction; name only what matters to the test."""

    def add(**fields: Any) -> CorrectionRecord:
        defaults = {
            "picture_id": picture_id,
            "question": "What is left of the apple?",
            "answer_shown": "A pear. <answer>pear</answer>",
            "regions": [Region.box(10, 5, 30, 25)],
        }
        return corrected(store, **(defaults | fields))

    return add
