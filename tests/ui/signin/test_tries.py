"""How often a wrong password may be given, by a clock of our own."""

from __future__ import annotations

from sayo_app.ui.signin import tries
from sayo_app.ui.signin.tries import SECONDS, Tries


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_failures_count_for_some_minutes_and_for_their_own_key() -> None:
    clock = Clock()
    guard = Tries(3, clock)
    for _ in range(3):
        assert guard.left("a")
        guard.fail("a")
        clock.now += 10
    assert (guard.left("a"), guard.left("b")) == (False, True)
    # The first of three was at second 0, and it is 30 now.
    clock.now = SECONDS
    assert not guard.left("a")
    clock.now = SECONDS + 1
    assert guard.left("a")


def test_no_more_is_remembered_than_fits(monkeypatch) -> None:
    monkeypatch.setattr(tries, "_MOST_KEYS", 2)
    guard = Tries(1)
    for key in "abc":
        guard.fail(key)
    assert [guard.left(key) for key in "abc"] == [True, False, False]
