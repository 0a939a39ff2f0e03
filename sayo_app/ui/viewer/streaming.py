"""An answer on its way to the page: a few states a second, each with where the newest token looked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

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
