"""What the browser is sent of an answer, once: the value of a viewer.

It is a plain dict (all text in it reaches the page through `textContent` only):

    id          of the answer; boxes and figures belong to it
    status      "empty" | "picture" | "streaming" | "done"
    hint        what to say while there is no picture
    pictures    [{id, src (data URL), width, height, grid}]: original size, `src` may be smaller; `grid` is
                {grid_hw} or {cells_xyxy} once an answer has begun
    truth       [{label, box_xyxy}] of a drawn scene
    tokens      text pieces of the completion; steps [{start, stop, text, kind}]
    live        while it streams: where the newest token looked, bytes of one map
    views       {name: maps}, see `payload.view_data`; further ones are asked for by name
    unavailable {name: why a view cannot be shown}
    layers      decoder layers that have a map
    sinks       for each picture its image tokens that are attention sinks; None if not known
    top         tokens that the reward reads; image_share and entropies one a token
    regions     boxes to begin with
    draft       {key, name, revises} of what is drawn on it, see `answers.draft_name`; None keeps none
    measured    {view: figures for these boxes} in a saved page, which has no server to ask
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from sayo_app.core.attention.heatmap import DEFAULT, METHODS
from sayo_app.core.attention.metrics import image_share, top_entropy_tokens
from sayo_app.core.attention.trace import AttentionTrace
from sayo_app.core.geometry.grid import ImageGrid
from sayo_app.core.geometry.region import Region
from sayo_app.ui.shared.answers import Answered
from sayo_app.ui.viewer import view_ids
from sayo_app.ui.viewer.payload import scope_of, view_data

# The page needs no more than it can show; coordinates stay those of the original.
_SHOWN_SIDE = 1280
_PNG_PIXELS = 600 * 600
# Sent with the answer; others are asked for, as an answer of a large model has many megabytes of them.
_FIRST_VIEWS = (DEFAULT, "reward")

Truth = Sequence[tuple[str, tuple[float, float, float, float]]]


def empty_value(hint: str) -> dict[str, Any]:
    return {"id": "", "status": "empty", "hint": hint}


def picture_value(picture: Image.Image, picture_id: str, truth: Truth = ()) -> dict[str, Any]:
    """A picture without an answer."""
    return pictures_value([(picture, picture_id)], truth)


def pictures_value(pictures: Sequence[tuple[Image.Image, str]], truth: Truth = ()) -> dict[str, Any]:
    """Pictures (each with its id) without an answer; `truth` is of the first."""
    return entries_value([picture_entry(*it) for it in pictures], truth)


def picture_entry(picture: Image.Image, picture_id: str) -> dict[str, Any]:
    """What is said of one picture, under `pictures`."""
    return {
        "id": picture_id,
        "src": data_url(picture, _SHOWN_SIDE),
        "width": picture.width,
        "height": picture.height,
    }


def entries_value(entries: Sequence[dict[str, Any]], truth: Truth = ()) -> dict[str, Any]:
    """The same of pictures that were made ready one by one."""
    return {
        "id": view_ids.without_answer([entry["id"] for entry in entries]),
        "status": "picture",
        "pictures": list(entries),
        "truth": [{"label": label, "box_xyxy": list(box)} for label, box in truth],
    }


def streaming_value(
    shown: dict[str, Any],
    answer_id: str,
    tokens: Sequence[str],
    grids: Sequence[ImageGrid] = (),
    live: str | None = None,
) -> dict[str, Any]:
    """The pictures of `shown` with the tokens that have come so far, and where the newest one looked."""
    pictures = shown["pictures"]
    if grids:
        pictures = [picture | {"grid": grid.to_dict()} for picture, grid in zip(pictures, grids, strict=True)]
    return {
        "id": answer_id,
        "status": "streaming",
        "pictures": pictures,
        "truth": shown.get("truth", []),
        "tokens": list(tokens),
        "live": live,
    }


def answer_value(
    shown: dict[str, Any],
    answered: Answered,
    regions: Sequence[Region] = (),
    views: Sequence[str] = _FIRST_VIEWS,
) -> dict[str, Any]:
    """The whole answer with its first maps."""
    trace = answered.trace
    named = [*METHODS]
    reasons = {name: reason for name in named if (reason := answered.why_not(name)) is not None}
    return streaming_value(shown, answered.id, trace.tokens, trace.grids) | {
        "status": "done",
        "steps": [
            {"start": step.start, "stop": step.stop, "text": step.text, "kind": step.kind}
            for step in trace.steps
        ],
        "views": {name: view_data(trace, answered.token_maps(name), scope_of(name)) for name in views},
        "unavailable": reasons,
        "layers": list(trace.layers),
        "sinks": _sinks(trace),
        "top": top_entropy_tokens(trace.entropies).tolist(),
        "image_share": np.round(image_share(trace.attention[:, -1]), 5).tolist(),
        "entropies": np.round(trace.entropies.astype(np.float64), 4).tolist(),
        "regions": [region.to_dict() for region in regions],
        "draft": answered.draft,
    }


def _sinks(trace: AttentionTrace) -> list[list[int]] | None:
    if trace.sink_mask is None:
        return None
    parts = (trace.of_picture(index).sink_mask for index in range(len(trace.grids)))
    return [np.flatnonzero(~part).tolist() for part in parts if part is not None]


def data_url(picture: Image.Image, most_side: int) -> str:
    """The picture for the page: at most `most_side` wide and high; small ones without loss."""
    shown = picture.copy()
    shown.thumbnail((most_side, most_side))
    small = shown.width * shown.height <= _PNG_PIXELS
    buffer = io.BytesIO()
    if small:
        shown.save(buffer, "PNG")
    else:
        shown.save(buffer, "JPEG", quality=90)
    kind = "png" if small else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"
