"""How much each visitor has had within a day, and all of them together."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from sayo_app.core.disk import files_in, megabytes

_DAY_S = 86_400.0
_MOST_KEYS = 10_000
# Folders are measured anew so often: others may write to them, and files go.
_MEASURED_S = 600.0


class Ledger:
    """Amounts by key, each forgotten after a day. It is kept in memory: a restart forgets all."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Args: most: that a key may have within a day."""
        self.most = most
        self._clock = clock
        self._had: dict[str, deque[tuple[float, int]]] = {}
        self._lock = threading.Lock()

    def left(self, key: str) -> int:
        """Never below 0."""
        with self._lock:
            return max(0, self.most - sum(amount for _, amount in self._fresh(key)))

    def charge(self, key: str, amount: int) -> None:
        """It has been had, whatever is left."""
        with self._lock:
            entries = self._fresh(key)
            entries.append((self._clock(), amount))
            if len(entries) > 1_000:  # many small ones count as one, of the youngest's time
                total = sum(it for _, it in entries)
                entries.clear()
                entries.append((self._clock(), total))
            self._had[key] = entries
            if len(self._had) > _MOST_KEYS:
                del self._had[next(iter(self._had))]

    def _fresh(self, key: str) -> deque[tuple[float, int]]:
        entries = self._had.pop(key, deque())
        while entries and self._clock() - entries[0][0] > _DAY_S:
            entries.popleft()
        if entries:
            self._had[key] = entries
        return entries


class Stored:
    """Bytes that visitors may still have stored: each within a day, all of them in all."""

    def __init__(
        self,
        each: int,
        in_all: int,
        folders: Sequence[Path],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Args: folders: that what is stored comes to, whoever stored it."""
        self._each = Ledger(each, clock)
        self._in_all, self._folders, self._clock = in_all, tuple(folders), clock
        self._there, self._measured = 0, float("-inf")
        self._lock = threading.Lock()

    def full(self, visitor: str) -> str:
        """What there is no more room for, in words; empty where there is some."""
        if not self._each.left(visitor):
            return f"at most {megabytes(self._each.most)} of new pictures and traces in a day"
        if self._taken() >= self._in_all:
            return f"at most {megabytes(self._in_all)} of pictures and traces in all"
        return ""

    def charge(self, visitor: str, size: int) -> None:
        self._each.charge(visitor, size)
        with self._lock:
            self._there += size

    def _taken(self) -> int:
        with self._lock:
            if self._clock() - self._measured > _MEASURED_S:
                self._there, self._measured = sum(map(bytes_in, self._folders)), self._clock()
            return self._there


def bytes_in(folder: Path) -> int:
    """Of all files below it; 0 where there is no such folder."""
    return sum(state.st_size for _, state in files_in(folder))
