"""What somebody may not do is not shown to them."""

from __future__ import annotations

import re

import gradio as gr
import pytest

from sayo_app.access.rights import ACTIONS, least_role, may
from sayo_app.access.roles import Person, Role
from sayo_app.errors import AccessError
from sayo_app.ui.hiding import actions_of_buttons, hiding_style
from sayo_app.ui.page import lay_out
from sayo_app.ui.shared.handlers import needs, unless
from sayo_app.ui.shared.studio import Studio
from tests.ui.laying_out import in_a_loop


def hidden(style: str) -> set[str]:
    return set(re.findall(r"[#.][\w-]+(?=[,{])", style))


@pytest.fixture
def page(studio: Studio) -> gr.Blocks:
    studio.settings = studio.settings.replace(sign_in="local")
    return in_a_loop(lambda: lay_out(studio))


def test_each_role_sees_the_buttons_that_it_may_press(page: gr.Blocks) -> None:
    actions = actions_of_buttons(page)
    assert len(actions) > 40, "buttons of the page are not found any more"
    for role in (None, *Role):
        found = hidden(hiding_style(actions, Person(role)))
        for name, its in actions.items():
            seen = role is not None and any(role >= least_role(it) for it in its)
            assert (f"#{name}" not in found) is seen, (name, role)
        for action in ACTIONS:
            seen = may(Person(role), action)
            assert (f".{needs(action)}" not in found) is seen
            assert (f".{unless(action)}" in found) is seen


def test_every_button_that_does_something_can_be_hidden(page: gr.Blocks) -> None:
    """One without an id could not be named in a style."""
    named = actions_of_buttons(page)
    asked = {block for it in page.fns.values() if it.fn is not None for block, _ in it.targets}
    buttons = [it for key, it in page.blocks.items() if key in asked and isinstance(it, gr.Button)]
    assert buttons and [it.value for it in buttons if it.elem_id not in named] == []


def test_whoever_has_signed_in_is_asked_for_no_name(page: gr.Blocks) -> None:
    assert ".typed-name" in hidden(hiding_style({}, Person(Role.OWNER, "Ada", 7)))
    assert ".typed-name" not in hidden(hiding_style({}, Person(Role.OWNER)))


def test_before_it_is_known_who_looks_a_guest_does(studio: Studio) -> None:
    def at_first(**options: str) -> set[str]:
        studio.settings = studio.settings.replace(**options)
        page = in_a_loop(lambda: lay_out(studio))
        [style] = [it for it in page.blocks.values() if getattr(it, "elem_id", "") == "hiding"]
        return hidden(style.value)

    assert not {it for it in at_first() if it.startswith("#")}
    assert {"#ask-button", "#correct-save"} <= at_first(sign_in="local")
    found = at_first(guest_role="visitor")
    assert "#correct-save" in found and "#ask-button" not in found


def test_a_class_is_of_an_action_that_there_is() -> None:
    with pytest.raises(AccessError, match="teleport"):
        needs("teleport")
    with pytest.raises(AccessError, match="teleport"):
        unless("teleport")
