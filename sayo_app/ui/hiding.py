"""What somebody may not do is not shown to them. It would be refused all the same: see `shared/doors`."""

from __future__ import annotations

from collections import defaultdict

import gradio as gr

from sayo_app.access.current import current
from sayo_app.access.rights import ACTIONS, may
from sayo_app.access.roles import Person
from sayo_app.ui.shared.handlers import ACTION, PRIVATE, TYPED_NAME, does, needs, unless
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.signin.people import guest_role

_BUTTONS = (gr.Button, gr.UploadButton)


def build(studio: Studio, page: gr.Blocks) -> None:
    """Lay out the style that hides, and have it made as the page is opened.

    To be called once everything else is wired: a button is known by what its functions do.
    """
    actions = actions_of_buttons(page)
    # As a guest sees it, until it is known who is looking.
    style = gr.HTML(
        hiding_style(actions, Person(guest_role(studio.settings))), elem_id="hiding", apply_default_css=False
    )

    @does("look")
    def on_hiding() -> str:
        return hiding_style(actions, current())

    page.load(on_hiding, None, style, **PRIVATE)


def actions_of_buttons(page: gr.Blocks) -> dict[str, set[str]]:
    """{id of a button: what its functions do}."""
    found: dict[str, set[str]] = defaultdict(set)
    for function in page.fns.values():
        for block_id, _ in function.targets:
            block = None if block_id is None else page.blocks.get(block_id)
            if function.fn is not None and isinstance(block, _BUTTONS) and block.elem_id:
                found[block.elem_id].add(getattr(function.fn, ACTION))
    return dict(found)


def hiding_style(actions: dict[str, set[str]], person: Person) -> str:
    """A style that hides buttons which this person may press for nothing, and what is marked with `needs`."""
    hidden = [f"#{name}" for name, its in sorted(actions.items()) if not any(may(person, it) for it in its)]
    hidden += [f".{TYPED_NAME}"] if person.signed_in else []
    hidden += [f".{needs(it) if not may(person, it) else unless(it)}" for it in ACTIONS]
    return f"<style>{','.join(hidden)}{{display:none!important}}</style>"
