"""Whose turn it is in a queue: start-time fair queuing.

Somebody who asks once does not wait for all that somebody else has asked before. Each event begins, in a time
of the queue's own, when those before it of the same visitor would be done if they had the queue to
themselves; the one that begins first is served. An address counts as a number of people at most, so a visitor
who calls themselves something else each time gains no more than those.
"""

from __future__ import annotations

from sayo_app.ui.shared.visitors import Visitor


class Turns:
    """Of one queue. A turn is a number; the lowest is served first."""

    def __init__(self, people: int) -> None:
        """Args: people: as how many an address counts at most."""
        self._people = people
        self._now = 0.0
        # When a visitor or an address may begin next; none where that is over.
        self._free: dict[str, float] = {}

    def next(self, visitor: Visitor) -> float:
        """The turn that an event of theirs would have."""
        return max(self._now, self._free.get(visitor.own, 0.0), self._free.get(f"at {visitor.address}", 0.0))

    def take(self, visitor: Visitor, cost: float) -> float:
        """Args: cost: how long it takes, in seconds as far as that is known."""
        turn, there = self.next(visitor), f"at {visitor.address}"
        self._free[visitor.own] = turn + cost
        # Not from this turn on: one who has asked for much does not hold up the others of the address.
        self._free[there] = max(self._now, self._free.get(there, 0.0)) + cost / self._people
        return turn

    def began(self, turn: float) -> None:
        """An event is served; forgets those who are no longer behind."""
        self._now = max(self._now, turn)
        self._free = {key: free for key, free in self._free.items() if free > self._now}
