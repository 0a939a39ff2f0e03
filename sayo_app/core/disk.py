"""How much room the data folder's disk has, and what it is for when there is little."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from sayo_app.core.files import ROOM
from sayo_app.errors import StorageError
from sayo_app.settings import Settings

log = logging.getLogger(__name__)

State = Literal["ready", "low", "reserved"]


class Disk(NamedTuple):
    """Attributes:
    free: bytes.
    state: `low` where somebody should make room, `reserved` where what is left is for corrections.
    """

    free: int
    state: State


def disk(settings: Settings) -> Disk:
    """Of the data folder; `ready` where the system does not say."""
    free = free_bytes(settings.data_dir)
    if free is None:
        return Disk(0, "ready")
    if free < settings.reserved_disk_bytes:
        return Disk(free, "reserved")
    return Disk(free, "low" if free < settings.low_disk_bytes else "ready")


def free_bytes(folder: Path) -> int | None:
    """On the disk of a folder, which need not be there yet; None where the system does not say."""
    there = next((it for it in (folder, *folder.parents) if it.exists()), folder)
    try:
        return shutil.disk_usage(there).free
    except OSError as error:
        log.warning("the room on the disk is not known: %s", error)
        return None


def require_room(settings: Settings, what: str, size: int = 0) -> None:
    """Before anything but a correction is written.

    Args:
        what: it is, as "an export".
        size: bytes that it is known to take.

    Raises:
        StorageError: it would take what is reserved for corrections.
    """
    free = free_bytes(settings.data_dir)
    if free is None or free - size >= settings.reserved_disk_bytes:
        return
    raise StorageError(
        expected=f"{ROOM} for {what}",
        got=f"{megabytes(free)} free, of which {megabytes(settings.reserved_disk_bytes)} are for corrections",
        remedy="Corrections are still saved. Whoever runs the app has to make room there; then try again.",
    )


def has_room(settings: Settings, what: str) -> bool:
    """The same for what can be done without; it is logged where there is none."""
    try:
        require_room(settings, what)
    except StorageError as error:
        log.warning("%s", error)
        return False
    return True


def low_words(found: Disk) -> str:
    """What to say to whoever can do something about it; empty where nobody has to."""
    if found.state == "ready":
        return ""
    least = " Only corrections are still saved." if found.state == "reserved" else ""
    return f"The disk of the data folder has {megabytes(found.free)} left: make room.{least}"


def megabytes(number: int) -> str:
    return f"{number / 1e9:.1f} GB" if number >= 10**9 else f"{number / 1e6:.0f} MB"


def files_in(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """All files below a folder, which may go meanwhile; none where there is no such folder."""
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # somebody else removes it
            if path.is_file():
                yield path, path.stat()


def trim(folder: Path, most_bytes: int, oldest_s: float, needed_s: float) -> int:
    """Remove files below a folder: those older than that, and the oldest as long as there are too many.

    Args:
        needed_s: younger ones stay, whatever room they take.

    Returns:
        Bytes of what is left.
    """
    found = [(state.st_mtime, state.st_size, path) for path, state in files_in(folder)]
    total, now = sum(size for _, size, _ in found), time.time()
    for written, size, path in sorted(found, key=lambda it: it[0]):
        age = now - written
        if age > oldest_s or (total > most_bytes and age > needed_s):
            with contextlib.suppress(OSError):
                path.unlink()
                total -= size
                path.parent.rmdir()  # where it was the only one
    return total
