"""What killed processes leave is found, cleared at the start, and never what may still be under way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sayo_app.settings import Settings
from storage.check import check
from storage.leftovers import clear
from storage.store import Store

LEFT = (
    ".import-x/pictures/0.png",
    "tmp/sayo-exports/1/adapter.zip",
    "tmp/gradio-file",
    "tmp/folder/deep/file",
    "adapters/.part-1/adapter_model.safetensors",
    "adapters/import-1/.part-2.json",
    "runs/3/.part-4.pt",
)
KEPT = ("adapters/run-1/adapter_model.safetensors", "runs/3/checkpoint.pt", "pictures/ab/x.png", "notes.txt")


def lay(data_dir: Path, *names: str, old: bool = True) -> None:
    for name in names:
        path = data_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    if old:
        for path in (data_dir, *data_dir.rglob("*")):
            os.utime(path, (1, 1))


def files(data_dir: Path) -> set[str]:
    return {path.relative_to(data_dir).as_posix() for path in data_dir.rglob("*") if path.is_file()}


def test_the_start_clears_what_is_old(tmp_path: Path) -> None:
    lay(tmp_path, *LEFT, *KEPT)
    lay(tmp_path, "tmp/sayo-exports/2/adapter.zip", "tmp/young", ".import-y/0.png", old=False)
    assert clear(tmp_path) == len(LEFT)
    assert files(tmp_path) == {*KEPT, "tmp/sayo-exports/2/adapter.zip", "tmp/young", ".import-y/0.png"}
    assert clear(tmp_path) == 0
    assert clear(tmp_path / "nowhere") == 0


def test_the_check_names_them_and_a_repair_removes_them(store: Store, settings: Settings) -> None:
    lay(settings.data_dir, *LEFT)
    assert len(check(store)) == len(LEFT)
    assert {it.done for it in check(store, repair=True)} == {"removed"}
    assert check(store) == []


def test_a_link_is_removed_and_not_what_it_leads_to(tmp_path: Path) -> None:
    lay(tmp_path, "elsewhere/file", "tmp/x")
    (tmp_path / "tmp" / "link").symlink_to(tmp_path / "elsewhere")
    os.utime(tmp_path / "tmp" / "link", (1, 1), follow_symlinks=False)
    assert clear(tmp_path) == 2
    assert files(tmp_path) == {"elsewhere/file"}


def test_what_cannot_be_removed_is_left_for_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay(tmp_path, "tmp/a", "tmp/b")

    def refuse(self: Path, **_: object) -> None:
        raise PermissionError(13, "refused")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        assert clear(tmp_path) == 0
    assert clear(tmp_path) == 2
