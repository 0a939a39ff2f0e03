"""The page: a headline, what the model is doing, and the tabs."""

from __future__ import annotations

import html
from typing import Any

import gradio as gr

from sayo_app.access.current import current
from sayo_app.access.roles import Role
from sayo_app.core.disk import disk, low_words
from sayo_app.errors import SayoError
from sayo_app.ui import hiding
from sayo_app.ui.ask import tab as ask
from sayo_app.ui.compare import tab as compare
from sayo_app.ui.correct import tab as correct
from sayo_app.ui.people import tab as people
from sayo_app.ui.retrain import tab as retrain
from sayo_app.ui.shared.doors import Who, close_doors
from sayo_app.ui.shared.handlers import ON_MODEL, PRIVATE, does, unless
from sayo_app.ui.shared.refresh import Refresh, read_shown, shown_last
from sayo_app.ui.shared.session import Session
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.shared.words import BASE_LABEL, TITLE, model_label
from sayo_app.ui.signin.wiring import SignIn
from sayo_app.ui.tour import tab as tour
from sayo_app.ui.worklist import tab as worklist

_MASTHEAD = (
    f'<header class="masthead"><h1>{TITLE}</h1><p>Ask a multimodal model about a picture, see where it '
    "looked for every word, show it where it should have looked, and retrain it on that.</p></header>"
)
_DEMO = (
    '<p class="note" data-testid="demo">A public demo: ask, and try corrections. Nothing that you do is kept '
    "or shown to others, and pictures that you upload are deleted within the hour.</p>"
)


def build_page(studio: Studio, who: Who | None = None) -> gr.Blocks:
    """All of it, wired to the studio; what it can be asked to do goes through the table of rights.

    Args:
        who: tells who is asking; otherwise it is asked of the settings.
    """
    page = lay_out(studio)
    close_doors(page, who or SignIn(studio.settings, studio.store).who)
    return page


def lay_out(studio: Studio) -> gr.Blocks:
    """The page before anybody is asked who they are."""
    with gr.Blocks(
        title=TITLE,
        analytics_enabled=False,
        # Of uploads: how often is looked, and how old they get, in seconds.
        delete_cache=(600, 1800) if studio.settings.public_demo else (3600, 86400),
        fill_width=False,
    ) as page:
        session, changed, refresh = gr.State(Session(studio.shelf)), gr.State(0), Refresh()
        gr.HTML(_MASTHEAD, apply_default_css=False)
        if studio.settings.sign_in != "none":
            _lay_out_account(studio, page)
        if studio.settings.public_demo:
            gr.HTML(_DEMO, elem_classes=unless("corrections.save"), apply_default_css=False)
        status = gr.HTML(_status(studio, told=False), elem_id="status", apply_default_css=False)
        place = gr.HTML("", html_template="", elem_id="place", apply_default_css=False)
        status_seen = shown_last()
        # It is shown what Ask is shown, so it must exist before Ask is wired; its tab renders it.
        correct_viewer = correct.make_viewer()
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab("Ask", elem_id="tab-ask"):
                tour.build(studio, session, changed, refresh)
                with gr.Column(elem_id="ask-room"):
                    asked = ask.build(studio, session, correct_viewer)
            with gr.Tab("Correct", elem_id="tab-correct"):
                correct.build(studio, session, correct_viewer, asked.chart, changed)
            with gr.Tab("Corrections", elem_id="tab-corrections") as corrections_tab:
                worklist.build(studio, session, changed, corrections_tab)
            with gr.Tab("Retrain", elem_id="tab-retrain") as retrain_tab:
                retrain.build(studio, changed, retrain_tab, refresh)
            with gr.Tab("Compare", elem_id="tab-compare") as compare_tab:
                compare.build(studio, session, changed, compare_tab, asked.question)
            with gr.Tab("People", elem_id="tab-people", visible=False) as people_tab:
                people.build(studio, page, changed, people_tab)

        def shown(seen: Any) -> Any:
            text = _status(studio)
            return gr.skip() if read_shown(seen).get("status") == text else ({"status": text}, text)

        refresh.add(shown, [status_seen], [status_seen, status])
        refresh.wire()
        hiding.build(studio, page)
    for function in page.fns.values():
        if function.concurrency_id == ON_MODEL["concurrency_id"]:
            # Which place in the queue it has, and how long it takes.
            function.show_progress, function.show_progress_on = "minimal", [place]
    return page


def _lay_out_account(studio: Studio, page: gr.Blocks) -> None:
    """Who is signed in, and the way out."""
    account = gr.HTML("", elem_id="account", apply_default_css=False)

    @does("look")
    def on_load() -> str:
        person = current()
        if not person.signed_in:
            return '<p class="hint"><a href="sign-in">Sign in</a></p>'
        role = "" if person.role is None else person.role.word
        if studio.settings.sign_in == "header":  # the way out is the proxy's
            return f'<p class="hint"><b>{html.escape(person.name)}</b>, {role}</p>'
        return (
            f'<form class="hint" method="post" action="sign-out"><b>{html.escape(person.name)}</b>, {role} '
            '<button class="link">Sign out</button></form>'
        )

    page.load(on_load, None, account, **PRIVATE)


def _status(studio: Studio, told: bool = True) -> str:
    """One line under the headline: which model, which adapter, and whether it is there.

    Args:
        told: with what is for owners alone, if whoever asks is one; False as the page is laid out for all.
    """
    state, sentence = studio.model_state
    try:
        record = studio.adapter(studio.active_id())
        adapter = record.name if record is not None else BASE_LABEL.lower()
    except SayoError as error:
        adapter = str(error)
    words = f"{html.escape(model_label(studio.settings.model))} · {html.escape(adapter)}"
    details = [] if state == "ready" else [sentence]
    if studio.store.read_only:
        details.append("The store can only be read: nothing can be saved.")
    if told and current().role == Role.OWNER and (room := low_words(disk(studio.settings))):
        details.append(room)
    detail = f'<span class="status-detail">{html.escape(" ".join(details))}</span>' if details else ""
    return (
        f'<p class="model-status is-{state}" data-testid="model-status" data-state="{state}">'
        f"<span class='dot'></span><b>{words}</b> {detail}</p>"
    )
