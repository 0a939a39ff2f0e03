"""Who has an account, and with which role."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from sayo_app.access.roles import ROLES, role_named
from sayo_app.errors import AccountError
from sayo_app.ui.shared.handlers import PRIVATE, does, guarded, quiet, say, typed
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.shared.tables import table
from storage.people.accounts import AccountRecord

_PAGE = 50
_NOBODY = '<p class="hint">Nobody of that name has an account.</p>'
_HINT = (
    "A role holds from the person's next click on. Each may do what those before it may: a visitor asks and "
    "looks, an annotator corrects, a reviewer accepts, a trainer starts runs, an owner does all of it."
)


@dataclass(frozen=True)
class _Shown:
    """The page that is shown.

    Attributes:
        places: the names after which it and those before it begin, the first page's None first.
        after: where the next one begins; None at the end.
    """

    places: tuple[str | None, ...] = (None,)
    after: str | None = None


def build(studio: Studio, changed: gr.State, tab: gr.Tab) -> None:
    """Lay out the panel and wire it; `changed` counts changes of the store."""
    gr.Markdown("#### Accounts", elem_classes="step-title")
    gr.Markdown(_HINT, elem_classes="hint")
    with gr.Row(elem_classes="tight", equal_height=False):
        named = gr.Textbox(
            label="Search", placeholder="part of a name", elem_id="people-named", min_width=200
        )
        who = gr.Dropdown([], value=None, label="Account", elem_id="people-who", min_width=200)
        role = gr.Dropdown(
            list(ROLES), value=ROLES[0], label="New role", elem_id="people-role", min_width=140
        )
        give = gr.Button("Change the role", elem_id="people-give", scale=0, min_width=160)
    listed = gr.HTML("", elem_id="people-accounts", apply_default_css=False)
    with gr.Row(elem_classes="tight"):
        before = gr.Button("‹ Page before", size="sm", elem_id="people-before", scale=0, min_width=130)
        after = gr.Button("Page after ›", size="sm", elem_id="people-after", scale=0, min_width=130)
    shown = gr.State(_Shown())

    def turned(turn: Any, said: Any = guarded) -> Any:
        @does("accounts.read")
        @said
        def on_people(named: str | None, shown: _Shown, who: str | None) -> Any:
            return _page(studio, typed(named), turn(shown), who)

        return on_people

    inputs, outputs = [named, shown, who], [listed, who, before, after, shown]
    always: dict[str, Any] = {"trigger_mode": "always_last", **PRIVATE}
    # Quiet: a change of the store is everybody's, and this list an owner's.
    same = turned(lambda it: it.places, quiet)
    gr.on([tab.select, changed.change], same, inputs, outputs, **always)
    gr.on([named.submit, named.blur], turned(lambda _: (None,)), inputs, outputs, **always)
    before.click(turned(lambda it: it.places[:-1] or (None,)), inputs, outputs, **PRIVATE)
    after.click(turned(_next), inputs, outputs, **PRIVATE)

    @does("accounts.role")
    @guarded
    def on_give(who: str | None, role: str, changed: int) -> Any:
        if not who:
            raise AccountError(
                expected="an account", got="none", remedy="Choose one in the list of accounts first."
            )
        made = studio.store.accounts.set_role(who, role_named(role), keep_an_owner=True)
        say(f"{made.name} has the role {made.role.word}.")
        return changed + 1

    give.click(on_give, [who, role, changed], changed, **PRIVATE)


def _next(shown: _Shown) -> tuple[str | None, ...]:
    return shown.places if shown.after is None else (*shown.places, shown.after)


def _page(studio: Studio, named: str, places: tuple[str | None, ...], who: str | None) -> tuple[Any, ...]:
    found = studio.store.accounts.page(named, after=places[-1], limit=_PAGE + 1)
    people, more = found[:_PAGE], len(found) > _PAGE
    names = [it.name for it in people]
    return (
        table(("Name", "Role", "Signs in by", "Last seen (UTC)"), list(map(_row, people)))
        if people
        else _NOBODY,
        gr.Dropdown(choices=names, value=who if who in names else None),
        gr.Button(visible=len(places) > 1),
        gr.Button(visible=more),
        _Shown(places, names[-1] if more else None),
    )


def _row(account: AccountRecord) -> tuple[str, str, str, str]:
    seen = "–" if account.seen_at is None else f"{account.seen_at:%Y-%m-%d %H:%M}"
    return account.name, account.role.word, account.source, seen
