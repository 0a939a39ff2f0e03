"""A page with nothing but viewers on an answer made by hand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np
from PIL import Image

from sayo_app.core.attention.trace import AttentionTrace
from sayo_app.ui.shared.answers import Answered
from sayo_app.ui.viewer import queries
from sayo_app.ui.viewer.component import ViewerOptions
from sayo_app.ui.viewer.payload import view_data
from sayo_app.ui.viewer.values import answer_value, pictures_value
from sayo_app.ui.viewer.viewer import Viewer

if TYPE_CHECKING:
    from playwright.sync_api import Page


def demo(trace: AttentionTrace, *, second: bool = False, fields: tuple[str, ...] = ()) -> gr.Blocks:
    """One viewer (or two of a group) with an answer; what it sends is written into #sent."""
    pictures = tuple(
        Image.fromarray(np.random.default_rng(i).integers(0, 255, (*grid.image_wh[::-1], 3), dtype=np.uint8))
        for i, grid in enumerate(trace.grids)
    )
    shown = pictures_value([(it, f"p{i}") for i, it in enumerate(pictures)], [("cat", (1, 2, 30, 40))])
    answered = Answered("answer-1", pictures, "What?", trace, recorded="Only a recording.")
    value = answer_value(shown, answered)

    def on_regions(event: gr.EventData) -> Any:
        own = queries.drawn(answered, event)
        sent = json.dumps([region.to_dict() for region in own.regions])
        return gr.HTML(numbers=queries.measured(answered, event)[0]), sent

    def on_view(event: gr.EventData) -> Any:
        maps = view_data(trace, answered.token_maps(event.view), "token")
        return gr.HTML(maps={"id": event.id, "view": event.view, "data": maps})

    def on_propose(event: gr.EventData) -> Any:
        return gr.HTML(proposals=queries.proposed(answered, event))

    with gr.Blocks(analytics_enabled=False) as blocks:
        # One line high whatever comes: a reply in the middle of a drag must not push the picture down.
        sent = gr.Textbox(elem_id="sent", max_lines=1)
        for name in fields:
            gr.Textbox(elem_id=name, lines=2)
        ids = ("one", "two") if second else ("one",)
        options = [ViewerOptions(name, editable=True, inspect=True, group="g", fields=fields) for name in ids]
        viewers = [Viewer(it, hint="").component for it in options]
        for component in viewers:
            component.regions(on_regions, None, [component, sent], queue=False)
            component.proposed(on_propose, None, component, queue=False)
            component.viewmaps(on_view, None, component, queue=False)
        blocks.load(lambda: [value] * len(viewers) if second else value, None, viewers)
    return blocks


def boxes(page: Page, name: str = "one") -> list[list[float]]:
    return [region["box_xyxy"] for region in page.evaluate(f"sayo.viewers.{name}.editor.regions")]


def sent_boxes(page: Page, count: int) -> list[list[float]]:
    """What the server has received, once that is `count` boxes."""
    field = "#sent textarea, #sent input"
    page.wait_for_function(
        "([field, count]) => JSON.parse(document.querySelector(field).value || '[]').length === count",
        arg=[field, count],
    )
    return [it["box_xyxy"] for it in json.loads(page.locator(field).input_value())]
