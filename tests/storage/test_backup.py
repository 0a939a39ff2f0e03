"""Backups and their way back, on and between both databases, and the command line."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from dataclasses import replace
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
from tests.storage.base.test_pictures import small_trace

Correct = Callable[..., CorrectionRecord]


@pytest.fixture
def filled(store: Store, correct: Correct, picture_id: str) -> Store:
    made = correct(trace_id=store.save_trace(small_trace()), author="Ada", flagged=True)
    store.revise_correction(made.id, "Bo", corrected_answer="plum")
    item = store.add_item(picture_id=picture_id, question="To do?", priority=3)
    store.save_draft(item.id, author="Ada", content={"regions": []}, version=0)
    run = store.create_run(RunConfig())
    adapter = store.add_adapter(
        name="a", path=store.settings.adapters_dir / "a", base_model="b", run_id=run.id
    )
    store.update_run(run.id, state="finished", adapter_id=adapter.id)
    store.set_active_adapter(adapter.id)
    return store


def test_a_backup_brings_everything_back(filled: Store, tmp_path: Path) -> None:
    copied = backup(filled, tmp_path / "b.tar")
    assert copied.files == 3  # picture, trace, the run's configuration
    back = Store(Settings(data_dir=tmp_path / "back"))
    assert restore(back, tmp_path / "b.tar").rows == copied.rows
    (made,) = back.list_corrections()
    assert back.correction_history(made.id) == filled.correction_history(made.id)
    assert back.list_work(WorkQuery()) == filled.list_work(WorkQuery())
    assert back.list_drafts("Ada") == filled.list_drafts("Ada")
    assert made.trace_id is not None
    assert back.load_trace(made.trace_id).tokens == small_trace().tokens
    assert back.load_picture(made.picture_id).size == (100, 50)
    adapter = back.active_adapter()
    assert adapter is not None and adapter.path == back.settings.adapters_dir / "a"
    # Numbers go on where they ended.
    assert back.add_item(picture_id=made.picture_id, question="New?").id == made.item_id + 2


def test_a_backup_of_a_file_goes_into_a_server(
    sqlite_settings: Settings, postgres_settings: Settings, tmp_path: Path
) -> None:
    small = Store(replace(sqlite_settings, database_url=None))
    picture = small.add_picture(Image.new("RGB", (3, 3)))
    small.add_item(picture_id=picture.id, question="?", answer="yes")
    backup(small, tmp_path / "b.tar")
    large = Store(replace(postgres_settings, data_dir=tmp_path / "large"))
    restore(large, tmp_path / "b.tar")
    assert large.list_work(WorkQuery()) == small.list_work(WorkQuery())
    assert large.add_item(picture_id=picture.id, question="new").id == 2
    assert large.load_picture(picture.id).size == (3, 3)


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
    (made,) = filled.list_corrections()
    filled.get_picture(made.picture_id).path.unlink()
    assert main(["check"]) == 1
    assert f"a picture without its file: picture {made.picture_id}" in capsys.readouterr().out
