"""Attention traces: files by content hash, each stored once."""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path

from sayo_app.core.attention.trace import AttentionTrace
from sayo_app.errors import StorageError
from storage.base.database import Database
from storage.base.file_errors import file_error, hashed_path
from storage.base.pictures import not_found


class Traces:
    """Attention traces of answers; rows name them by the hash of their file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, trace: AttentionTrace) -> str:
        """Stores an attention trace and gives its id.

        Raises:
            ReadOnlyStoreError, StorageError: it cannot be written.
        """
        self._database.require_writable()
        folder = self._database.settings.traces_dir
        temporary = folder / f".{uuid.uuid4().hex}.npz"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            trace.save(temporary)
            identity = hashlib.sha256(temporary.read_bytes()).hexdigest()
            path = hashed_path(folder, identity, ".npz")
            path.parent.mkdir(exist_ok=True)
            temporary.replace(path)
        except (OSError, StorageError) as error:
            cause = error if isinstance(error, OSError) else error.__cause__
            if isinstance(cause, OSError):
                raise file_error(temporary, cause) from error
            raise
        finally:
            if temporary.exists():
                temporary.unlink()
        return identity

    def load(self, trace_id: str) -> AttentionTrace:
        """Raises NotFoundError, or StorageError when the file is damaged."""
        path = self.path(trace_id)
        if not path.exists():
            raise not_found("trace", trace_id)
        return AttentionTrace.load(path)

    def path(self, trace_id: str) -> Path:
        """Where that trace lies, whether or not it does. Raises NotFoundError for what is no id."""
        return hashed_path(self._database.settings.traces_dir, trace_id, ".npz")
