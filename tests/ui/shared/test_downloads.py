"""Files to hand out lie in folders of their own, and not for ever."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import pytest

from sayo_app.errors import StorageError
from sayo_app.settings import Settings
from sayo_app.ui.shared.downloads import export_folder, file_stem


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_two_files_of_one_name_do_not_meet() -> None:
    one, other = export_folder(Settings()), export_folder(Settings())
    assert one != other and one.is_dir() and other.is_dir()


def test_a_file_of_an_hour_ago_is_gone_and_a_younger_one_is_not() -> None:
    old, young = export_folder(Settings()), export_folder(Settings())
    (old / "answer.zip").write_text("x")
    for folder, age_s in ((old, 3700), (young, 3500)):
        os.utime(folder, (time.time() - age_s,) * 2)
    export_folder(Settings())
    assert (old.exists(), young.exists()) == (False, True)


def test_a_place_that_cannot_be_written_is_said(scratch: Path) -> None:
    (scratch / "sayo-exports").write_text("not a folder")
    with pytest.raises(StorageError, match="has room"):
        export_folder(Settings())


@pytest.mark.parametrize(
    ("text", "stem"),
    [
        ("What is left of the cat?", "what-is-left-of-the-cat"),
        ("../../etc/passwd", "etc-passwd"),
        ("Où?", "o"),
        ("何?", "answer"),
        ("", "answer"),
        ("a" * 99, "a" * 40),
    ],
)
def test_a_name_for_a_file_has_nothing_in_it_that_a_file_system_minds(text: str, stem: str) -> None:
    assert file_stem(text, "answer") == stem
