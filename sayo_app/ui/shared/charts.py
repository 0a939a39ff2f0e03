"""Plotly figures of the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from sayo_app.core.attention.metrics import image_share, top_entropy_tokens
from sayo_app.core.attention.trace import AttentionTrace

_BLUE, _ORANGE, _GREEN, _RED = "#4f6bed", "#e8833a", "#2e9e6b", "#c44e6a"
# In both colour schemes of the page readable without knowing which one is on.
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
_GRID, _TEXT = "rgba(128,128,128,0.25)", "#8a8f98"


def token_chart(
    trace: AttentionTrace, in_boxes: tuple[Sequence[float], Sequence[float]] | None = None
) -> go.Figure:
    """The timeline. Above, over the tokens: attention on the picture, entropy, and with boxes the part of
    that attention that is in them. Below, with boxes: what each token would add to the SAYO reward.
    The tokens that the reward reads are marked on the entropy line.

    Args:
        in_boxes: (energy in the boxes, SAYO contribution), one a row of the trace; see `views.timeline`.
    """
    share = 100 * image_share(trace.attention[:, -1].astype(np.float64))
    numbers = list(range(1, len(trace.tokens) + 1))
    # Tokens are model text: they are shown as hover text, where Plotly would read tags.
    words = [_plain(token) for token in trace.tokens]
    read = {*top_entropy_tokens(trace.entropies).tolist()}
    figure = go.Figure()

    def line(name: str, values: Sequence[float], colour: str, unit: str, **more: Any) -> None:
        figure.add_scatter(
            x=numbers[: len(values)],
            y=values,
            customdata=words[: len(values)],
            name=name,
            mode="lines+markers",
            hovertemplate=f"%{{customdata}}: %{{y:.2f}} {unit}<extra></extra>",
            **{"line": {"color": colour, "width": 2}, "marker": {"size": 5}} | more,
        )

    figure.add_bar(
        x=numbers[: len(share)],
        y=share,
        customdata=words[: len(share)],
        name="on the picture, %",
        marker_color=_BLUE,
        opacity=0.75,
        hovertemplate="%{customdata}: %{y:.1f} %<extra></extra>",
    )
    sizes = [11 if i in read else 5 for i in range(len(numbers))]
    symbols = ["diamond" if i in read else "circle" for i in range(len(numbers))]
    line(
        "entropy, nats (◆ read by the reward)",
        trace.entropies.tolist(),
        _ORANGE,
        "nats",
        yaxis="y2",
        marker={"size": sizes, "symbol": symbols},
    )
    if in_boxes is not None:
        energy, contributions = in_boxes
        line("of it in the boxes, %", [100 * it for it in energy], _GREEN, "%")
        figure.add_bar(**_contributions(contributions, words, read))
    _lay_out_timeline(figure, with_boxes=in_boxes is not None, revision=trace.text)
    return figure


def _contributions(values: Sequence[float], words: Sequence[str], read: set[int]) -> dict[str, Any]:
    """The bars below: strong where the reward reads the token, faint where it does not."""
    return {
        "x": list(range(1, len(values) + 1)),
        "y": list(values),
        "customdata": words[: len(values)],
        "name": "SAYO reward of the token",
        "yaxis": "y3",
        "marker_color": [_RED if i in read else "rgba(196,78,106,0.4)" for i in range(len(values))],
        "hovertemplate": "%{customdata}: %{y:.2f}<extra></extra>",
    }


def _lay_out_timeline(figure: go.Figure, *, with_boxes: bool, revision: str) -> None:
    """Args: revision: while it stays, what the person zoomed to stays."""
    axis = {"gridcolor": _GRID, "zeroline": False}
    upper = [0.42, 1.0] if with_boxes else [0.0, 1.0]
    figure.update_layout(
        _layout(height=330 if with_boxes else 230),
        uirevision=revision,
        xaxis=axis | {"title": {"text": "token"}},
        yaxis=axis | {"title": {"text": "per cent"}, "domain": upper, "rangemode": "tozero"},
        yaxis2=axis
        | {
            "title": {"text": "entropy, nats"},
            "overlaying": "y",
            "side": "right",
            "showgrid": False,
            "rangemode": "tozero",
        },
    )
    if with_boxes:
        figure.update_layout(
            xaxis={"anchor": "y3"},
            yaxis3=axis
            | {"title": {"text": "SAYO"}, "domain": [0.0, 0.32], "range": [-1, 1], "zeroline": True},
        )


_TICKS = 10
# Title, colour, and the key of the figure in a step and in an evaluation event.
_PANELS = (
    ("Attention reward", _BLUE, "attention_reward", "sayo_reward"),
    ("Answer accuracy", _GREEN, "answer_accuracy", "accuracy"),
    ("KL to the start", _RED, "kl", None),
    ("Energy in the regions", _ORANGE, "energy", "energy"),
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
    layout = _layout(height=420) | {
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
        layout[f"xaxis{suffix}"] = {"gridcolor": _GRID, "zeroline": False, "range": [0, most], "dtick": dtick}
        layout[f"yaxis{suffix}"] = {"gridcolor": _GRID, "zeroline": True, "zerolinecolor": _GRID}
        layout["annotations"].append(_panel_title(title, suffix))
    figure.update_layout(layout)
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


def _layout(*, height: int) -> dict[str, Any]:
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


def _plain(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("\n", "↵") or " "
