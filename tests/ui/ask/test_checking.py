"""The states of "Does it really look?" on the tiny model: several pictures in one question, and Stop."""

from __future__ import annotations

import re
from typing import Any

import pytest

from sayo_app.core.geometry.region import Region
from sayo_app.errors import InputError
from sayo_app.ui.ask import reallylook
from sayo_app.ui.ask.state import Checking
from sayo_app.ui.shared.answers import Answered
from sayo_app.ui.shared.session import Session
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.viewer.page_state import PageState
from tests.ui.demo import noise
from tests.ui.driving import held

PICTURES = (noise((96, 64), 0), noise((48, 112), 1))
ON_SECOND = Region.box(0, 0, 32, 32).to_dict() | {"picture": 1}


@pytest.fixture
def session(tiny_studio: Studio) -> Session:
    *_, chunk = tiny_studio.answer(PICTURES, "Which is larger?", None)
    assert chunk.trace is not None
    session = Session()
    session.show(Answered("a", held(*PICTURES), "Which is <b>larger</b>?", chunk.trace))
    return session


def check(studio: Studio, session: Session, *regions: dict[str, Any]) -> Any:
    state = PageState("a", regions, view="raw", selection={"kind": "answer", "index": 0})
    return reallylook._check(studio, session, state)


def test_it_goes_through_all_of_it_on_the_picture_that_the_region_is_on(
    tiny_studio: Studio, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []
    answer_on = reallylook.rerun.answer_on
    monkeypatch.setattr(
        reallylook.rerun, "answer_on", lambda *args: given.append(args[2]) or answer_on(*args)
    )
    states = [*check(tiny_studio, session, ON_SECOND)]
    notes = [note for said, *_ in states for note in re.findall(r'reallylook-note">(.*?)</p>', said)]
    said, cards, _ = states[-1]
    assert len(given) == 5 and all(first == PICTURES[0] for first, _ in given)
    assert len({second.tobytes() for _, second in given} | {PICTURES[1].tobytes()}) == 6
    assert notes[1].startswith("The drawn region, covered … 1 of 5")
    assert notes[2].startswith("The drawn region, covered") and "cell by cell … 100 %" in notes[-1]
    assert "reallylook-note" not in said, "it has ended"
    assert 'data-kind="look"' in said and "Which is &lt;b&gt;larger" in said
    assert cards.count('data-testid="trial"') == 5 and "Area between the map and chance" in cards


def test_stop_and_another_answer_end_it(tiny_studio: Studio, session: Session) -> None:
    steps = check(tiny_studio, session, ON_SECOND)
    while 'data-testid="trial"' not in next(steps)[1]:
        pass
    session.room(Checking).stopping = True
    *_, (said, cards, _) = steps
    assert "Stopped." in said and cards.count('data-testid="trial"') == 1
    steps = check(tiny_studio, session, ON_SECOND)  # what was stopped is begun again
    while 'data-testid="trial"' not in next(steps)[1]:
        pass
    session.look_at(held(*PICTURES[:1]), {})
    assert "Stopped." in [*steps][-1][0]


def test_a_recording_has_no_model_to_ask(tiny_studio: Studio, session: Session) -> None:
    session.answers.find("a").recorded = "Opened from a file."
    with pytest.raises(InputError, match="Opened from a file"):
        [*check(tiny_studio, session)]
