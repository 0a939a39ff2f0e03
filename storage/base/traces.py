"""Attention traces: files by content hash, each stored once."""

from __future__ import annotations

import hashlib
from pathlib import Path

from sayo_app.core.attention.trace import AttentionTrace
from sayo_app.core.files import whole_file
from storage.base.database import Database, not_found
from storage.base.files import hashed_path


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
        data = trace.to_bytes()
        identity = hashlib.sha256(data).hexdigest()
        path = self.path(identity)
        # Even where it is: `check` takes an old file without a row for one that nobody wants.
        with whole_file(path) as temporary:
            temporary.write_bytes(data)
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
