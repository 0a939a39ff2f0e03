"""Runs whose process is a small stand-in script: a real process, without a model in it."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from PIL import Image

from sayo_app.jobs import MIN_CORRECTED_PICTURES, start_run
from sayo_app.jobs.control import Command
from sayo_app.run_config import RunConfig
from sayo_app.settings import Settings
from storage.base.records import RunRecord
from storage.store import Store
from tests.storage.examples import corrected

SLEEPER = "import time; print('training', flush=True); time.sleep(600)"


def wait_until(condition: Callable[[], object], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def script(code: str) -> Command:
    return lambda run: [sys.executable, "-c", code, str(run.id)]


def correct_pictures(store: Store, count: int) -> None:
    for number in range(count):
        corrected(
            store,
            picture_id=store.pictures.add(Image.new("RGB", (4, 4), (number, 0, 0))).id,
            question="What is it?",
            corrected_answer="a pear",
        )


@pytest.fixture
def settings() -> Settings:
    return Settings.from_environment()


@pytest.fixture(scope="session")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with just enough corrections, to be copied."""
    folder = tmp_path_factory.mktemp("stocked") / "data"
    correct_pictures(Store(Settings(data_dir=folder)), MIN_CORRECTED_PICTURES)
    return folder


@pytest.fixture
def store(settings: Settings, stocked: Path) -> Store:
    """A store with just enough corrections."""
    shutil.copytree(stocked, settings.data_dir)
    return Store(settings)


@pytest.fixture
def start(store: Store, settings: Settings) -> Iterator[Callable[[str], RunRecord]]:
    """Starts a run on Python code; whatever still lives after the test is killed."""
    started: list[RunRecord] = []

    def start_script(code: str = SLEEPER) -> RunRecord:
        started.append(start_run(store, settings, RunConfig(), command=script(code)))
        return started[-1]

    yield start_script
    for run in started:
        if run.pid is not None and psutil.pid_exists(run.pid):
            psutil.Process(run.pid).kill()
