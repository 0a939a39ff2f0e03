"""Files in the real formats, made by hand and small."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sayo_app.settings import Settings
from storage.formats.common.rows import ReadOptions, Row, Skipped

Reader = Callable[..., Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a picture of 200 x 100 px under two names, one of them in a folder of its own."""
    made = tmp_path / "given"
    (made / "birds").mkdir(parents=True)
    for name in ("a.jpg", "birds/b c.png", "2375429.jpg"):
        Image.new("RGB", (200, 100), "teal").save(made / name)
    return made


@pytest.fixture
def save(folder: Path) -> Callable[..., Path]:
    """Writes JSON (or, from a list of rows, JSON lines) into that folder."""

    def write(value: Any, name: str = "given.json") -> Path:
        path = folder / name
        lines = "\n".join(json.dumps(row) for row in value) if name.endswith(".jsonl") else json.dumps(value)
        path.write_text(lines, encoding="utf-8")
        return path

    return write


@pytest.fixture
def options(sqlite_settings: Settings) -> ReadOptions:
    """For readers, which see of the settings only the limits: no need for each database."""
    return ReadOptions(sqlite_settings)


def taken(found: Iterable[Row | Skipped]) -> list[Row]:
    """The rows, when none was skipped."""
    rows = list(found)
    assert not [row for row in rows if isinstance(row, Skipped)]
    return [row for row in rows if isinstance(row, Row)]
