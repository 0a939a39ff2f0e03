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
from tests.ui.driving import held

if TYPE_CHECKING:
    from playwright.sync_api import Page


class Demo:
    """A page of one viewer (or two of a group) for many tests; its address says whose answer it shows.

    What the viewers send is written into #sent.
    """

    def __init__(self, *, second: bool = False, fields: tuple[str, ...] = ()) -> None:
        self.answers: list[Answered] = []
        ids = ("one", "two") if second else ("one",)
        with gr.Blocks(analytics_enabled=False) as self.blocks:
            number = gr.State(0)
            # One line high whatever comes: a reply in the middle of a drag must not push the picture down.
            sent = gr.Textbox(elem_id="sent", max_lines=1)
            for name in fields:
                gr.Textbox(elem_id=name, lines=2)
            options = [
                ViewerOptions(name, editable=True, inspect=True, group="g", fields=fields) for name in ids
            ]
            viewers = [Viewer(it, hint="").component for it in options]
            for component in viewers:
                component.regions(self._on_regions, number, [component, sent], queue=False)
                component.proposed(self._on_propose, number, component, queue=False)
                component.viewmaps(self._on_view, number, component, queue=False)

            def on_load(request: gr.Request) -> Any:
                shown = int(request.query_params["answer"])
                return shown, *[self._value(shown)] * len(viewers)

            self.blocks.load(on_load, None, [number, *viewers])

    def add(self, trace: AttentionTrace) -> str:
        """What an address ends with to show that answer."""
        pictures = held(*(noise(grid.image_wh, i) for i, grid in enumerate(trace.grids)))
        self.answers.append(Answered("answer-1", pictures, "What?", trace, recorded="Only a recording."))
        return f"?answer={len(self.answers) - 1}"

    def _value(self, number: int) -> dict[str, Any]:
        answered = self.answers[number]
        named = [(it.image(), f"p{i}") for i, it in enumerate(answered.pictures)]
        return answer_value(pictures_value(named, [("cat", (1, 2, 30, 40))]), answered)

    def _on_regions(self, number: int, event: gr.EventData) -> Any:
        own = queries.drawn(self.answers[number], event)
        sent = json.dumps([region.to_dict() for region in own.regions])
        return gr.HTML(numbers=queries.measured(self.answers[number], event)[0]), sent

    def _on_view(self, number: int, event: gr.EventData) -> Any:
        answered = self.answers[number]
        maps = view_data(answered.trace, answered.token_maps(event.view), "token")
        return gr.HTML(maps={"id": event.id, "view": event.view, "data": maps})

    def _on_propose(self, number: int, event: gr.EventData) -> Any:
        return gr.HTML(proposals=queries.proposed(self.answers[number], event))


def noise(image_wh: tuple[int, int], seed: int) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 255, (*image_wh[::-1], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


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
