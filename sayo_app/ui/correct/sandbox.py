"""A correction that is tried and not kept: what a visitor of a public demo does in place of saving one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import gradio as gr

from sayo_app.core.geometry.region import Region
from sayo_app.ui.shared.handlers import PRIVATE, does, guarded, unless
from sayo_app.ui.shared.session import Session
from sayo_app.ui.shared.tables import table
from sayo_app.ui.shared.words import counted
from sayo_app.ui.viewer.page_state import PageState
from sayo_app.ui.viewer.viewer import Viewer

NOTE = (
    '<p class="note">A public demo: what you draw is measured, and <b>Try it</b> says what it would be worth '
    "as a correction. Nothing of it is kept.</p>"
)
_MOST, _MOST_CHARS = 10, 200
_SAID = (
    "<p class='note note-good'>Reward <b>{reward}</b>, from −1 to 1: how much more it looked into your "
    "regions than elsewhere. Kept as a correction, it would teach the model to look there. In this demo it "
    "is not kept: it is gone with this page.</p>"
)
_NO_REWARD = (
    "<p class='note note-good'>The right answer alone would teach the model what to say, and not where to "
    "look: draw a box around that, too. In this demo it is not kept: it is gone with this page.</p>"
)


@dataclass(frozen=True)
class Attempt:
    """Args: right: None where the answer was right. reward: None without a region to look at."""

    question: str
    regions: tuple[Region, ...]
    right: str | None
    reward: float | None


@dataclass
class Tried:
    """Of a browser tab: the last corrections that were tried, newest first."""

    attempts: deque[Attempt] = field(default_factory=lambda: deque(maxlen=_MOST))


def build(
    session: gr.State,
    viewer: Viewer,
    answer: gr.Textbox,
    attempt: Callable[[Session, PageState, str | None], Attempt],
) -> None:
    """Lay out button and list, for those who may not save, and wire them.

    Args:
        attempt: what is drawn and typed; raises SayoError where it is no correction.
    """
    go = gr.Button(
        "Try it", variant="primary", elem_id="correct-try", elem_classes=unless("corrections.save")
    )
    boxes = gr.Textbox(visible="hidden")
    tried = gr.HTML("", elem_id="correct-tried", apply_default_css=False)

    @does("corrections.try")
    @guarded
    def on_try(boxes: str, answer: str | None, session: Session) -> str:
        attempts = session.room(Tried).attempts
        attempts.appendleft(attempt(session, PageState.read(boxes), answer))
        return tried_html(attempts)

    go.click(on_try, [boxes, answer, session], tried, js=viewer.read_state, **PRIVATE)


def tried_html(attempts: Iterable[Attempt]) -> str:
    """What the newest is worth, and a line for each."""
    newest, *_ = attempts = list(attempts)
    said = _NO_REWARD if newest.reward is None else _SAID.format(reward=_figure(newest))
    rows = [
        (
            it.question[:_MOST_CHARS],
            counted(len(it.regions), "region"),
            (it.right or "the answer was right")[:_MOST_CHARS],
            _figure(it),
        )
        for it in attempts
    ]
    return said + table(("Tried in this tab", "Regions", "Right answer", "Reward"), rows)


def _figure(attempt: Attempt) -> str:
    return "–" if attempt.reward is None else f"{attempt.reward:.2f}".replace("-", "−")
