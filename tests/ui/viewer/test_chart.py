"""The timeline below an answer."""

from __future__ import annotations

from sayo_app.ui.viewer.chart import token_chart
from tests.ui.driving import make_trace


def test_charts_take_model_text_as_text() -> None:
    trace = make_trace(tokens=("<b>x", "&", "<|im_end|>"))
    figure = token_chart(trace)
    assert list(figure.data[1].customdata) == ["&lt;b>x", "&amp;", "&lt;|im_end|>"]
    assert len(figure.data[0].x) == 2
    assert len(figure.data[1].x) == 3
