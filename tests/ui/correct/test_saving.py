"""What is drawn and typed becomes a correction, or a message that says why not."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from sayo_app.core.geometry.region import Region
from sayo_app.errors import CorrectionError, RegionError
from sayo_app.ui.correct.tab import save_correction
from sayo_app.ui.shared.answers import Answered
from sayo_app.ui.shared.session import Session
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.viewer.page_state import PageState
from storage.work.shown_reward import shown_reward
from tests.ui.driving import held, make_trace

BOX = Region.box(10, 20, 110, 120).to_dict()


@pytest.fixture
def session() -> Session:
    """As it is after an answer."""
    pixels = np.random.default_rng(0).integers(0, 255, (240, 320, 3), dtype=np.uint8)
    session = Session()
    session.look_at(held(Image.fromarray(pixels)), {})
    session.show(Answered("answer-1", session.pictures, "What is here?", make_trace()))
    return session


def boxes(*regions: dict, answer: str = "answer-1") -> PageState:
    return PageState(answer, regions)


def test_correction_is_saved_with_picture_and_trace_and_then_revised(
    studio: Studio, session: Session
) -> None:
    number, fresh = save_correction(studio, session, boxes(BOX), " red ", " Ada ")
    assert fresh
    record = studio.store.corrections.get(number)
    assert record.regions == (Region.box(10, 20, 110, 120),)
    assert record.reward == shown_reward(session.answered("answer-1").trace, record.regions) is not None
    assert (record.corrected_answer, record.author, record.question) == ("red", "Ada", "What is here?")
    answered = session.answered("answer-1")
    assert record.answer_shown == answered.trace.text
    assert np.array_equal(
        np.asarray(studio.store.pictures.load(record.picture_id)), np.asarray(session.pictures[0].image())
    )
    assert studio.store.traces.load(record.trace_id).tokens == answered.trace.tokens
    again, fresh = save_correction(studio, session, boxes(BOX, BOX), "", "Ada")
    assert (again, fresh) == (number, False)
    assert len(studio.store.corrections.get(number).regions) == 2
    assert studio.store.corrections.count() == 1


@pytest.mark.parametrize(
    ("box", "error"),
    [
        ((400, 10, 500, 50), RegionError),  # outside: the size is looked up here, not believed
        ((10, 10, 10, 50), RegionError),  # no area
        ((float("nan"), 10, 20, 50), RegionError),
    ],
)
def test_box_that_no_picture_has(studio: Studio, session: Session, box: tuple, error: type) -> None:
    with pytest.raises(error):
        save_correction(studio, session, boxes(BOX | {"box_xyxy": list(box)}), "red", "")
    assert studio.store.corrections.count() == 0


def test_nothing_drawn_and_nothing_typed(studio: Studio, session: Session) -> None:
    with pytest.raises(CorrectionError, match="neither"):
        save_correction(studio, session, boxes(), "  ", "Ada")


def test_answer_that_was_replaced_or_is_gone(studio: Studio, session: Session) -> None:
    with pytest.raises(CorrectionError, match="replaced"):
        save_correction(studio, session, boxes(BOX, answer="answer-0"), "red", "")
    with pytest.raises(CorrectionError, match="Ask the question again"):
        save_correction(studio, Session(), boxes(BOX), "red", "")


def test_answer_about_two_pictures_is_not_stored_as_one_about_the_first(
    studio: Studio, session: Session
) -> None:
    answered = session.answered("answer-1")
    answered.pictures = (*answered.pictures, *answered.pictures)
    with pytest.raises(CorrectionError, match="one picture"):
        save_correction(studio, session, boxes(BOX), "red", "")
