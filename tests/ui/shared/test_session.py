"""What a browser tab looks at, and what its rooms keep of it."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

import numpy as np
import pytest
from PIL import Image

from sayo_app.core.shelf import Shelf
from sayo_app.errors import CorrectionError, PictureError
from sayo_app.ui.shared.answers import Answered
from sayo_app.ui.shared.session import Session
from tests.ui.driving import held, make_trace


@dataclass
class Kitchen:
    pots: list[str] = field(default_factory=list)


@dataclass
class Cellar:
    pots: list[str] = field(default_factory=list)


def answer(answer_id: str) -> Answered:
    return Answered(answer_id, held(Image.new("RGB", (320, 240))), "What?", make_trace())


def test_a_room_finds_what_it_kept_and_nobody_elses() -> None:
    session = Session()
    session.room(Kitchen).pots.append("soup")
    assert session.room(Kitchen).pots == ["soup"]
    assert session.room(Cellar).pots == []
    assert Session().room(Kitchen).pots == []


def test_a_tab_that_begins_as_a_copy_shares_nothing_with_the_one_copied() -> None:
    first = Session()
    tabs = [copy.deepcopy(first) for _ in range(2)]
    tabs[0].room(Kitchen).pots.append("soup")
    tabs[0].show(answer("a"))
    assert tabs[1].room(Kitchen).pots == [] and tabs[1].answers.get("a") is None


def test_an_answer_is_shown_until_there_is_another_one_or_another_picture() -> None:
    session = Session()
    session.show(answer("a"))
    assert session.answered("a").id == "a"
    session.show(answer("b"))
    with pytest.raises(CorrectionError, match="replaced by a newer one"):
        session.answered("a")
    assert session.answers.find("a").id == "a", "Compare may still ask for its maps"
    session.look_at(held(Image.new("RGB", (10, 10))), {})
    with pytest.raises(CorrectionError, match="got none"):
        session.answered("b")


def test_tabs_share_one_budget_and_are_told_what_gave_way() -> None:
    """Six sessions of four pictures of 5 KB kept 4.7 GB; an answer of a large model has 80 MB."""
    shelf = Shelf(3 * answer("a").weight)
    tabs = [copy.deepcopy(Session(shelf)) for _ in range(5)]
    for number, tab in enumerate(tabs):
        tab.show(answer(str(number)))
    assert shelf.weight <= shelf.most_bytes
    assert [tab.answers.get(str(number)) is None for number, tab in enumerate(tabs)] == [True] * 2 + [
        False
    ] * 3
    with pytest.raises(CorrectionError, match="let go of"):
        tabs[0].answers.find("0")
    with pytest.raises(CorrectionError, match="Ask the question again"):
        tabs[0].answered("0")
    tabs[0].look_at((), {"pictures": [{"src": "x" * shelf.most_bytes}]})
    assert tabs[4].answers.get("4") is None and tabs[0].shown
    tabs[1].look_at((), {"pictures": [{"src": "x" * shelf.most_bytes}]})
    with pytest.raises(PictureError, match="let go of"):
        _ = tabs[0].shown


def test_maps_of_an_answer_count_and_are_not_without_number() -> None:
    session = Session(Shelf(10**9))
    answered = session.show(answer("a"))
    before = session.shelf.weight
    for head in range(100):
        answered.keep_maps(f"head:0:{head}", np.zeros((8, 48), dtype=np.float32))
    assert session.answers.get("a") is answered
    assert session.shelf.weight == before + 16 * 8 * 48 * 4
