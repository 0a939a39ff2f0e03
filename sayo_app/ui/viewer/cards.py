"""Picture cards: a strip of examples, a gallery of corrections. Event `pick` carries {id}."""

from __future__ import annotations

from typing import Any

import cv2
import gradio as gr
import numpy as np
from PIL import Image

from sayo_app.core.geometry.region import Region
from sayo_app.ui.viewer.values import data_url

_EDGE_BGR, _HALO_BGR = (80, 60, 235), (255, 255, 255)


def cards(elem_id: str, value: dict[str, Any], *, strip: bool = False) -> gr.HTML:
    """A card component; its value is made by `cards_value`."""
    return gr.HTML(
        value=value,
        html_template=f'<div class="sc {"sc-strip" if strip else "sc-grid"}"></div>',
        js_on_load='sayo.mountCards({ element, props, trigger, watch }, "pick");',
        apply_default_css=False,
        elem_id=elem_id,
    )


def cards_value(items: list[dict[str, Any]], empty: str) -> dict[str, Any]:
    return {"items": items, "empty": empty}


def thumbnail(picture: Image.Image, regions: tuple[Region, ...] = (), side: int = 240) -> str:
    """The picture with its boxes, small, as a data URL."""
    small = picture.convert("RGB")
    small.thumbnail((side, side))
    scale_x, scale_y = small.width / picture.width, small.height / picture.height
    canvas = np.ascontiguousarray(np.asarray(small)[:, :, ::-1])
    for region in regions:
        x0, y0, x1, y1 = region.box_xyxy
        low = (round(x0 * scale_x), round(y0 * scale_y))
        high = (min(round(x1 * scale_x), small.width - 1), min(round(y1 * scale_y), small.height - 1))
        cv2.rectangle(canvas, low, high, _HALO_BGR, 4)
        cv2.rectangle(canvas, low, high, _EDGE_BGR, 2)
    return data_url(Image.fromarray(canvas[:, :, ::-1]), side)
