"""The curves of a run: what it trains on, and what was measured on held-out corrections."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from sayo_app.ui.shared.charts import BLUE, GREEN, GRID, ORANGE, RED, layout

_TICKS = 10
# Title, colour, and the key of the figure in a step and in an evaluation event.
_PANELS = (
    ("Attention reward", BLUE, "attention_reward", "sayo_reward"),
    ("Answer accuracy", GREEN, "answer_accuracy", "accuracy"),
    ("KL to the start", RED, "kl", None),
    ("Energy in the regions", ORANGE, "energy", "energy"),
)


def training_chart(events: Sequence[dict[str, Any]]) -> go.Figure:
    """Reward, answer accuracy, KL and attention energy over the steps of a run, in four panels.

    Lines are means over a step's own completions; diamonds are measured on held-out corrections.
    """
    steps = [event for event in events if event.get("kind") == "step"]
    held_out = [it for it in events if it.get("kind") == "evaluation" and it.get("split") == "held_out"]
    most = max([1, *(event["steps"] for event in steps if "steps" in event)])
    dtick = max(1, math.ceil(most / _TICKS))
    figure = go.Figure()
    whole = layout(height=420) | {
        "grid": {"rows": 2, "columns": 2, "pattern": "independent", "xgap": 0.16, "ygap": 0.34},
        "annotations": [],
        "uirevision": "training",
        "showlegend": False,
    }
    for number, (title, colour, key, check) in enumerate(_PANELS, 1):
        suffix = "" if number == 1 else str(number)
        axes = {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}
        line = {"color": colour, "width": 2}
        figure.add_scatter(
            **_points(steps, key), name=title, mode="lines+markers", line=line, cliponaxis=False, **axes
        )
        if check is not None:
            diamond = {"color": colour, "size": 11, "symbol": "diamond-open", "line": {"width": 2}}
            figure.add_scatter(
                **_points(held_out, check),
                name=f"{title}, held out",
                mode="markers",
                marker=diamond,
                cliponaxis=False,
                **axes,
            )
        whole[f"xaxis{suffix}"] = {"gridcolor": GRID, "zeroline": False, "range": [0, most], "dtick": dtick}
        whole[f"yaxis{suffix}"] = {"gridcolor": GRID, "zeroline": True, "zerolinecolor": GRID}
        whole["annotations"].append(_panel_title(title, suffix))
    figure.update_layout(whole)
    return figure


def _points(events: Sequence[dict[str, Any]], key: str) -> dict[str, list[float]]:
    known = [event for event in events if event.get(key) is not None and event.get("step") is not None]
    return {"x": [event["step"] for event in known], "y": [event[key] for event in known]}


def _panel_title(title: str, suffix: str) -> dict[str, Any]:
    return {
        "text": title,
        "xref": f"x{suffix} domain",
        "yref": f"y{suffix} domain",
        "x": 0,
        "y": 1.2,
        "showarrow": False,
        "xanchor": "left",
        "font": {"size": 13},
    }
