"""Drafts without a browser: whose they are, what they are of, and what ends them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sayo_app.access.current import acting
from sayo_app.access.roles import Person, Role
from sayo_app.core.geometry.region import Region
from sayo_app.ui.correct.tab import save_correction
from sayo_app.ui.shared.answers import Answered, draft_name
from sayo_app.ui.shared.session import Session
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.viewer.autosave import KeptDrafts, draft_reply
from sayo_app.ui.viewer.page_state import PageState
from sayo_app.ui.worklist.item import submit
from sayo_app.ui.worklist.opened import item_value, opened_item
from storage.base.records import CorrectionRecord
from tests.storage.examples import corrected
from tests.ui.driving import held, make_trace

BROWSER, OTHER = "a" * 32, "b" * 32
BOX = Region.box(10, 20, 110, 120).to_dict()


@pytest.fixture
def session() -> Session:
    return answered(Session(), "answer-1")


def answered(session: Session, answer_id: str, shade: int = 200, question: str = "What is here?") -> Session:
    """An answer on a picture of that shade, as a tab has it."""
    pixels = np.full((240, 320, 3), shade, dtype=np.uint8)
    session.show(Answered(answer_id, held(Image.fromarray(pixels)), question, make_trace()))
    return session


def event(op: str = "load", shown: Any = "answer-1", **fields: Any) -> SimpleNamespace:
    content = {"regions": [BOX], "earlier": [], "answer": ""}
    sent = {"tab": "t1", "browser": BROWSER, "author": "", "version": 0, "content": content, "revision": 1}
    return SimpleNamespace(id=shown, op=op, **(sent | fields))


@pytest.fixture
def stored(studio: Studio) -> CorrectionRecord:
    picture = studio.store.pictures.add(Image.new("RGB", (320, 240), "white"))
    return corrected(
        studio.store,
        picture_id=picture.id,
        question="What is here?",
        answer_shown="red",
        regions=(Region.box(10, 10, 60, 60),),
        corrected_answer="blue",
    )


def test_what_is_kept_is_found_by_pixels_and_question(studio: Studio, session: Session) -> None:
    assert draft_reply(studio, session, event("save"))["version"] == 1
    later = answered(Session(), "answer-9")
    assert draft_reply(studio, later, event(shown="answer-9"))["content"]["regions"] == [BOX]
    for other in (answered(Session(), "x", shade=100), answered(Session(), "x", question="And here?")):
        assert "content" not in draft_reply(studio, other, event(shown="x"))


def test_people_without_a_name_do_not_share_a_draft(studio: Studio, session: Session) -> None:
    draft_reply(studio, session, event("save"))
    assert "content" not in draft_reply(studio, session, event(browser=OTHER))
    kept = draft_reply(studio, session, event("save", browser=OTHER, tab="t2"))
    assert (kept["version"], "conflict" in kept) == (1, False)


def test_nobody_reads_a_draft_by_typing_a_name(studio: Studio, session: Session) -> None:
    draft_reply(studio, session, event("save", author="Ada"))
    assert "content" not in draft_reply(studio, session, event(author="Ada", browser=OTHER))
    # Nor by changing one's own.
    assert draft_reply(studio, session, event(author="Bob"))["content"]["regions"] == [BOX]


def test_a_draft_is_the_accounts_in_every_browser(studio: Studio, session: Session) -> None:
    ada, bob = (
        Person(Role.ANNOTATOR, it.name, it.id)
        for it in (studio.store.accounts.arrived("header", it, it, Role.ANNOTATOR) for it in ("Ada", "Bob"))
    )
    with acting(ada):
        draft_reply(studio, session, event("save"))
        assert "content" in draft_reply(studio, session, event(browser=OTHER, author="Bob"))
    with acting(bob):
        assert "content" not in draft_reply(studio, session, event(author="Ada"))
    assert "content" not in draft_reply(studio, session, event(author=f"account:{ada.account_id}"))
    with acting(ada):  # and ends when it is saved in another tab
        save_correction(studio, answered(Session(), "answer-7"), PageState("answer-7", (BOX,)), "", "Bob")
        assert "content" not in draft_reply(studio, session, event())
    assert [it.annotator for it in studio.store.corrections.all()] == ["Ada"]


def test_another_tab_of_the_same_browser_is_told(studio: Studio, session: Session) -> None:
    draft_reply(studio, session, event("save"))
    told = draft_reply(studio, session, event("save", tab="t2"))
    assert "somebody without a name" in told["conflict"]
    assert BROWSER not in told["conflict"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"browser": "../x"}, "a browser with a number"),
        ({"browser": None}, "a browser with a number"),
        ({"shown": "answer-2"}, "an answer that the app still holds"),
        ({"shown": None}, "an answer that the app still holds"),
        ({"shown": "correction-7-1"}, "id 7"),
        ({"content": {"regions": 3}}, "a draft from the page"),
        ({"content": {"regions": [BOX | {"kind": "x"}], "earlier": [], "answer": ""}}, "a kind out of"),
    ],
)
def test_what_cannot_be_kept_is_said_and_sent_no_more(
    studio: Studio, session: Session, fields: dict[str, Any], said: str
) -> None:
    reply = draft_reply(studio, session, event("save", revision=5, **fields))
    assert said in reply["off"]
    assert (reply["op"], reply["revision"]) == ("save", 5)
    assert "version" not in reply


def test_a_stored_correction_has_drafts_of_its_own(
    studio: Studio, session: Session, stored: CorrectionRecord
) -> None:
    shown = f"correction-{stored.id}-{stored.revision}"
    draft_reply(studio, session, event("save", shown))
    assert studio.store.corrections.get(stored.id) == stored
    # Not offered to somebody who corrects the same question afresh, but whenever the correction is open.
    afresh = answered(Session(), "answer-3", shade=255)
    assert "content" not in draft_reply(studio, afresh, event(shown="answer-3"))
    found = draft_reply(studio, Session(), event(shown=f"correction-{stored.id}-8"))
    assert found["content"]["regions"] == [BOX]
    session.room(KeptDrafts).discard(studio.store, stored, stored.id)
    assert "content" not in draft_reply(studio, session, event(shown=shown))


def test_an_item_of_the_work_list_has_the_draft_of_its_question(
    studio: Studio, session: Session, stored: CorrectionRecord
) -> None:
    shown = f"item-{stored.item_id}-0f"
    assert draft_reply(studio, session, event("save", shown))["version"] == 1
    asked = answered(Session(), "answer-3", shade=255)
    assert draft_reply(studio, asked, event(shown="answer-3"))["content"]["regions"] == [BOX]
    opened = opened_item(1, stored.item_id)
    assert item_value(studio, session.answers, opened)["draft"] == asked.answers.find("answer-3").draft
    submit(studio, session, opened, PageState(str(opened.view), (BOX,)), "", "")
    assert "content" not in draft_reply(studio, session, event(shown=shown))
    # The last keys before a submission may reach the server after it.
    assert "version" in draft_reply(studio, session, event("save", str(opened.view)))
    assert "version" in draft_reply(studio, session, event("save", f"{opened.view}-answer-1"))
    assert "content" not in draft_reply(studio, session, event(shown=shown))


def test_saving_one_correction_leaves_the_drafts_of_others(studio: Studio, session: Session) -> None:
    draft_reply(studio, session, event("save"))
    answered(session, "answer-2", shade=90)
    draft_reply(studio, session, event("save", "answer-2"))
    save_correction(studio, session, PageState("answer-2", (BOX,)), "", "")
    assert "content" not in draft_reply(studio, session, event(shown="answer-2"))
    assert "content" in draft_reply(studio, session, event())


def test_a_draft_has_one_name_for_the_same_picture_question_and_correction() -> None:
    one = draft_name("p", " What? ")
    assert one == draft_name("p", "What?")
    keys = [
        one["key"],
        *(draft_name(*it)["key"] for it in (("q", "What?"), ("p", "Why?"), ("p", "What?", 3))),
    ]
    assert len(set(keys)) == 4
