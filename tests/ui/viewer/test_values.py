"""What the browser is sent of an answer."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from PIL import Image

from sayo_app.core.attention.heatmap import token_maps
from sayo_app.core.attention.metrics import top_entropy_tokens
from sayo_app.core.attention.trace import AttentionTrace
from sayo_app.core.geometry.grid import ImageGrid
from sayo_app.core.geometry.region import Region
from sayo_app.ui.shared.answers import Answered
from sayo_app.ui.viewer.payload import packed_bytes, view_data
from sayo_app.ui.viewer.values import (
    answer_value,
    data_url,
    picture_value,
    pictures_value,
    streaming_value,
)
from tests.ui.driving import held, make_trace


def answered(**changes: Any) -> Answered:
    fields: dict[str, Any] = {"trace": make_trace()} | changes
    return Answered("a", held(Image.new("RGB", (320, 240))), "What?", **fields)


def shown(*sizes_wh: tuple[int, int]) -> dict[str, Any]:
    sizes = sizes_wh or ((320, 240),)
    return pictures_value([(Image.new("RGB", size), f"p{i}") for i, size in enumerate(sizes)])


def test_first_maps_come_with_the_answer_and_the_others_are_asked_for() -> None:
    value = answer_value(shown(), answered())
    assert set(value["views"]) == {"centred", "reward"}
    wanted = view_data(make_trace(), token_maps(make_trace(), "centred"), "token")
    assert value["views"]["centred"] == wanted
    assert value["layers"] == [1, 2]
    assert value["pictures"][0]["grid"] == {"image_wh": [320, 240], "grid_hw": [6, 8]}


def test_views_that_cannot_be_shown_say_why() -> None:
    value = answer_value(shown(), answered(recorded="Opened from a file."))
    assert value["unavailable"]["gradient"] == "Opened from a file."
    assert "sinks" in value["unavailable"]["filtered"], "the trace knows of no sinks"
    assert "centred" not in value["unavailable"]
    assert "recorded" in answered(steered=True).why_not("rollout")
    assert answered().why_not("head:1:0") is None
    assert answered(recorded="Opened from a file.").why_not("head:1:0") == "Opened from a file."


def test_sinks_are_given_picture_by_picture() -> None:
    trace = make_trace()
    kept = np.ones(48, dtype=bool)
    kept[[1, 5]] = False
    grids = (ImageGrid.regular((20, 20), (2, 2)), ImageGrid.regular((440, 10), (1, 44)))
    both = AttentionTrace(**{**vars(trace), "grids": grids, "sink_mask": kept})
    value = answer_value(shown((20, 20), (440, 10)), answered(trace=both))
    assert value["sinks"] == [[1], [1]]
    assert answer_value(shown(), answered())["sinks"] is None


def test_value_says_what_the_reward_reads_and_keeps_the_boxes() -> None:
    trace = make_trace()
    picture = picture_value(Image.new("RGB", (320, 240)), "p", [("red cat", (1, 2, 3, 4))])
    value = answer_value(picture, answered(), [Region.box(1, 2, 30, 40, step=1)])
    assert value["top"] == top_entropy_tokens(trace.entropies).tolist()
    assert value["regions"] == [Region.box(1, 2, 30, 40, step=1).to_dict()]
    assert value["truth"] == [{"label": "red cat", "box_xyxy": [1, 2, 3, 4]}]
    assert len(value["image_share"]) == len(trace.tokens) - 1
    assert len(value["entropies"]) == len(trace.tokens)


def test_answer_of_one_token_has_no_maps_but_a_value() -> None:
    value = answer_value(shown(), answered(trace=make_trace(tokens=("<|im_end|>",))))
    assert value["views"]["centred"]["token"]["bytes"] == ""
    assert value["steps"] == []


def test_large_picture_is_sent_smaller_but_keeps_its_size_in_pixels() -> None:
    value = picture_value(Image.new("RGB", (4000, 1000), "red"), "p")
    assert (value["pictures"][0]["width"], value["pictures"][0]["height"]) == (4000, 1000)
    kind, data = value["pictures"][0]["src"].split(",")
    assert kind == "data:image/jpeg;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (1280, 320)


def test_small_picture_is_sent_without_loss() -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (50, 60, 3), dtype=np.uint8))
    kind, data = data_url(picture, 1280).split(",")
    assert kind == "data:image/png;base64"
    sent = Image.open(io.BytesIO(base64.b64decode(data)))
    assert np.array_equal(np.asarray(sent), np.asarray(picture))


def test_streaming_value_has_the_tokens_so_far_and_the_newest_look() -> None:
    value = streaming_value(shown(), "a", ("The", " cat"))
    assert (value["tokens"], value["status"], value["live"]) == (["The", " cat"], "streaming", None)
    assert "grid" not in value["pictures"][0] and "views" not in value
    grids = (ImageGrid.regular((320, 240), (1, 2)),)
    value = streaming_value(shown(), "a", ("The", " cat"), grids, packed_bytes(np.array([[0.1, 0.2]])))
    assert value["pictures"][0]["grid"]["grid_hw"] == [1, 2]
    assert base64.b64decode(value["live"]) == bytes([128, 255])
