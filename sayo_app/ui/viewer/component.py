"""The viewer component: what the browser is sent once an answer, and what it sends back.

The value of a viewer is a plain dict (all text in it reaches the page through `textContent` only):

    id          of the answer; boxes and figures belong to it
    status      "empty" | "picture" | "streaming" | "done"
    hint        what to say while there is no picture
    pictures    [{id, src (data URL), width, height, grid}]: original size, `src` may be smaller; `grid` is
                {grid_hw} or {cells_xyxy} once an answer has begun
    truth       [{label, box_xyxy}] of a drawn scene
    tokens      text pieces of the completion; steps [{start, stop, text, kind}]
    live        while it streams: where the newest token looked, bytes of one map
    views       {name: maps}, see `views.view_data`; further ones are asked for by name
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
import json
from collections.abc import Sequence
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from sayo_app.core.attention.heatmap import DEFAULT, METHODS
from sayo_app.core.attention.metrics import METRICS, image_share, top_entropy_tokens
from sayo_app.core.attention.trace import AttentionTrace
from sayo_app.core.geometry.grid import ImageGrid
from sayo_app.core.geometry.region import Region
from sayo_app.core.rendering.colormap import TABLE
from sayo_app.settings import ASSETS_DIR
from sayo_app.ui.shared.answers import Answered
from sayo_app.ui.viewer.payload import scope_of, view_data

UI_DIR = ASSETS_DIR / "ui"
SCRIPTS = (
    "regions/geometry.js",
    "regions/tools.js",
    "regions/editor.js",
    "regions/labels.js",
    "regions/draw.js",
    "regions/bar.js",
    "regions/list.js",
    "shared/history.js",
    "viewer/overlay.js",
    "viewer/parts.js",
    "viewer/tokens.js",
    "viewer/numbers.js",
    "viewer/heads.js",
    "viewer/keys.js",
    "regions/pictures.js",
    "viewer/zoom.js",
    "viewer/grid.js",
    "drafts/kept.js",
    "drafts/autosave.js",
    "viewer/viewer.js",
)
# Names of the component's events: boxes changed; a view of the recording, of the model; figures of heads;
# a draft to keep or to find; peaks of a map as regions.
EVENTS = {
    "regions": "regions",
    "view": "viewmaps",
    "model": "modelmaps",
    "heads": "headfigures",
    "draft": "drafted",
    "propose": "proposed",
}
# The page needs no more than it can show; coordinates stay those of the original.
_SHOWN_SIDE = 1280
_PNG_PIXELS = 600 * 600
# Sent with the answer; others are asked for, as an answer of a large model has many megabytes of them.
_FIRST_VIEWS = (DEFAULT, "reward")

_WAITING = "The answer appears here, word by word."

Truth = Sequence[tuple[str, tuple[float, float, float, float]]]


def viewer_options(
    elem_id: str,
    *,
    editable: bool,
    inspect: bool = False,
    narrow: bool = False,
    group: str | None = None,
    chart: str | None = None,
    fields: Sequence[str] = (),
    drafts: tuple[str, str] | None = None,
) -> dict[str, Any]:
    """What a viewer is told once; see `viewer`."""
    return {
        "id": elem_id,
        "editable": editable,
        "inspect": inspect,
        "narrow": narrow,
        "group": group,
        "chart": chart,
        "fields": list(fields),
        "drafts": None if drafts is None else dict(zip(("answer", "author"), drafts, strict=True)),
        "methods": [
            {
                "name": it.name,
                "label": it.label,
                "description": it.description,
                "formula": it.formula,
                "needs": it.needs,
            }
            for it in METHODS.values()
        ],
        "metrics": [
            {
                "name": it.name,
                "label": it.label,
                "meaning": it.description,
                "unit": _UNITS.get(it.name, "number"),
            }
            for it in METRICS.values()
            if it.of_region
        ],
        "waiting": _WAITING if group else "",
    }


_UNITS = {"energy": "share", "otsu_iou": "share", "pointing": "flag"}


def viewer(
    elem_id: str,
    *,
    hint: str,
    editable: bool,
    inspect: bool = False,
    narrow: bool = False,
    group: str | None = None,
    chart: str | None = None,
    fields: Sequence[str] = (),
    drafts: tuple[str, str] | None = None,
    render: bool = True,
) -> gr.HTML:
    """A viewer; `inspect.wire` answers its events.

    Args:
        inspect: with layers and heads.
        narrow: one column, for two viewers side by side.
        group: viewers that step together.
        chart: elem_id of the Plotly chart to mark.
        fields: elem_ids of text fields that share its undo and redo.
        drafts: elem_ids of the fields for the answer and the author's name: keep every edit of regions and
            of these; `drafts.wire` answers.
    """
    options = viewer_options(
        elem_id,
        editable=editable,
        inspect=inspect,
        narrow=narrow,
        group=group,
        chart=chart,
        fields=fields,
        drafts=drafts,
    )
    return gr.HTML(
        value=empty_value(hint),
        html_template='<div class="sv" tabindex="-1"></div>',
        # The names of the events must stand in the script in quotes for Gradio to know them. Options are
        # written into the script because a tab that is not open yet loses the component's props.
        js_on_load="sayo.viewer({ element, props, trigger, watch }, "
        f"{json.dumps(options)}, {json.dumps(EVENTS)});",
        head=scripts(*SCRIPTS),
        apply_default_css=False,
        elem_id=elem_id,
        render=render,
    )


def scripts(*names: str) -> str:
    """Our script files as one tag: Gradio runs it once a page, before the component's own line."""
    return f"<script>{script_text(*names)}</script>"


def script_text(*names: str) -> str:
    """Our script files one after the other, led by the colour map that page and files share."""
    table = base64.b64encode(np.asarray(TABLE, dtype=np.uint8).tobytes()).decode()
    colours = f'(window.sayo ??= {{}}).colourTable = "{table}";'
    return "\n".join([colours, *((UI_DIR / name).read_text("utf-8") for name in names)])


def empty_value(hint: str) -> dict[str, Any]:
    return {"id": "", "status": "empty", "hint": hint}


def picture_value(picture: Image.Image, picture_id: str, truth: Truth = ()) -> dict[str, Any]:
    """A picture without an answer."""
    return pictures_value([(picture, picture_id)], truth)


def pictures_value(pictures: Sequence[tuple[Image.Image, str]], truth: Truth = ()) -> dict[str, Any]:
    """Pictures (each with its id) without an answer; `truth` is of the first."""
    return {
        "id": f"picture-{'-'.join(picture_id for _, picture_id in pictures)}",
        "status": "picture",
        "pictures": [
            {
                "id": picture_id,
                "src": data_url(picture, _SHOWN_SIDE),
                "width": picture.width,
                "height": picture.height,
            }
            for picture, picture_id in pictures
        ],
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
