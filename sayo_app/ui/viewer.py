"""The viewer component: what the browser is sent once an answer, and what it sends back.

The value of a viewer is a plain dict (all text in it reaches the page through `textContent` only):

    id          of the answer; boxes and figures belong to it
    status      "empty" | "picture" | "streaming" | "done"
    hint        what to say while there is no picture
    picture     {id, src (data URL), width, height}: original size, `src` may be smaller
    truth       [{label, box_xyxy}] of a drawn scene
    tokens      text pieces of the completion; steps [{start, stop, text, kind}]
    maps        {method: {height, width, tokens, steps, answer}}: maps as base64 bytes, each scaled to
                its own maximum
    top         tokens that the reward reads; image_share and entropies one a token
    regions     boxes to begin with
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from typing import Any

import gradio as gr
import numpy as np
from jaxtyping import Float
from PIL import Image

from sayo_app.core.heatmap import METHODS, TRACE_METHODS, answer_map, step_map, token_maps, unavailable
from sayo_app.core.metrics import image_share, top_entropy_tokens
from sayo_app.core.region import Region
from sayo_app.core.trace import AttentionTrace, Step
from sayo_app.settings import ASSETS_DIR

UI_DIR = ASSETS_DIR / "ui"
_SCRIPTS = ("regions.js", "overlay.js", "viewer_parts.js", "viewer.js")
# The page needs no more than it can show; coordinates stay those of the original.
_SHOWN_SIDE = 1280
_PNG_PIXELS = 600 * 600

_WAITING = "The answer appears here, word by word."

Truth = Sequence[tuple[str, tuple[float, float, float, float]]]


def viewer(
    elem_id: str,
    *,
    hint: str,
    editable: bool,
    group: str | None = None,
    chart: str | None = None,
    render: bool = True,
) -> gr.HTML:
    """A viewer. `group`: viewers that step together; `chart`: elem_id of the Plotly chart to mark.

    Its event `regions` carries {id, revision, regions}; figures are sent back as the prop `numbers`.
    """
    methods = [
        {"name": name, "label": METHODS[name].label, "description": METHODS[name].description}
        for name in TRACE_METHODS
    ]
    options = {
        "id": elem_id,
        "editable": editable,
        "group": group,
        "chart": chart,
        "methods": methods,
        "waiting": _WAITING if group else "",
    }
    return gr.HTML(
        value=empty_value(hint),
        html_template='<div class="sv" tabindex="-1"></div>',
        # The name of the event must stand in the script in quotes for Gradio to know it. Options are
        # written into the script because a tab that is not open yet loses the component's props.
        js_on_load=f'sayo.viewer({{ element, props, trigger, watch }}, {json.dumps(options)}, "regions");',
        head=scripts(*_SCRIPTS),
        apply_default_css=False,
        elem_id=elem_id,
        render=render,
    )


def scripts(*names: str) -> str:
    """Our script files as one tag: Gradio runs it once a page, before the component's own line."""
    return f"<script>{chr(10).join((UI_DIR / name).read_text('utf-8') for name in names)}</script>"


def empty_value(hint: str) -> dict[str, Any]:
    return {"id": "", "status": "empty", "hint": hint}


def picture_value(picture: Image.Image, picture_id: str, truth: Truth = ()) -> dict[str, Any]:
    """A picture without an answer."""
    return {
        "id": f"picture-{picture_id}",
        "status": "picture",
        "picture": {
            "id": picture_id,
            "src": data_url(picture, _SHOWN_SIDE),
            "width": picture.width,
            "height": picture.height,
        },
        "truth": [{"label": label, "box_xyxy": list(box)} for label, box in truth],
    }


def streaming_value(shown: dict[str, Any], answer_id: str, tokens: Sequence[str]) -> dict[str, Any]:
    """The picture of `shown` with the tokens that have come so far."""
    return {
        "id": answer_id,
        "status": "streaming",
        "picture": shown["picture"],
        "truth": shown.get("truth", []),
        "tokens": list(tokens),
    }


def answer_value(
    shown: dict[str, Any], answer_id: str, trace: AttentionTrace, regions: Sequence[Region] = ()
) -> dict[str, Any]:
    """The whole answer with all its maps."""
    rows = trace.attention[:, -1]
    return streaming_value(shown, answer_id, trace.tokens) | {
        "status": "done",
        "steps": [_step_value(step) for step in trace.steps],
        "maps": {
            method: _maps_value(trace, method)
            for method in TRACE_METHODS
            if unavailable(trace, method, has_model=False) is None
        },
        "top": top_entropy_tokens(trace.entropies).tolist(),
        "image_share": np.round(image_share(rows), 5).tolist(),
        "entropies": np.round(trace.entropies.astype(np.float64), 4).tolist(),
        "regions": [region.to_dict() for region in regions],
    }


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


def _step_value(step: Step) -> dict[str, Any]:
    return {"start": step.start, "stop": step.stop, "text": step.text, "kind": step.kind}


def _maps_value(trace: AttentionTrace, method: str) -> dict[str, Any]:
    tokens = token_maps(trace, method)
    steps = [step_map(trace, method, step) for step in trace.steps]
    small = trace.grid.paint(answer_map(trace, method))
    return {
        "height": int(small.shape[0]),
        "width": int(small.shape[1]),
        "tokens": _packed(trace, tokens),
        "steps": _packed(trace, steps),
        "answer": _packed(trace, [answer_map(trace, method)]),
    }


def _packed(trace: AttentionTrace, maps: Sequence[Float[np.ndarray, " image"]] | np.ndarray) -> str:
    """Maps as bytes, 255 being the largest value of each map on its own."""
    pieces = []
    for values in maps:
        painted = np.nan_to_num(trace.grid.paint(np.asarray(values, dtype=np.float32)))
        most = float(painted.max())
        scaled = np.clip(painted / most * 255.0, 0, 255) if most > 0 else np.zeros_like(painted)
        pieces.append(np.round(scaled).astype(np.uint8).tobytes())
    return base64.b64encode(b"".join(pieces)).decode()
