"""Every test gets its own data folder and checked tensor shapes without asking."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.shapes import check_shapes

if TYPE_CHECKING:
    from sayo_app.settings import Settings
    from storage.store import Store

# Shapes in signatures are checked under pytest only: this must come before the packages.
check_shapes(["sayo_app", "storage", "training"])

# By name only: most tests need no model, and the classes take seconds to import.
FAMILIES = (
    "qwen3_vl",
    "qwen2_5_vl",
    "qwen3_5",
    "internvl",
    "idefics3",
    "smolvlm",
    "gemma3",
    "llava_onevision",
)
# Proved by the tests that are marked with `EVERY_FAMILY` alone: what they share with others is tried there.
MORE_FAMILIES = ("llava_next", "qwen2_vl", "qwen3_vl_moe", "qwen3_5_moe", "aya_vision", "mistral3")
EVERY_FAMILY = pytest.mark.parametrize("any_dir", (*FAMILIES, *MORE_FAMILIES), indirect=True, scope="session")

# A busy machine is no failure, and the same code gives the same result.
settings.register_profile("studio", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("studio")


# What a test needs is seen from what it asks for.
MARKERS = {"browser": "browser", "postgres_url": "postgresql", "make_run": "training"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    for item in items:
        for fixture, marker in MARKERS.items():
            if fixture in item.fixturenames:
                item.add_marker(marker)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Nothing made by an import is garbage: not looking for any spares a fifth of the time."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh data folder a test; `Settings.from_environment()` finds it."""
    folder = tmp_path / "data"
    monkeypatch.setenv("SAYO_DATA_DIR", str(folder))
    return folder


@pytest.fixture(scope="session")
def new_store(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Settings], Store]:
    """Opens an empty store. That of SQLite is a copy: to migrate one anew takes ten times as long."""
    from sayo_app.settings import Settings
    from storage.store import Store

    first = Settings(data_dir=tmp_path_factory.mktemp("store"))
    Store(first).close()
    file = next(first.data_dir.glob("*.db"))

    def opened(settings: Settings) -> Store:
        if settings.database_url is None:
            settings.data_dir.mkdir(parents=True)
            shutil.copy(file, settings.data_dir)
        return Store(settings)

    return opened


@pytest.fixture(scope="session")
def tiny_model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random Qwen3-VL in a folder; give it to `Settings(model=str(tiny_model_dir))`."""
    from tests.tiny import build_tiny_model

    return build_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session", params=FAMILIES)
def any_dir(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random model of each family in turn."""
    from tests.families import build

    return build(request.param, tmp_path_factory.mktemp("models") / request.param)
