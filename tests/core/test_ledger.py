"""What each visitor has had within a day."""

from __future__ import annotations

from sayo_app.core.ledger import Ledger


def test_what_was_had_comes_back_after_a_day() -> None:
    now = [0.0]
    ledger = Ledger(100, clock=lambda: now[0])
    ledger.charge("a", 60)
    now[0] = 50_000.0
    ledger.charge("a", 60)
    assert (ledger.left("a"), ledger.left("b")) == (0, 100)
    now[0] = 86_401.0
    assert ledger.left("a") == 40
    now[0] = 150_000.0
    assert ledger.left("a") == 100


def test_many_small_ones_and_many_visitors_take_little_memory() -> None:
    ledger = Ledger(10**9)
    for _ in range(5_000):
        ledger.charge("a", 1)
    assert ledger.left("a") == 10**9 - 5_000 and len(ledger._had["a"]) <= 1_001
    for number in range(11_000):
        ledger.charge(str(number), 1)
    assert len(ledger._had) == 10_000
