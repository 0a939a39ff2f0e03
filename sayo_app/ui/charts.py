"""Plotly figures of the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from sayo_app.core.metrics import image_share
from sayo_app.core.trace import AttentionTrace

_BLUE, _ORANGE, _GREEN, _RED = "#4f6bed", "#e8833a", "#2e9e6b", "#c44e6a"
# In both colour schemes of the page readable without knowing which one is on.
_GRID, _TEXT = "rgba(128,128,128,0.25)", "#8a8f98"


def token_chart(trace: AttentionTrace) -> go.Figure:
    """Over the tokens: the share of attention that is on the image, and the entropy."""
    share = 100 * image_share(trace.attention[:, -1].astype(np.float64))
    numbers = list(range(1, len(trace.tokens) + 1))
    # Tokens are model text: they are shown as hover text, where Plotly would read tags.
    words = [_plain(token) for token in trace.tokens]
    figure = go.Figure()
    figure.add_bar(
        x=numbers[: len(share)], y=share, customdata=words[: len(share)], name="attention on the image (%)",
        marker_color=_BLUE, opacity=0.75, hovertemplate="%{customdata}: %{y:.1f} %<extra></extra>",
    )  # fmt: skip
    figure.add_scatter(
        x=numbers, y=trace.entropies, customdata=words, name="entropy (nats)", yaxis="y2", mode="lines+markers",
        line={"color": _ORANGE, "width": 2}, marker={"size": 5},
        hovertemplate="%{customdata}: %{y:.2f} nats<extra></extra>",
    )  # fmt: skip
    figure.update_layout(
        _layout(height=230),
        xaxis={"title": {"text": "token"}, "gridcolor": _GRID, "zeroline": False},
        yaxis={"title": {"text": "on image, %"}, "gridcolor": _GRID, "rangemode": "tozero"},
        yaxis2={"title": {"text": "entropy, nats"}, "overlaying": "y", "side": "right", "showgrid": False,
                "rangemode": "tozero"},
    )  # fmt: skip
    return figure


def training_chart(events: Sequence[dict[str, Any]]) -> go.Figure:
    """Reward, answer accuracy, KL and attention energy over the steps of a run, in four panels."""
    steps = [event for event in events if event.get("kind") == "step"]
    checks = [
        event for event in events if event.get("kind") == "evaluation" and event.get("split") == "held_out"
    ]
    panels = (
        ("reward", "Attention reward", _BLUE, "attention_reward", "sayo_reward"),
        ("accuracy", "Answer accuracy", _GREEN, "answer_accuracy", "accuracy"),
        ("kl", "KL to the start", _RED, "kl", None),
        ("energy", "Energy in the regions", _ORANGE, "energy", "energy"),
    )
    figure = go.Figure()
    layout: dict[str, Any] = _layout(height=420) | {
        "grid": {"rows": 2, "columns": 2, "pattern": "independent", "xgap": 0.16, "ygap": 0.34},
        "annotations": [],
        "uirevision": "training",
        "showlegend": False,
    }
    for number, (_, title, colour, key, check) in enumerate(panels, 1):
        suffix = "" if number == 1 else str(number)
        axes = {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}
        seen = [event for event in steps if event.get(key) is not None]
        figure.add_scatter(
            x=[event["step"] for event in seen], y=[event[key] for event in seen], name=f"{title}, training",
            mode="lines+markers", line={"color": colour, "width": 2}, marker={"size": 4}, **axes,
        )  # fmt: skip
        held_out = [event for event in checks if check and event.get(check) is not None]
        figure.add_scatter(
            x=[event["step"] for event in held_out], y=[event[check] for event in held_out],
            name=f"{title}, held out", mode="markers", marker={"color": colour, "size": 11, "symbol": "diamond-open"},
            **axes,
        )  # fmt: skip
        layout[f"xaxis{suffix}"] = {"gridcolor": _GRID, "zeroline": False, "rangemode": "tozero"}
        layout[f"yaxis{suffix}"] = {"gridcolor": _GRID, "zeroline": True, "zerolinecolor": _GRID}
        layout["annotations"].append(
            {"text": title, "xref": f"x{suffix} domain", "yref": f"y{suffix} domain", "x": 0, "y": 1.2,
             "showarrow": False, "xanchor": "left", "font": {"size": 13}}
        )  # fmt: skip
    figure.update_layout(layout)
    return figure


def _layout(*, height: int) -> dict[str, Any]:
    return {
        "height": height,
        "margin": {"l": 50, "r": 50, "t": 34, "b": 40},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, sans-serif", "size": 12, "color": _TEXT},
        "legend": {"orientation": "h", "y": 1.2, "x": 0},
        "bargap": 0.25,
        "hovermode": "closest",
    }


def _plain(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("\n", "↵") or " "
