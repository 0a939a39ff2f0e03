"""Where the files beside the rows lie."""

from __future__ import annotations

import re
from pathlib import Path

from sayo_app.errors import NotFoundError

# How the folder of an import under way begins, in the data folder.
UNDER_WAY = ".import-"
_SHA256 = re.compile(r"[0-9a-f]{64}")


def hashed_path(folder: Path, sha256: str, suffix: str) -> Path:
    """Where a file of that content hash lies; the hash is checked, as it may come from a browser.

    Raises:
        NotFoundError: not a sha256 in hexadecimal.
    """
    if not _SHA256.fullmatch(sha256):
        raise NotFoundError(
            expected="the id of a stored file (64 hexadecimal digits)",
            got=repr(sha256[:80]),
            remedy="Choose it again from what is listed.",
        )
    return folder / sha256[:2] / f"{sha256}{suffix}"
