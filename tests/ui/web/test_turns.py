"""Whose turn it is: nobody waits for all that somebody else has asked before."""

from __future__ import annotations

from sayo_app.ui.shared.visitors import Visitor
from sayo_app.ui.web.turns import Turns

PEOPLE = 4


def served(asked: list[tuple[str, float]], turns: Turns) -> list[str]:
    """Who is served in which order, when all wait. Args: asked: (visitor at address, cost), in order."""
    waiting = [(turns.take(visitor(name), cost), number, name) for number, (name, cost) in enumerate(asked)]
    return [name for _, _, name in sorted(waiting)]


def visitor(name: str) -> Visitor:
    return Visitor(name, name.partition("@")[2] or name)


def test_people_take_turns_however_much_one_has_asked() -> None:
    asked = [("flood", 1.0)] * 5 + [("ada", 1.0), ("bob", 1.0), ("ada", 1.0)]
    assert served(asked, Turns(PEOPLE))[:5] == ["flood", "ada", "bob", "flood", "ada"]


def test_who_asks_for_long_things_has_fewer_turns() -> None:
    asked = [("long", 3.0)] * 2 + [("short", 1.0)] * 4
    assert served(asked, Turns(PEOPLE)) == ["long", "short", "short", "short", "long", "short"]


def test_an_address_is_no_more_than_so_many_people() -> None:
    asked = [(f"{number}@one", 1.0) for number in range(12)] + [("ada", 1.0), ("bob", 1.0)]
    order = served(asked, Turns(PEOPLE))
    assert order[:3] == ["0@one", "ada", "bob"]
    turns = Turns(PEOPLE)
    taken = [turns.take(visitor(f"{number}@one"), 1.0) for number in range(9)]
    assert taken[-1] == 2.0


def test_one_who_floods_does_not_hold_up_the_others_of_the_address() -> None:
    assert served([("flood@one", 1.0)] * 5 + [("ada@one", 1.0)], Turns(50))[:2] == ["flood@one", "ada@one"]


def test_nobody_saves_turns_and_nobody_is_remembered_for_ever() -> None:
    turns = Turns(PEOPLE)
    for _ in range(5):
        turns.began(turns.take(visitor("early"), 1.0))
    assert turns.take(visitor("late"), 1.0) == 4.0
    turns.began(100.0)
    assert turns.next(visitor("early")) == turns.next(visitor("new")) == 100.0
    assert not turns._free
