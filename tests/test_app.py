"""The entry point before anything is served."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

import app


def test_temporary_files_go_into_the_data_folder(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "before")
    monkeypatch.setattr(tempfile, "tempdir", None)
    app.write_only_into(data_dir)
    with tempfile.NamedTemporaryFile() as file:
        assert Path(file.name).is_relative_to(data_dir)
    assert Path(os.environ["TMPDIR"]).is_relative_to(data_dir)


def test_a_data_folder_that_cannot_be_made_is_told_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file stands where the folder should be: no permission of root's helps against that."""
    (tmp_path / "taken").write_text("a file")
    assert app.main(["--data-dir", str(tmp_path / "taken" / "data"), "--port", "0"]) == 1
    message = capsys.readouterr().err
    assert "Expected" in message
    assert "Traceback" not in message


def test_a_flag_of_the_wrong_type_is_told_in_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SAYO_PORT", "many")
    assert app.main([]) == 1
    assert "SAYO_PORT" in capsys.readouterr().err
