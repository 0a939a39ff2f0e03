"""Backups and their way back, on and between both databases, and the command line."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from sayo_app.errors import StorageError
from sayo_app.run_config import RunConfig
from sayo_app.settings import Settings
from storage.__main__ import main
from storage.backup import backup, restore
from storage.base.records import CorrectionRecord
from storage.store import Store
from storage.work.work_records import WorkQuery
from tests.storage.examples import small_trace

Correct = Callable[..., CorrectionRecord]


@pytest.fixture
def filled(store: Store, correct: Correct, picture_id: str) -> Store:
    made = correct(trace_id=store.traces.save(small_trace()), author="Ada", flagged=True)
    store.corrections.revise(made.id, "Bo", corrected_answer="plum")
    item = store.items.add(picture_id=picture_id, question="To do?", priority=3)
    store.drafts.save(item.id, author="Ada", content={"regions": []}, version=0)
    run = store.runs.create(RunConfig())
    adapter = store.adapters.add(
        name="a", path=store.settings.adapters_dir / "a", base_model="b", run_id=run.id
    )
    store.runs.update(run.id, state="finished", adapter_id=adapter.id)
    store.adapters.set_active(adapter.id)
    return store


def test_a_backup_brings_everything_back(filled: Store, tmp_path: Path) -> None:
    copied = backup(filled, tmp_path / "b.tar")
    assert copied.files == 3  # picture, trace, the run's configuration
    back = Store(Settings(data_dir=tmp_path / "back"))
    assert restore(back, tmp_path / "b.tar").rows == copied.rows
    (made,) = back.corrections.all()
    assert back.corrections.history(made.id) == filled.corrections.history(made.id)
    assert back.worklist.page(WorkQuery()) == filled.worklist.page(WorkQuery())
    draft = filled.drafts.find(made.picture_id, "To do?", "Ada")
    assert draft is not None and back.drafts.find(made.picture_id, "To do?", "Ada") == draft
    assert made.trace_id is not None
    assert back.traces.load(made.trace_id).tokens == small_trace().tokens
    assert back.pictures.load(made.picture_id).size == (100, 50)
    adapter = back.adapters.active()
    assert adapter is not None and adapter.path == back.settings.adapters_dir / "a"
    # Numbers go on where they ended.
    assert back.items.add(picture_id=made.picture_id, question="New?").id == made.item_id + 2


def test_a_backup_of_a_file_goes_into_a_server(
    sqlite_settings: Settings, postgres_settings: Settings, tmp_path: Path
) -> None:
    small = Store(sqlite_settings.replace(database_url=None))
    picture = small.pictures.add(Image.new("RGB", (3, 3)))
    small.items.add(picture_id=picture.id, question="?", answer="yes")
    backup(small, tmp_path / "b.tar")
    large = Store(postgres_settings.replace(data_dir=tmp_path / "large"))
    restore(large, tmp_path / "b.tar")
    assert large.worklist.page(WorkQuery()) == small.worklist.page(WorkQuery())
    assert large.items.add(picture_id=picture.id, question="new").id == 2
    assert large.pictures.load(picture.id).size == (3, 3)


def test_a_backup_goes_only_into_an_empty_store(filled: Store, tmp_path: Path) -> None:
    backup(filled, tmp_path / "b.tar")
    with pytest.raises(StorageError, match="empty store"):
        restore(filled, tmp_path / "b.tar")


@pytest.mark.parametrize("kind", ["missing", "text", "cut", "other", "outside"])
def test_what_is_no_backup_is_refused(store: Store, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "b.tar"
    if kind == "text":
        path.write_text("no backup")
    elif kind == "cut":
        backup(store, path)
        path.write_bytes(path.read_bytes()[:3000])
    elif kind == "other":
        with tarfile.open(path, "w") as tar:
            tar.add(__file__, "something.py")
    elif kind == "outside":
        with tarfile.open(path, "w") as tar:
            tar.add(__file__, "../../evil.py")
    with pytest.raises(StorageError, match="Nothing was changed"):
        restore(store, path)
    assert not (tmp_path.parent / "evil.py").exists()


def test_the_command_line_backs_up_and_checks(
    filled: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["check"]) == 0
    assert "0 found" in capsys.readouterr().out
    assert main(["backup", str(tmp_path / "b.tar")]) == 0
    assert "3 files" in capsys.readouterr().out
    assert main(["restore", str(tmp_path / "b.tar")]) == 1
    assert "empty store" in capsys.readouterr().err
    (made,) = filled.corrections.all()
    filled.pictures.get(made.picture_id).path.unlink()
    assert main(["check"]) == 1
    assert f"a picture without its file: picture {made.picture_id}" in capsys.readouterr().out
