"""What waits where, on the real page."""

from __future__ import annotations

import gradio as gr

from sayo_app.ui.page import lay_out
from sayo_app.ui.shared.handlers import ACTION, ON_FILES, ON_MODEL
from sayo_app.ui.shared.studio import Studio
from tests.ui.laying_out import in_own_loop

MODEL, FILES = ON_MODEL["concurrency_id"], ON_FILES["concurrency_id"]


def page_of(studio: Studio) -> gr.Blocks:
    async def made() -> gr.Blocks:
        return lay_out(studio)

    return in_own_loop(made)


def test_nothing_passes_the_queues_but_what_takes_no_time(studio: Studio) -> None:
    """Over HTTP it can be asked for as often as the rate of requests lets one."""
    past = {it.name for it in page_of(studio).fns.values() if it.fn is not None and not it.queue}
    assert past == {"on_beat", "on_heads", "on_stop"}


def test_whoever_waits_for_the_model_sees_their_place_and_nobody_saves_there(studio: Studio) -> None:
    page = page_of(studio)
    where: dict[str, set[str]] = {}
    for function in page.fns.values():
        where.setdefault(getattr(function.fn, ACTION, ""), set()).add(function.concurrency_id)
        shown_on = [it.elem_id for it in function.show_progress_on or ()]
        assert shown_on == (["place"] if function.concurrency_id == MODEL else []), function.name
    for action in ("corrections.save", "corrections.flag", "corrections.judge", "draft"):
        assert not where[action] & {MODEL, FILES}, action
    for action in ("corrections.export", "corrections.import", "answers.export", "adapters.export"):
        assert FILES in where[action], action
    assert MODEL in where["ask"]
