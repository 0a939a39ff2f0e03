"""Write files and folders so that no reader ever sees half of one, whatever happens in between.

Each is written under a hidden name in the same folder and then renamed. An error, a full disk or a kill
leaves what was there before; a kill may leave the hidden name behind as well.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sayo_app.errors import ReadOnlyStoreError, StorageError

# What to say where the disk is full, whoever finds out.
ROOM, NO_ROOM = "room on the disk of the data folder", "a full disk"
MAKE_ROOM = "Nothing was stored. Whoever runs the app has to make room there; then try again."
_FULL = (errno.ENOSPC, errno.EDQUOT)
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


@contextmanager
def whole_file(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """A path to write to, beside `path` and of its suffix, that takes its place once all is written.

    Args:
        durable: wait until the disk has the bytes and then the name, so that a machine that loses its power
            keeps the old file or the new one. False for what is made again at no cost.

    Raises:
        ReadOnlyStoreError: the folder may not be written.
        StorageError: any other failure of the file system, a full disk among them.
    """
    with _put_in_place(path, durable) as temporary:
        yield temporary
        if durable:
            sync(temporary)
        temporary.replace(path)


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """The same for a folder, which is there, empty, to be filled; one of before goes when all is written.

    Raises:
        ReadOnlyStoreError, StorageError: as `whole_file`.
    """
    with _put_in_place(folder, durable=True) as temporary:
        temporary.mkdir()
        yield temporary
        for path in sorted(temporary.rglob("*"), reverse=True):
            sync(path)
        sync(temporary)
        if not folder.exists():
            temporary.rename(folder)
            return
        replaced = _beside(folder)
        folder.rename(replaced)
        try:
            temporary.rename(folder)
        except OSError:
            replaced.rename(folder)
            raise
        shutil.rmtree(replaced, ignore_errors=True)


def write_text(path: Path, text: str, *, durable: bool = True) -> None:
    """A whole file of UTF-8. Raises: as `whole_file`."""
    with whole_file(path, durable=durable) as temporary:
        temporary.write_text(text, encoding="utf-8")


def file_error(path: Path, error: OSError) -> StorageError:
    """What a failure to write a path means to whoever asked for it."""
    if error.errno in _READ_ONLY:
        return ReadOnlyStoreError(
            expected=f"a data folder that can be written ({path.parent})",
            got=error.strerror or str(error),
            remedy="Give this user the right to write there, or choose another data folder.",
        )
    if error.errno in _FULL:
        return StorageError(expected=ROOM, got=NO_ROOM, remedy=MAKE_ROOM)
    return StorageError(
        expected=f"to write {path}",
        got=error.strerror or str(error),
        remedy="Check the disk's free space and health, then try again. Nothing was stored.",
    )


def sync(path: Path) -> None:
    """To the disk; a folder only where the system can (Windows cannot, some network disks will not)."""
    if not path.is_dir():
        with path.open("rb+") as file:
            os.fsync(file.fileno())
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _put_in_place(path: Path, durable: bool) -> Iterator[Path]:
    """The hidden name, which is gone afterwards; what the file system says against it, as our error."""
    temporary = _beside(path)
    try:
        _make_folder(path.parent, durable)
        yield temporary
        if durable:
            sync(path.parent)
    except OSError as error:
        raise file_error(path, error) from error
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            # A disk that refuses to write may refuse this too, and has been heard already.
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    """A name in the same folder that nobody else has. Not made by mkstemp: others may read the file."""
    return path.with_name(f".part-{uuid.uuid4().hex}{path.suffix}")


def _make_folder(folder: Path, durable: bool) -> None:
    if folder.is_dir():
        return
    _make_folder(folder.parent, durable)
    folder.mkdir(exist_ok=True)
    if durable:
        sync(folder.parent)
