"""How often a wrong password may be given."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable

SECONDS = 300.0
# Of names and addresses that are remembered.
_MOST_KEYS = 10_000


class Tries:
    """Counts failures under a key; those of the last minutes count.

    Args:
        most: failures of a key, until it has none left.
        clock: seconds that only go forwards.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._failed: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def left(self, key: str) -> bool:
        """Whether it may be tried again."""
        with self._lock:
            return len(self._recent(key)) < self._most

    def fail(self, key: str) -> None:
        with self._lock:
            recent = self._recent(key)
            recent.append(self._clock())
            self._failed[key] = recent
            self._failed.move_to_end(key)
            while len(self._failed) > _MOST_KEYS:
                self._failed.popitem(last=False)

    def _recent(self, key: str) -> deque[float]:
        times = self._failed.get(key, deque(maxlen=self._most))
        while times and self._clock() - times[0] > SECONDS:
            times.popleft()
        return times
