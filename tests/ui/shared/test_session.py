"""What a browser tab looks at, and what its rooms keep of it."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

import pytest
from PIL import Image

from sayo_app.errors import CorrectionError
from sayo_app.ui.shared.answers import Answered
from sayo_app.ui.shared.session import Session
from tests.ui.driving import make_trace


@dataclass
class Kitchen:
    pots: list[str] = field(default_factory=list)


@dataclass
class Cellar:
    pots: list[str] = field(default_factory=list)


def answer(answer_id: str) -> Answered:
    return Answered(answer_id, (Image.new("RGB", (320, 240)),), "What?", make_trace())


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
    session.look_at([Image.new("RGB", (10, 10))], {})
    with pytest.raises(CorrectionError, match="got none"):
        session.answered("b")
