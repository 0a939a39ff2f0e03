"""What the charts of the page have in common."""

from __future__ import annotations

from typing import Any

BLUE, ORANGE, GREEN, RED = "#4f6bed", "#e8833a", "#2e9e6b", "#c44e6a"
_BUTTONS = [
    "zoom2d",
    "pan2d",
    "select2d",
    "lasso2d",
    "zoomIn2d",
    "zoomOut2d",
    "autoScale2d",
    "resetScale2d",
    "toImage",
]
# In both colour schemes of the page readable without knowing which one is on.
GRID, _TEXT = "rgba(128,128,128,0.25)", "#8a8f98"


def layout(*, height: int) -> dict[str, Any]:
    return {
        "height": height,
        "margin": {"l": 50, "r": 50, "t": 24, "b": 40},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, sans-serif", "size": 12, "color": _TEXT},
        "legend": {"orientation": "h", "y": -0.3, "yanchor": "top", "x": 0},
        # Its buttons lie over the curves on a phone; drag zooms and a double click goes back without them.
        "modebar": {"remove": _BUTTONS},
        "bargap": 0.25,
        "hovermode": "closest",
    }
