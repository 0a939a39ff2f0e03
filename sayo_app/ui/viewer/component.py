"""The component that a viewer is on the page: its options and its events."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import gradio as gr
import numpy as np

from sayo_app.core.attention.heatmap import METHODS
from sayo_app.core.attention.metrics import METRICS
from sayo_app.core.rendering.colormap import TABLE

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
_WAITING = "The answer appears here, word by word."
_UNITS = {"energy": "share", "otsu_iou": "share", "pointing": "flag"}


class DraftFields(NamedTuple):
    """elem_ids of the text fields that belong to a draft beside the regions."""

    answer: str
    author: str


@dataclass(frozen=True)
class ViewerOptions:
    """What a viewer is told once.

    Attributes:
        id: elem_id of its component.
        editable: regions can be drawn.
        inspect: with layers and heads.
        narrow: one column, for two viewers side by side.
        group: viewers that step together; those that show the same answer share its boxes.
        chart: elem_id of the Plotly chart to mark.
        fields: elem_ids of text fields that share its undo and redo.
        drafts: keep every edit of regions and of these fields; None keeps nothing.
    """

    id: str
    editable: bool
    inspect: bool = False
    narrow: bool = False
    group: str | None = None
    chart: str | None = None
    fields: Sequence[str] = ()
    drafts: DraftFields | None = None

    def to_dict(self) -> dict[str, Any]:
        """For `sayo.mountViewer`, with the maps and figures that can be chosen."""
        own = {it.name: getattr(self, it.name) for it in fields(self)}
        return own | {
            "fields": list(self.fields),
            "drafts": None if self.drafts is None else self.drafts._asdict(),
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
            "waiting": _WAITING if self.group else "",
            "colours": base64.b64encode(TABLE.astype(np.uint8).tobytes()).decode(),
        }


def component(options: ViewerOptions, value: dict[str, Any], *, render: bool = True) -> gr.HTML:
    """The Gradio component of a viewer, which asks with `EVENTS`; its value is one of `values`."""
    return gr.HTML(
        value=value,
        html_template='<div class="sv" tabindex="-1"></div>',
        # The names of the events must stand in the script in quotes for Gradio to know them. Options are
        # written into the script because a tab that is not open yet loses the component's props.
        js_on_load="sayo.mountViewer({ element, props, trigger, watch }, "
        f"{json.dumps(options.to_dict())}, {json.dumps(EVENTS)});",
        apply_default_css=False,
        elem_id=options.id,
        render=render,
    )
