"""Room for what many keep for a while: the oldest things of whoever has most give way to new ones."""

from __future__ import annotations

import itertools
import threading
import weakref
from collections import Counter
from typing import Any, Generic, TypeVar

Thing = TypeVar("Thing")
_turn = itertools.count()


class Place(Generic[Thing]):
    """A thing on the shelf: it is there as long as somebody has its place and nothing pushes it out.

    Attributes:
        weight: bytes.
        owner: whose it is; empty is nobody's.
    """

    def __init__(self, thing: Thing, weight: int, owner: str) -> None:
        self._thing: Thing | None = thing
        self.weight, self.owner = weight, owner
        self.used = next(_turn)

    def get(self) -> Thing | None:
        """None once it was let go of."""
        self.used = next(_turn)
        return self._thing

    def let_go(self) -> None:
        self._thing, self.weight = None, 0


class Shelf:
    """Things within a number of bytes, of all owners together.

    It holds none of them itself: what nobody has the place of any more takes no room. One thing always
    fits, however large.
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self._places: weakref.WeakSet[Place[Any]] = weakref.WeakSet()
        self._lock = threading.Lock()

    def __deepcopy__(self, _: Any) -> Shelf:
        """There is one, whoever is copied that has it."""
        return self

    @property
    def weight(self) -> int:
        """Bytes on it now."""
        with self._lock:
            return sum(place.weight for place in self._places)

    def put(self, thing: Thing, weight: int, owner: str = "") -> Place[Thing]:
        """Others may be let go of for it."""
        place = Place(thing, weight, owner)
        with self._lock:
            self._places.add(place)
        self.weigh(place, weight)
        return place

    def weigh(self, place: Place[Any], weight: int) -> None:
        """A thing has become heavier, or lighter."""
        with self._lock:
            place.weight = weight
            taken = [it for it in self._places if it.weight]
            total = sum(it.weight for it in taken)
            by_owner: Counter[str] = Counter()
            for it in taken:
                by_owner[it.owner] += it.weight
            others = sorted((it for it in taken if it is not place), key=lambda it: it.used)
            while total > self.most_bytes and others:
                most = max(by_owner[it.owner] for it in others)
                oldest = next(it for it in others if by_owner[it.owner] == most)
                total -= oldest.weight
                by_owner[oldest.owner] -= oldest.weight
                others.remove(oldest)
                oldest.let_go()
