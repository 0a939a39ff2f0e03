"""Every function of the page, as every role."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr
import pytest

from sayo_app.access.current import current
from sayo_app.access.rights import ACTIONS, least_role
from sayo_app.access.roles import Person, Role
from sayo_app.errors import AccessError
from sayo_app.ui.page import build_page, lay_out
from sayo_app.ui.shared.doors import close_doors
from sayo_app.ui.shared.handlers import ACTION, does
from sayo_app.ui.shared.studio import Studio
from tests.ui.laying_out import laid_out


def on_server(page: gr.Blocks) -> dict[int, Any]:
    """Those that can be asked of the server; the others run in the browser."""
    return {number: it for number, it in page.fns.items() if it.fn is not None}


def page_of(studio: Studio) -> gr.Blocks:
    """With all that it has where people sign in."""
    studio.settings = studio.settings.replace(sign_in="local", public_demo=True)
    return laid_out(lambda: lay_out(studio))[0]


def button(handler: Callable[..., Any]) -> gr.Blocks:
    """A page of one function."""
    return laid_out(lambda: gr.Button().click(handler, None, None))[0]


def ran(function: Callable[..., Any]) -> list[Any]:
    """What a call of it came to, all steps of it."""
    found = function()
    return list(found) if isinstance(found, Iterator) else [found]


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    messages: list[str] = []
    monkeypatch.setattr("sayo_app.ui.shared.doors.warn", messages.append)
    return messages


def spy(action: str, streams: bool) -> Callable[..., Any]:
    """Stands for a handler: says as whom it ran."""

    def stream() -> Iterator[Any]:
        yield current()
        yield current()

    def call() -> Any:
        return current()

    return does(action)(stream if streams else call)


@pytest.mark.parametrize("streams", [False, True])
def test_every_function_lets_through_who_may_and_nobody_else(
    studio: Studio, said: list[str], streams: bool
) -> None:
    """The real page with its real doors; only what is behind them is replaced."""
    page = page_of(studio)
    functions = on_server(page)
    assert len(functions) > 100, "functions of the page are not found any more"
    actions = {number: getattr(it.fn, ACTION) for number, it in functions.items()}
    for number, it in functions.items():
        it.fn = spy(actions[number], streams)
    asking = Person(None)
    close_doors(page, lambda request: asking)
    wrong = []
    for role in (None, *Role):
        asking = Person(role, "Ada", 7)
        for number, it in functions.items():
            passed = role is not None and role >= least_role(actions[number])
            outcome = ran(it.fn)
            if outcome != ([asking] * (1 + streams) if passed else [gr.skip()]):
                wrong.append(f"{it.api_name} ({actions[number]}) as {role}: {outcome}")
    assert not wrong, "\n".join(wrong)
    assert said


def test_the_page_is_served_behind_doors_only(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[gr.Blocks] = []
    monkeypatch.setattr("sayo_app.ui.page.close_doors", lambda page, who: seen.append(page))
    page = laid_out(lambda: build_page(studio))[1]
    assert seen == [page]


def test_every_action_of_the_table_is_some_functions(studio: Studio) -> None:
    used = {getattr(it.fn, ACTION) for it in on_server(page_of(studio)).values()}
    # Whose correction it is shows only as it is saved.
    assert used == set(ACTIONS) - {"corrections.change"}


def test_nothing_reaches_the_server_beside_the_functions(studio: Studio) -> None:
    """A component may carry functions of its own, which no door would stand before."""
    own = [it for it in page_of(studio).blocks.values() if getattr(it, "server_fns", None)]
    assert own == []


def test_a_function_that_nobody_listed_is_refused() -> None:
    page = button(lambda: 1)
    with pytest.raises(AccessError, match="lambda"):
        close_doors(page, lambda request: Person(Role.OWNER))
    with pytest.raises(AccessError, match="teleport"):
        does("teleport")


def test_a_refusal_changes_nothing_and_says_why(said: list[str]) -> None:
    page = button(does("runs.delete")(lambda: pytest.fail("it ran")))
    close_doors(page, lambda request: Person(Role.TRAINER, "Ada", 7))
    [function] = on_server(page).values()
    assert function.fn() == gr.skip()
    assert "role owner" in said[0] and "Ada, with the role trainer" in said[0]
