"""What the page shows of runs, the model and the store without anybody's doing: refreshed by one request.

What was shown last is kept in the page, not on the server, so that it is always what a person sees: answers
that overtake one another cannot make it say that there is nothing new.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from sayo_app.errors import SayoError
from sayo_app.ui.shared.handlers import PRIVATE, does, quiet

log = logging.getLogger(__name__)
# `sayo.mountPulse` triggers it; the name must stand in the script in quotes for Gradio to know it.
_PULSE = 'sayo.mountPulse({ props, trigger, watch }, "beat");'


@dataclass(frozen=True)
class _Part:
    """As one event of Gradio's."""

    handler: Callable[..., Any]
    inputs: Sequence[Any]
    outputs: Sequence[Any]


class Refresh:
    """Collects what is refreshed with each new mark of `sayo_app.ui.shared.pulse`."""

    def __init__(self) -> None:
        self._mark = gr.HTML(
            "", html_template="", elem_id="pulse", js_on_load=_PULSE, apply_default_css=False
        )
        self._parts: list[_Part] = []

    def add(self, handler: Callable[..., Any], inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        """Args: handler: gives a value for each output, or `gr.skip()` where there is nothing new."""
        self._parts.append(_Part(handler, inputs, outputs))

    def on(self, listener: Callable[..., Any]) -> None:
        """Refresh on an event of the page.

        Handlers that show some of the same need that as their `then`: what they show may be older by then.
        """
        listener(None, None, None, js="() => sayo.beat()", **PRIVATE)

    def wire(self) -> None:
        """Once all is added."""
        parts = self._parts

        @does("look")
        @quiet
        def on_beat(event: gr.EventData, *values: Any) -> list[Any]:
            rest, shown = list(values), [event.mark]
            for part in parts:
                own, rest = rest[: len(part.inputs)], rest[len(part.inputs) :]
                shown += _values(part, own)
            return shown

        self._mark.beat(
            on_beat,
            [it for part in parts for it in part.inputs],
            [self._mark, *(it for part in parts for it in part.outputs)],
            queue=False,
            # A mark that comes while the handler is at the one before must not be lost.
            trigger_mode="always_last",
            **PRIVATE,
        )


def shown_last() -> gr.HTML:
    """What a part has shown last, as a dictionary; the page sends it back with each refresh."""
    return gr.HTML(value={}, html_template="", visible="hidden", apply_default_css=False)


def read_shown(sent: Any) -> dict[str, str]:
    """Of what the page sent back, which may be anything."""
    return sent if isinstance(sent, dict) else {}


def _values(part: _Part, inputs: Sequence[Any]) -> list[Any]:
    """One an output; where something is wrong the part stays as it is, and the others do not."""
    nothing = [gr.skip()] * len(part.outputs)
    try:
        values = part.handler(*inputs)
    except SayoError as error:
        log.warning("%s", error)
        return nothing
    return list(values) if isinstance(values, tuple | list) else nothing
