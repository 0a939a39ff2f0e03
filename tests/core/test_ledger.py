"""What each visitor has had within a day, and all of them together."""

from __future__ import annotations

from pathlib import Path

from sayo_app.core.ledger import Ledger, Stored, bytes_in


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


def test_all_together_have_an_end_that_is_measured_and_counted(tmp_path: Path) -> None:
    now = [0.0]
    (tmp_path / "aa").mkdir()
    (tmp_path / "aa" / "there").write_bytes(bytes(700))
    stored = Stored(10_000, 1_000, (tmp_path, tmp_path / "none"), clock=lambda: now[0])
    assert bytes_in(tmp_path) == 700 and stored.full("a") == ""
    stored.charge("a", 299)
    assert stored.full("b") == ""
    stored.charge("a", 1)
    assert stored.full("b") == stored.full("a") == "at most 0 MB of pictures and traces in all"
    (tmp_path / "aa" / "there").unlink()
    now[0] = 599.0
    assert stored.full("b"), "not measured at each call"
    now[0] = 601.0
    assert stored.full("b") == ""


def test_each_has_an_end_before_all_have(tmp_path: Path) -> None:
    stored = Stored(100, 1_000, (tmp_path,))
    stored.charge("a", 100)
    assert stored.full("a") == "at most 0 MB of new pictures and traces in a day"
    assert stored.full("b") == ""
