"""A file that one is about to remove while another is just being given it: forced to the worst moment."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import storage.formats.importer
from sayo_app.errors import StorageError
from sayo_app.settings import Settings
from storage.base.pictures import pixel_hash
from storage.check import check
from storage.formats.common.rows import ReadOptions
from storage.formats.importer import import_file
from storage.store import Store
from tests.storage.formats.kinds.test_viscot import LINE

RED = Image.new("RGB", (200, 100), "red")
# Whoever holds the files is waited for, so this passes in full: long enough for somebody who does not wait.
_MOMENT_S = 0.5


@pytest.fixture
def just_before(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Callable[[], None]]:
    """`just_before("unlink", path, act)`: as that file is to go, another thread acts, and is given a moment.

    What comes back waits until that thread is through.
    """
    threads: list[threading.Thread] = []
    failures: list[BaseException] = []

    def attempt(act: Callable[[], Any]) -> None:
        try:
            act()
        except BaseException as error:
            failures.append(error)

    def set_up(method: str, path: Path, act: Callable[[], Any]) -> Callable[[], None]:
        original = getattr(Path, method)

        def patched(self: Path, *args: Any, **fields: Any) -> Any:
            if self == path and not threads:
                threads.append(threading.Thread(target=attempt, args=(act,)))
                threads[0].start()
                threads[0].join(_MOMENT_S)
            return original(self, *args, **fields)

        monkeypatch.setattr(Path, method, patched)
        return wait

    def wait() -> None:
        threads[0].join()
        assert not failures

    return set_up


def picture_path(settings: Settings, image: Image.Image) -> Path:
    name = pixel_hash(image)
    return settings.pictures_dir / name[:2] / f"{name}.png"


def given(tmp_path: Path) -> Path:
    """A file to import, with one picture."""
    RED.save(tmp_path / "red.png")
    line = LINE | {"image": "red.png", "bboxs": [[1, 1, 9, 9]]}
    (tmp_path / "x.jsonl").write_text(json.dumps(line))
    return tmp_path / "x.jsonl"


def test_a_failed_import_leaves_a_picture_that_is_just_being_saved(
    store: Store, settings: Settings, tmp_path: Path, just_before: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise StorageError(expected="a disk", got="none", remedy="Try again.")

    monkeypatch.setattr(storage.formats.importer, "add_rows", fail)
    joined = just_before("unlink", picture_path(settings, RED), lambda: store.pictures.add(RED))
    with pytest.raises(StorageError, match="a disk"):
        import_file(store, "viscot", given(tmp_path), ReadOptions(settings, pictures=tmp_path))
    joined()
    assert store.pictures.load(pixel_hash(RED)).size == RED.size


def test_an_import_that_is_removed_leaves_a_picture_that_is_just_being_saved(
    store: Store, settings: Settings, tmp_path: Path, just_before: Any
) -> None:
    report = import_file(store, "viscot", given(tmp_path), ReadOptions(settings, pictures=tmp_path))
    joined = just_before("unlink", picture_path(settings, RED), lambda: store.pictures.add(RED))
    store.imports.remove(report.import_id)
    joined()
    assert store.pictures.load(pixel_hash(RED)).size == RED.size


def test_a_repair_leaves_a_picture_that_is_just_being_saved(
    store: Store, settings: Settings, just_before: Any
) -> None:
    path = picture_path(settings, RED)
    path.parent.mkdir(parents=True)
    RED.save(path)
    os.utime(path, (1, 1))
    joined = just_before("replace", path, lambda: store.pictures.add(RED))
    check(store, repair=True)
    joined()
    assert store.pictures.load(pixel_hash(RED)).size == RED.size


def test_an_import_whose_picture_is_removed_while_it_is_read_is_told(
    store: Store, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is there as the row is checked, and somebody takes it back before the row is stored."""
    options = ReadOptions(settings, pictures=tmp_path)
    first = import_file(store, "viscot", given(tmp_path), options)
    other = given(tmp_path)
    other.write_text(other.read_text().replace(LINE["question"], "Another one?"))
    begin = store.imports.begin

    def removed_before(**named: Any) -> Any:
        store.imports.remove(first.import_id)
        return begin(**named)

    monkeypatch.setattr(store.imports, "begin", removed_before)
    with pytest.raises(StorageError, match="removed meanwhile"):
        import_file(store, "viscot", other, options)
    assert store.imports.all() == []
