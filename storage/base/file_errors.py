"""Files beside the rows: written under a temporary name, then renamed, so none is ever half there."""

from __future__ import annotations

import errno
import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sayo_app.errors import NotFoundError, ReadOnlyStoreError, StorageError

_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)
# How the folder of an import under way begins, in the data folder.
UNDER_WAY = ".import-"
_SHA256 = re.compile(r"[0-9a-f]{64}")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary path with the same suffix in the same folder; on success it becomes `path`.

    Raises:
        ReadOnlyStoreError: the folder may not be written.
        StorageError: any other failure of the file system, a full disk among them.
    """
    temporary = path.with_name(f".{uuid.uuid4().hex}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise file_error(path, error) from error
    finally:
        if temporary.exists():
            temporary.unlink()


def hashed_path(folder: Path, sha256: str, suffix: str) -> Path:
    """Where a file of that content hash lies; the hash is checked, as it may come from a browser.

    Raises:
        NotFoundError: not a sha256 in hexadecimal.
    """
    if not _SHA256.fullmatch(sha256):
        raise NotFoundError(
            expected="the id of a stored file (64 hexadecimal digits)",
            got=repr(sha256[:80]),
            remedy="Choose it again from the page.",
        )
    return folder / sha256[:2] / f"{sha256}{suffix}"


def file_error(path: Path, error: OSError) -> StorageError:
    if error.errno in _READ_ONLY:
        return ReadOnlyStoreError(
            expected=f"a data folder that can be written ({path.parent})",
            got=error.strerror or str(error),
            remedy="Give this user the right to write there, or choose another data folder.",
        )
    return StorageError(
        expected=f"to write {path}",
        got=error.strerror or str(error),
        remedy="Check the disk's free space and health, then try again. Nothing was stored.",
    )
