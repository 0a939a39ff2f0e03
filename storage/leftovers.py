"""What a killed process has left in the data folder: half-written copies, none of them anybody's work."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from storage.base.files import UNDER_WAY

logger = logging.getLogger(__name__)

# Made by `sayo_app.core.files`, and renamed once whole.
_HALF_WRITTEN = ".part-*"
_FOLDERS = ("adapters", "runs")
# Downloads that were handed out, uploads that were opened, and what else was temporary.
_TEMPORARY = ("tmp",)
# Something younger may still be under way, in another process.
OLD_S = 3600.0


def leftovers(data_dir: Path) -> Iterator[tuple[str, Path]]:
    """(what it is, where it lies) of everything that nothing has touched for an hour."""
    for folder in sorted(data_dir.glob(f"{UNDER_WAY}*")):
        yield "a killed import's leftovers", folder
    for name in _TEMPORARY:
        for path in sorted((data_dir / name).glob("*")):
            # Exports share a folder; each of them is as old as it is.
            inside = sorted(path.iterdir()) if path.name == "sayo-exports" and path.is_dir() else [path]
            yield from (("a temporary file that is no longer used", it) for it in inside)
    for name in _FOLDERS:
        for path in sorted((data_dir / name).rglob(_HALF_WRITTEN)):
            yield "what a killed process left half written", path


def old(path: Path) -> bool:
    """Whether nothing in it was written in the last hour; False for what is gone."""
    newest = 0.0
    try:
        for one in (path, *path.rglob("*")):
            newest = max(newest, one.lstat().st_mtime)
    except OSError:
        # It is being removed, or written, just now.
        return False
    return time.time() - newest > OLD_S


def remove(path: Path) -> None:
    """A file or a folder. Raises OSError."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def clear(data_dir: Path) -> int:
    """Removes all that is old; what cannot be removed stays for the next time. How many they were."""
    count = 0
    for what, path in leftovers(data_dir):
        if old(path):
            with suppress(OSError):
                remove(path)
                logger.info("Removed %s: %s", what, path.name)
                count += 1
    return count
