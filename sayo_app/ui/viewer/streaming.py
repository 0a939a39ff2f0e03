"""An answer on its way to the page: a few states a second, each with where the newest token looked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import gradio as gr

from sayo_app.core.attention.trace import AttentionTrace
from sayo_app.ui.viewer.payload import packed_bytes
from sayo_app.ui.viewer.values import streaming_value

if TYPE_CHECKING:
    from sayo_app.mllm.answering.chat import Chunk

# The page is sent no more than one state in this time while an answer streams.
_SECONDS = 0.08


def streamed(
    chunks: Iterator[Chunk], shown: dict[str, Any], answer_id: str
) -> Iterator[tuple[dict[str, Any], AttentionTrace | None]]:
    """(viewer value, None) now and then while the answer comes, at last (the last value, its trace)."""
    last, value = 0.0, streaming_value(shown, answer_id, ())
    for chunk in chunks:
        if chunk.trace is not None:
            _say_how_it_ended(chunk)
            yield value, chunk.trace
        elif time.monotonic() - last >= _SECONDS:
            last = time.monotonic()
            live = chunk.live()
            value = streaming_value(
                shown,
                answer_id,
                chunk.tokens,
                chunk.grids,
                None if live is None else packed_bytes(live[None]),
            )
            yield value, None


def _say_how_it_ended(chunk: Chunk) -> None:
    """Where it is not the whole answer."""
    if chunk.ended == "length":
        gr.Info(
            f"The answer was cut after {len(chunk.tokens)} tokens. Whoever runs the app can allow more: "
            "--max-new-tokens."
        )
    elif chunk.ended == "stopped":
        gr.Info("Stopped: this is the answer as far as it came.")
