"""A viewer answers all that the page asks of it, whoever made it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from sayo_app.core.geometry.region import Region
from sayo_app.ui.shared.answers import Answered
from sayo_app.ui.shared.session import Session
from sayo_app.ui.shared.studio import Studio
from tests.ui.driving import held, make_trace
from tests.ui.laying_out import laid_out

if TYPE_CHECKING:
    from sayo_app.ui.viewer.viewer import Viewer


def wired(studio: Studio, *, chart: bool = False) -> tuple[Viewer, dict[str, Any]]:
    """A viewer on a page of its own, and by event the function that answers it."""
    import gradio as gr

    from sayo_app.ui.viewer.component import ViewerOptions
    from sayo_app.ui.viewer.viewer import Viewer

    def make() -> Viewer:
        viewer = Viewer(ViewerOptions("v", editable=True), hint="Nothing yet.")
        viewer.wire(studio, gr.State(Session()), gr.Plot() if chart else None)
        return viewer

    page, viewer = laid_out(make)
    return viewer, {name: it for it in page.fns.values() for _, name in it.targets}


def test_every_event_is_answered_and_its_name_is_known_to_the_page(studio: Studio) -> None:
    from sayo_app.ui.viewer.component import EVENTS

    viewer, answers = wired(studio)
    assert set(answers) == set(EVENTS.values())
    for name, answer in answers.items():
        assert f'"{name}"' in viewer.component.js_on_load
        assert answer.outputs == [viewer.component]
        assert (answer.trigger_mode, answer.api_visibility) == ("multiple", "private")
        on_model = name in (EVENTS["model"], EVENTS["heads"])
        assert (answer.concurrency_id == "model") is on_model
        assert (answer.concurrency_limit == 1) is on_model


def test_only_boxes_redraw_the_timeline(studio: Studio) -> None:
    _, answers = wired(studio, chart=True)
    assert {name for name, it in answers.items() if len(it.outputs) == 2} == {"regions"}


def reply(answers: dict[str, Any], name: str, session: Session, **sent: Any) -> dict[str, Any]:
    """What the page is sent when the viewer asks this: an update of one of its properties."""
    import gradio as gr

    update = answers[name].fn(session, gr.EventData(None, sent))
    return update.props if isinstance(update, gr.HTML) else update


def test_each_event_gets_the_reply_that_the_page_waits_for(studio: Studio) -> None:
    session = Session()
    session.show(Answered("answer-1", held(Image.new("RGB", (320, 240))), "What?", make_trace()))
    box = Region.box(10, 20, 110, 120).to_dict()
    asked: dict[str, Any] = {
        "id": "answer-1",
        "revision": 3,
        "view": "centred",
        "picture": 0,
        "regions": [box],
    }
    _, answers = wired(studio)
    numbers = reply(answers, "regions", session, **asked)["numbers"]
    assert (numbers["id"], numbers["revision"], numbers["view"]) == ("answer-1", 3, "centred")
    maps = reply(answers, "viewmaps", session, **asked | {"view": "layer:1"})["maps"]
    assert (maps["id"], maps["view"], maps["data"]["scope"]) == ("answer-1", "layer:1", "token")
    selection = {"kind": "answer", "index": 0}
    proposals = reply(answers, "proposed", session, **asked, selection=selection)["proposals"]
    assert (proposals["id"], proposals["revision"]) == ("answer-1", 3)
    browser = {"op": "load", "author": "", "browser": "a" * 32}
    draft = reply(answers, "drafted", session, **asked, **browser)["draft"]
    assert (draft["id"], draft["op"]) == ("answer-1", "load")


def test_an_answer_that_is_forgotten_costs_a_message_and_no_reply_is_left_out(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gradio as gr

    said: list[str] = []
    monkeypatch.setattr(gr, "Warning", lambda message, **_: said.append(message))
    _, answers = wired(studio)
    asked = {"id": "answer-1", "revision": 3, "view": "layer:1", "selection": None}
    assert reply(answers, "regions", Session(), **asked) == gr.skip()
    for name in ("viewmaps", "modelmaps"):
        assert "Ask the question again" in reply(answers, name, Session(), **asked)["maps"]["reason"]
    for name in ("headfigures", "proposed"):
        assert reply(answers, name, Session(), **asked) == gr.skip()
    assert len(said) == 4
