"""Where room is left for corrections alone, they are saved, and everything else is refused in words."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sayo_app.access.current import acting
from sayo_app.access.roles import Person, Role
from sayo_app.core.geometry.region import Region
from sayo_app.core.ledger import Stored
from sayo_app.errors import StorageError
from sayo_app.jobs.control import resume_run, start_run
from sayo_app.jobs.keeper import keep_queue
from sayo_app.run_config import RunConfig
from sayo_app.ui.correct.tab import save_correction
from sayo_app.ui.page import _status
from sayo_app.ui.shared.answers import Answered
from sayo_app.ui.shared.downloads import export_folder
from sayo_app.ui.shared.session import Session
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.viewer.page_state import PageState
from sayo_app.ui.web.health import Figures
from storage.formats.common.rows import ReadOptions
from storage.formats.importer import import_file
from storage.formats.uploads import import_upload
from tests.ui.driving import held, make_trace

BOX = Region.box(10, 20, 110, 120).to_dict()


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    fake = SimpleNamespace(free=10**6)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: fake)
    return fake


def answered() -> Session:
    pixels = np.random.default_rng(0).integers(0, 255, (240, 320, 3), dtype=np.uint8)
    session = Session()
    session.show(Answered("a", held(Image.fromarray(pixels)), "What is here?", make_trace()))
    return session


def test_a_correction_is_saved_without_its_trace(studio: Studio, free: SimpleNamespace) -> None:
    number, _ = save_correction(studio, answered(), PageState("a", (BOX,)), "red", "Ada")
    record = studio.store.corrections.get(number)
    assert record.trace_id is None and record.reward is not None
    assert studio.store.pictures.load(record.picture_id).size == (320, 240)
    free.free = 10**12
    number, _ = save_correction(studio, answered(), PageState("a", (BOX,)), "blue", "Ada")
    assert studio.store.corrections.get(number).trace_id is not None


def refused(studio: Studio, tmp_path: Path) -> dict[str, Callable[[], Any]]:
    file = tmp_path / "rows.jsonl"
    file.write_text("{}\n")
    read = ReadOptions(settings=studio.settings)
    store, settings = studio.store, studio.settings
    return {
        "an export": lambda: export_folder(settings),
        "an import": lambda: import_file(store, "jsonl", file, read),
        "an upload that is imported": lambda: import_upload(store, "jsonl", [file, file], read),
        "an adapter": lambda: studio.import_adapter([file], "mine"),
        "a run": lambda: start_run(store, settings, RunConfig()),
        "a run again": lambda: resume_run(store, settings, 1),
    }


@pytest.mark.parametrize("what", ["an export", "an import", "an upload that is imported", "an adapter"])
def test_everything_else_is_refused(studio: Studio, free: SimpleNamespace, tmp_path: Path, what: str) -> None:
    with pytest.raises(StorageError, match="Corrections are still saved"):
        refused(studio, tmp_path)[what]()


def test_a_run_is_refused(studio: Studio, free: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sayo_app.jobs.control.MIN_CORRECTED_PICTURES", 0)
    with pytest.raises(StorageError, match="for a run"):
        start_run(studio.store, studio.settings, RunConfig())
    run = studio.store.runs.create(RunConfig())
    studio.store.runs.update(run.id, state="failed")
    with pytest.raises(StorageError, match="for a run"):
        resume_run(studio.store, studio.settings, run.id)


@pytest.mark.parametrize("role", [*Role])
def test_owners_are_told_on_the_page_and_whoever_watches_the_server(
    studio: Studio, free: SimpleNamespace, role: Role
) -> None:
    with acting(Person(role, "Ada", 1)):
        assert ("1 MB left: make room" in _status(studio)) == (role == Role.OWNER)
        assert "make room" not in _status(studio, told=False), "the page as it is laid out is everybody's"
    _, words = Figures(studio, lambda: 0).health()
    assert words["disk"] == "reserved"
    assert "sayo_disk_free_bytes 1000000" in Figures(studio, lambda: 0).text()


def test_the_log_says_it_once(
    studio: Studio, free: SimpleNamespace, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds = threading.Event()
    seen = []

    def start_next(*_: Any, **__: Any) -> None:
        seen.append(1)
        if len(seen) == 3:
            rounds.set()

    monkeypatch.setattr("sayo_app.jobs.keeper.start_next", start_next)
    with caplog.at_level(logging.WARNING, "sayo_app.jobs.keeper"):
        stop = keep_queue(studio.store, studio.settings, every_s=0.01)
        assert rounds.wait(60)
        stop.set()
        time.sleep(0.05)
    assert [it.getMessage() for it in caplog.records if "make room" in it.getMessage()] == [
        "The disk of the data folder has 1 MB left: make room. Only corrections are still saved."
    ]


def test_a_visitor_stores_so_much_a_day_and_corrections_beyond_it(studio: Studio) -> None:
    """A draft stores its picture, and whoever may only look may keep drafts."""
    studio.stored = Stored(1, 10**9, ())
    first, second = (
        held(Image.fromarray(np.full((240, 320, 3), shade, dtype=np.uint8)))[0] for shade in (0, 9)
    )
    kept = studio.keep_picture(first)
    first.picture_id = kept
    assert studio.keep_picture(first) == kept, "it is there already"
    with pytest.raises(StorageError, match=r"new pictures and traces in a day.*Save what is drawn"):
        studio.keep_picture(second)
    number, _ = save_correction(studio, answered(), PageState("a", (BOX,)), "red", "Ada")
    assert studio.store.corrections.get(number).trace_id is None
    with acting(Person(Role.VISITOR, "Bo", 2)):
        assert studio.keep_picture(second)


def test_all_together_store_so_much_and_corrections_beyond_it(studio: Studio) -> None:
    studio.stored = Stored(10**9, 1, (studio.settings.pictures_dir,))
    first, second = (held(Image.new("RGB", (30, 20), shade))[0] for shade in ("red", "blue"))
    studio.keep_picture(first)
    with acting(Person(Role.VISITOR, "Bo", 2)):
        with pytest.raises(StorageError, match=r"pictures and traces in all.*Save what is drawn"):
            studio.keep_picture(second)
        assert studio.store.corrections.all() == []
    number, _ = save_correction(studio, answered(), PageState("a", (BOX,)), "red", "Ada")
    assert studio.store.corrections.get(number).trace_id is None


def test_the_picture_of_a_draft_leaves_room_for_corrections(studio: Studio, free: SimpleNamespace) -> None:
    with pytest.raises(StorageError, match="for the picture of a draft"):
        studio.keep_picture(held(Image.new("RGB", (30, 20)))[0])
