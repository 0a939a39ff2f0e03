"""What is kept of an open page, and when it is let go of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import gradio as gr
import pytest
from gradio import routes, state_holder
from gradio.state_holder import SessionState

from sayo_app.settings import Settings
from sayo_app.ui.page import lay_out
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.web.sessions import FairHolder, LeanState, keep_little, owned
from tests.ui.laying_out import laid_out

NOW = datetime(2026, 1, 1, 12)


@pytest.fixture
def page(studio: Studio) -> Iterator[gr.Blocks]:
    blocks = laid_out(lambda: lay_out(studio))[0]
    blocks.state_session_capacity = 300
    yield blocks


@pytest.fixture
def holder(page: gr.Blocks) -> FairHolder:
    holder = FairHolder(timedelta(minutes=10), timedelta(hours=2))
    holder.set_blocks(page)
    return holder


@pytest.fixture
def kept_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the server does, taken back after the test."""
    monkeypatch.setattr(state_holder, "SessionState", state_holder.SessionState)
    monkeypatch.setattr(routes, "StateHolder", routes.StateHolder)
    keep_little(Settings(closed_page_minutes=10, idle_page_hours=2))


def viewer_of(page: gr.Blocks) -> tuple[int, gr.HTML]:
    return next((number, it) for number, it in page.blocks.items() if it.elem_id == "ask-viewer")


def test_nothing_is_kept_of_what_a_page_only_shows(page: gr.Blocks) -> None:
    number, viewer = viewer_of(page)
    lean, theirs = LeanState(page), SessionState(page)
    assert lean.config_values == {} and len(theirs.config_values) > 100
    shown: Any = gr.HTML(maps="x" * 10**6, visible=False, render=False)
    lean[number] = shown
    lean._update_config(number)
    lean._update_value_in_config(number, {"views": "x" * 10**6})
    assert lean.config_values == {}
    assert lean[number].visible is False, "what it was told of itself holds"
    assert "maps" not in lean[number].props and "maps" not in lean[number].constructor_args
    assert lean[number].props == viewer.props


def test_what_a_component_allows_and_a_state_says_is_kept(page: gr.Blocks) -> None:
    lean = LeanState(page)
    number = next(key for key, it in page.blocks.items() if isinstance(it, gr.Dropdown))
    lean[number] = gr.Dropdown(choices=["a", "b"], render=False)
    assert lean[number].choices == [("a", "a"), ("b", "b")]
    state = next(key for key, it in page.blocks.items() if isinstance(it, gr.State))
    first, second = LeanState(page), LeanState(page)
    assert first[state] is first[state] is not second[state]
    first[state] = "told"
    assert first[state] == "told" and second[state] != "told"


def test_a_new_page_has_a_lean_state(kept_little: None, page: gr.Blocks) -> None:
    holder = routes.StateHolder()
    assert isinstance(holder, FairHolder)
    holder.set_blocks(page)
    assert isinstance(holder["a"], LeanState)
    holder.session_data["a"].is_closed = True
    holder.time_last_used["a"] = datetime.now() - timedelta(minutes=11)
    holder["b"].is_closed = True
    holder.delete_all_expired_state()
    assert [*holder.session_data] == ["b"]


@pytest.mark.parametrize(
    ("closed", "minutes", "stays"),
    [(True, 9, True), (True, 11, False), (False, 119, True), (False, 121, False)],
)
def test_a_page_is_kept_for_as_long_as_it_may_come_back(
    holder: FairHolder, closed: bool, minutes: int, stays: bool
) -> None:
    holder["a"].is_closed = closed
    holder.time_last_used["a"] = NOW - timedelta(minutes=minutes)
    holder.let_go(NOW)
    assert ("a" in holder) == stays == ("a" in holder.time_last_used)


def test_a_session_that_is_let_go_of_frees_what_its_page_kept(
    studio: Studio, kept_little: None, page: gr.Blocks, holder: FairHolder
) -> None:
    number = next(
        key for key, it in page.blocks.items() if isinstance(it, gr.State) and hasattr(it.value, "look_at")
    )
    holder["a"][number].look_at((), {"pictures": [{"src": "x" * 1_000}]})
    assert studio.shelf.weight == 1_000, "a copy of the page's session is on the studio's shelf"
    holder.time_last_used["a"] = NOW
    holder.let_go(NOW + timedelta(days=1))
    assert studio.shelf.weight == 0


def opened(holder: FairHolder, page: gr.Blocks, *sessions: tuple[str, str]) -> list[str]:
    """Those that are there after these (session, owner) were."""
    for session, owner in sessions:
        owned(page, session, owner)
    return [*holder.session_data]


def test_who_opens_most_pages_loses_their_own(holder: FairHolder, page: gr.Blocks) -> None:
    holder.capacity = 4
    first = opened(holder, page, ("a1", "a"), ("b1", "b"), ("f1", "f"), ("f2", "f"))
    assert first == ["a1", "b1", "f1", "f2"]
    assert opened(holder, page, *((f"f{number}", "f") for number in range(3, 100))) == [
        "a1", "b1", "f98", "f99",
    ]  # fmt: skip
    assert [*holder.time_last_used] == ["a1", "b1", "f98", "f99"]


def test_where_nobody_has_more_the_page_used_longest_ago_goes(holder: FairHolder, page: gr.Blocks) -> None:
    holder.capacity = 3
    assert opened(holder, page, ("a", "a"), ("b", "b"), ("c", "c"), ("a", "a"), ("d", "d")) == ["c", "a", "d"]
    # The page that has just come stays, though its owner has most.
    assert opened(holder, page, ("d2", "d")) == ["c", "a", "d2"]


def test_a_page_belongs_to_whoever_used_it_last(holder: FairHolder, page: gr.Blocks) -> None:
    holder.capacity = 3
    opened(holder, page, ("a1", "guest"), ("b1", "guest"), ("a1", "account"))
    owned(page, None, "a call without a page")
    assert opened(holder, page, ("c1", "c"), ("c2", "c")) == ["b1", "a1", "c2"]
