"""Files and folders appear whole or not at all: errors, a full disk, a kill; what reaches the disk when."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sayo_app.core.files import whole_file, whole_folder, write_text
from sayo_app.errors import ReadOnlyStoreError, StorageError

KILLED = """
import sys, time
from pathlib import Path
from sayo_app.core.files import whole_file, whole_folder

path = Path(sys.argv[2])
with (whole_file if sys.argv[1] == "file" else whole_folder)(path) as temporary:
    inside = temporary if sys.argv[1] == "file" else temporary / "a.txt"
    inside.write_text("half")
    print("writing", flush=True)
    time.sleep(60)
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_takes_its_place_once_all_is_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "result.json"
    write_text(path, "old")
    with whole_file(path) as temporary:
        temporary.write_text("new", encoding="utf-8")
        assert temporary.parent == path.parent and temporary.suffix == ".json"
        assert path.read_text(encoding="utf-8") == "old"
    assert path.read_text(encoding="utf-8") == "new" and names(path.parent) == ["result.json"]


@pytest.mark.skipif(os.name == "nt", reason="no such rights")
def test_others_may_read_it_as_any_other_file(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_text(tmp_path / "a.txt", "")
    finally:
        os.umask(before)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("whole", [whole_file, whole_folder])
def test_an_error_on_the_way_leaves_what_was_there(tmp_path: Path, whole: Any) -> None:
    path = filled(tmp_path / "a", whole)
    with pytest.raises(KeyError), whole(path) as temporary:
        write_into(temporary, "half", whole)
        raise KeyError
    assert read(path) == "old" and names(tmp_path) == ["a"]


@pytest.mark.parametrize(
    ("number", "kind"),
    [(errno.ENOSPC, StorageError), (errno.EROFS, ReadOnlyStoreError), (errno.EACCES, ReadOnlyStoreError)],
)
@pytest.mark.parametrize("whole", [whole_file, whole_folder])
@pytest.mark.parametrize("refused", ["write", "sync", "rename"])
def test_a_disk_that_refuses_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: Any, refused: str, number: int, kind: type
) -> None:
    path = filled(tmp_path / "a", whole)

    def refuse(*_: object) -> None:
        raise OSError(number, "refused")

    said = "got a full disk" if number == errno.ENOSPC else "got refused"
    with pytest.raises(StorageError, match=said) as caught, whole(path) as temporary:
        if refused == "write":
            refuse()
        write_into(temporary, "new", whole)
        if refused == "sync":
            monkeypatch.setattr(os, "fsync", refuse)
        if refused == "rename":
            # Of a folder the second rename: the old one has been put aside by then.
            real = Path.rename
            monkeypatch.setattr(Path, "replace", refuse)
            monkeypatch.setattr(
                Path, "rename", lambda one, other: refuse() if one == temporary else real(one, other)
            )
    monkeypatch.undo()
    assert type(caught.value) is kind
    assert read(path) == "old" and names(tmp_path) == ["a"]


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
@pytest.mark.parametrize("whole", [whole_file, whole_folder])
def test_a_kill_leaves_what_was_there(tmp_path: Path, whole: Any) -> None:
    path = filled(tmp_path / "a", whole)
    kind = "file" if whole is whole_file else "folder"
    command = [sys.executable, "-c", KILLED, kind, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "writing\n"
        process.send_signal(signal.SIGKILL)
    assert read(path) == "old"
    # The hidden name is left behind, and in nobody's way.
    hidden, shown = names(tmp_path)
    assert hidden.startswith(".part-") and shown == "a"
    with whole(path) as temporary:
        write_into(temporary, "new", whole)
    assert read(path) == "new"


@pytest.mark.skipif(os.name == "nt", reason="folders cannot be synced")
def test_bytes_reach_the_disk_before_the_name_and_the_name_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = recorded(monkeypatch)
    write_text(tmp_path / "new" / "a.txt", "text")
    # The new folder's own name, the file, the file's name.
    assert done == ["sync folder", "sync file", "rename", "sync folder"]
    done.clear()
    write_text(tmp_path / "new" / "a.txt", "text", durable=False)
    assert done == ["rename"]
    done.clear()
    with whole_folder(tmp_path / "b") as temporary:
        (temporary / "inner").mkdir()
        (temporary / "inner" / "a.txt").write_text("text")
    assert done == ["sync file", "sync folder", "sync folder", "rename", "sync folder"]


def recorded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    done: list[str] = []
    replace, rename, sync = Path.replace, Path.rename, os.fsync

    def synced(descriptor: int) -> None:
        done.append("sync folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "sync file")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", lambda one, other: (done.append("rename"), replace(one, other))[1])
    monkeypatch.setattr(Path, "rename", lambda one, other: (done.append("rename"), rename(one, other))[1])
    return done


def write_into(temporary: Path, text: str, whole: Any) -> None:
    (temporary if whole is whole_file else temporary / "a.txt").write_text(text, encoding="utf-8")


def filled(path: Path, whole: Any) -> Path:
    with whole(path) as temporary:
        write_into(temporary, "old", whole)
    return path


def read(path: Path) -> str:
    return (path / "a.txt" if path.is_dir() else path).read_text(encoding="utf-8")
