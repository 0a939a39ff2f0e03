"""How much each visitor has had within a day."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

_DAY_S = 86_400.0
_MOST_KEYS = 10_000


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
