"""The timeline below an answer: attention, entropy and reward over its tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from sayo_app.core.attention.metrics import image_share, top_entropy_tokens
from sayo_app.core.attention.trace import AttentionTrace
from sayo_app.ui.shared.charts import BLUE, GREEN, GRID, ORANGE, RED, layout


def token_chart(
    trace: AttentionTrace, in_boxes: tuple[Sequence[float], Sequence[float]] | None = None
) -> go.Figure:
    """The timeline. Above, over the tokens: attention on the picture, entropy, and with boxes the part of
    that attention that is in them. Below, with boxes: what each token would add to the SAYO reward.
    The tokens that the reward reads are marked on the entropy line.

    Args:
        in_boxes: (energy in the boxes, SAYO contribution), one a row of the trace; see `payload.timeline`.
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
        marker_color=BLUE,
        opacity=0.75,
        hovertemplate="%{customdata}: %{y:.1f} %<extra></extra>",
    )
    sizes = [11 if i in read else 5 for i in range(len(numbers))]
    symbols = ["diamond" if i in read else "circle" for i in range(len(numbers))]
    line(
        "entropy, nats (◆ read by the reward)",
        trace.entropies.tolist(),
        ORANGE,
        "nats",
        yaxis="y2",
        marker={"size": sizes, "symbol": symbols},
    )
    if in_boxes is not None:
        energy, contributions = in_boxes
        line("of it in the boxes, %", [100 * it for it in energy], GREEN, "%")
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
        "marker_color": [RED if i in read else "rgba(196,78,106,0.4)" for i in range(len(values))],
        "hovertemplate": "%{customdata}: %{y:.2f}<extra></extra>",
    }


def _lay_out_timeline(figure: go.Figure, *, with_boxes: bool, revision: str) -> None:
    """Args: revision: while it stays, what the person zoomed to stays."""
    axis = {"gridcolor": GRID, "zeroline": False}
    upper = [0.42, 1.0] if with_boxes else [0.0, 1.0]
    figure.update_layout(
        layout(height=330 if with_boxes else 230),
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


def _plain(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("\n", "↵") or " "
