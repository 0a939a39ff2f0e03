"""How much room there is, what is said of it, and what is refused where there is little."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from sayo_app.core.disk import disk, free_bytes, has_room, low_words, megabytes, require_room
from sayo_app.errors import StorageError
from sayo_app.settings import Settings

LIMITS = Settings(low_disk_bytes=2_000, reserved_disk_bytes=500)


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A disk with as much room as a test says."""
    fake = SimpleNamespace(free=10_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: fake)
    return fake


@pytest.mark.parametrize(
    ("left", "state", "said"),
    [
        (2_000, "ready", ""),
        (1_999, "low", "make room."),
        (500, "low", "make room."),
        (499, "reserved", "Only c"),
    ],
)
def test_low_disk_is_said_before_it_is_full(free: SimpleNamespace, left: int, state: str, said: str) -> None:
    free.free = left
    assert disk(LIMITS) == (left, state)
    assert said in low_words(disk(LIMITS)) and bool(said) == bool(low_words(disk(LIMITS)))


def test_what_is_reserved_is_for_corrections(free: SimpleNamespace) -> None:
    free.free = 500
    require_room(LIMITS, "an export")
    assert has_room(LIMITS, "a trace")
    free.free = 499
    with pytest.raises(StorageError, match=r"for an export.*Corrections are still saved"):
        require_room(LIMITS, "an export")
    assert not has_room(LIMITS, "a trace")
    free.free = 600
    with pytest.raises(StorageError):
        require_room(LIMITS, "an import", 101)


def test_a_disk_that_does_not_say_stops_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(path: Path) -> None:
        raise OSError("no such thing here")

    assert (free_bytes(tmp_path / "not" / "there") or 0) > 0
    monkeypatch.setattr(shutil, "disk_usage", refuse)
    require_room(LIMITS, "an export")
    assert disk(LIMITS).state == "ready"


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0 MB"), (1_500_000, "2 MB"), (999_000_000, "999 MB"), (10**9, "1.0 GB"), (2_460_000_000, "2.5 GB")],
)
def test_bytes_are_said_in_words(number: int, said: str) -> None:
    assert megabytes(number) == said
