"""What is kept within a budget, and what gives way."""

from __future__ import annotations

import copy
import gc

from sayo_app.core.shelf import Shelf


def test_the_oldest_gives_way() -> None:
    shelf = Shelf(30)
    first, second, third = (shelf.put(name, 10) for name in "abc")
    assert first.get() == "a", "it is the youngest now"
    fourth = shelf.put("d", 10)
    assert (first.get(), second.get(), third.get(), fourth.get()) == ("a", None, "c", "d")
    assert shelf.weight == 30


def test_whoever_has_most_makes_room_for_others_and_not_the_other_way_round() -> None:
    shelf = Shelf(100)
    mine = shelf.put("mine", 10, "me")
    flood = [shelf.put(number, 10, "them") for number in range(50)]
    assert mine.get() == "mine"
    assert [place.get() for place in flood if place.get() is not None] == [*range(41, 50)]
    also_mine = shelf.put("also mine", 40, "me")
    assert mine.get() and also_mine.get()
    assert shelf.weight == 100 - 40 + 40


def test_what_nobody_has_takes_no_room() -> None:
    shelf = Shelf(30)
    first = shelf.put("a", 20)
    del first
    gc.collect()
    assert shelf.weight == 0


def test_one_thing_always_fits_and_what_grows_makes_others_go() -> None:
    shelf = Shelf(10)
    large = shelf.put("large", 1_000)
    assert large.get() == "large"
    small = shelf.put("small", 1)
    assert (large.get(), small.get()) == (None, "small")
    other = shelf.put("other", 1)
    shelf.weigh(small, 10)
    assert (small.get(), other.get()) == ("small", None)


def test_a_session_that_is_copied_stays_on_the_one_shelf() -> None:
    shelf = Shelf(10)
    assert copy.deepcopy({"shelf": shelf})["shelf"] is shelf
