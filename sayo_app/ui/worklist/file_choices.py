"""What is chosen about a file, whether it comes in or goes out: its format, and the grid of its masks."""

from __future__ import annotations

import gradio as gr

from storage.formats.catalogue import FORMATS
from storage.formats.common.grids import GridRule

_GRIDS = {
    "Qwen3-VL (32 px)": GridRule(token_px=32),
    "Qwen2.5-VL (28 px)": GridRule(token_px=28),
    "As it was published (448 × 448)": GridRule(squash_wh=(448, 448)),
}
_QWEN3 = next(iter(_GRIDS))


def named(names: list[str]) -> list[tuple[str, str]]:
    return [(FORMATS[name].title, name) for name in names]


def grid_choice(elem_id: str) -> gr.Dropdown:
    return gr.Dropdown(
        list(_GRIDS), value=_QWEN3, label="Image tokens", visible=False, elem_id=elem_id, min_width=160
    )


def grid_rule(name: str | None) -> GridRule:
    """A field that is not on the page sends None."""
    return _GRIDS.get(name or _QWEN3, _GRIDS[_QWEN3])
