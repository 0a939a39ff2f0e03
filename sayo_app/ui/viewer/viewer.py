"""A viewer, as the tabs use it: made where it stands on the page, and wired at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from sayo_app.ui.shared.handlers import ON_MODEL, PRIVATE, does, guarded
from sayo_app.ui.shared.session import Session
from sayo_app.ui.shared.studio import Studio
from sayo_app.ui.viewer import queries
from sayo_app.ui.viewer.autosave import draft_reply
from sayo_app.ui.viewer.component import EVENTS, ViewerOptions, component
from sayo_app.ui.viewer.page_state import READ_STATE
from sayo_app.ui.viewer.values import empty_value


class Viewer:
    """A viewer on the page.

    Attributes:
        options: what it is told once.
        component: the output of every handler that shows something in it; takes what `values` makes.
        empty: its value while there is no picture, with the hint.
        read_state: for a handler's `js`: what it shows at the moment of a click, as the first input, for
            `PageState.read`.
    """

    def __init__(self, options: ViewerOptions, *, hint: str, render: bool = True) -> None:
        """`render`: False where it is made before its place on the page is laid out."""
        self.options = options
        self.empty = empty_value(hint)
        self.component = component(options, self.empty, render=render)
        self.read_state = READ_STATE.format(viewer=options.id)

    def wire(self, studio: Studio, session: gr.State, chart: gr.Plot | None = None) -> None:
        """Answer all that it asks of the server; `chart` is the timeline that follows its boxes."""

        @does("look")
        def on_regions(session: Session, event: gr.EventData) -> Any:
            answered = session.answers.get(event.id)
            if answered is None:
                return gr.skip()
            numbers, line = queries.measured(answered, event)
            update = gr.HTML(numbers=numbers)
            return update if chart is None else (update, gr.Plot(line))

        @does("look")
        def on_view(session: Session, event: gr.EventData) -> Any:
            return gr.HTML(maps=queries.recorded_maps(session.answers, event))

        @does("ask")
        def on_model(session: Session, event: gr.EventData) -> Any:
            return gr.HTML(maps=queries.model_maps(studio, session.answers, event))

        @does("ask")
        def on_heads(session: Session, event: gr.EventData) -> Any:
            return gr.HTML(heads=queries.head_figures(studio, session.answers, event))

        @does("look")
        def on_propose(session: Session, event: gr.EventData) -> Any:
            return gr.HTML(proposals=queries.proposed(session.answers.find(event.id), event))

        @does("draft")
        def on_draft(session: Session, event: gr.EventData) -> Any:
            return gr.HTML(draft=draft_reply(studio, session, event))

        shown = [self.component]
        self._answer("regions", on_regions, session, shown if chart is None else [*shown, chart], PRIVATE)
        self._answer("view", on_view, session, shown, PRIVATE)
        self._answer("model", on_model, session, shown, ON_MODEL)
        self._answer("heads", on_heads, session, shown, ON_MODEL)
        self._answer("propose", on_propose, session, shown, PRIVATE)
        self._answer("draft", on_draft, session, shown, PRIVATE)

    def _answer(
        self,
        asked: str,
        handler: Callable[[Session, gr.EventData], Any],
        session: gr.State,
        outputs: Sequence[gr.components.Component],
        queue: dict[str, Any],
    ) -> None:
        """Each one asked is answered: the page waits for the reply."""
        listen = getattr(self.component, EVENTS[asked])
        listen(guarded(handler), session, [*outputs], trigger_mode="multiple", **queue)
