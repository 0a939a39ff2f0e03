"""What the browser is sent of an answer."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from sayo_app.core.heatmap import answer_map, step_map, token_maps
from sayo_app.core.metrics import top_entropy_tokens
from sayo_app.core.region import Region
from sayo_app.ui.viewer import answer_value, data_url, picture_value, streaming_value
from tests.ui.driving import make_trace


def unpacked(maps: dict, part: str) -> np.ndarray:
    flat = np.frombuffer(base64.b64decode(maps[part]), dtype=np.uint8)
    return flat.reshape(-1, maps["height"], maps["width"])


def test_maps_are_bytes_scaled_to_their_own_maximum() -> None:
    trace = make_trace()
    value = answer_value(picture_value(Image.new("RGB", (320, 240)), "p"), "a", trace)
    for method in ("centred", "reward"):
        maps = value["maps"][method]
        assert (maps["height"], maps["width"]) == (6, 8)
        wanted = token_maps(trace, method)
        tokens = unpacked(maps, "tokens").reshape(len(wanted), -1)
        scaled = 255 * wanted / wanted.max(axis=1, keepdims=True)
        assert np.abs(tokens - scaled).max() <= 0.51
        for sent, step in zip(unpacked(maps, "steps"), trace.steps, strict=True):
            one = step_map(trace, method, step)
            assert np.abs(sent.ravel() - 255 * one / one.max()).max() <= 0.51
        whole = answer_map(trace, method)
        assert np.abs(unpacked(maps, "answer").ravel() - 255 * whole / whole.max()).max() <= 0.51


def test_value_says_what_the_reward_reads_and_keeps_the_boxes() -> None:
    trace = make_trace()
    shown = picture_value(Image.new("RGB", (320, 240)), "p", [("red cat", (1, 2, 3, 4))])
    value = answer_value(shown, "a", trace, [Region.box(1, 2, 30, 40, step=1)])
    assert value["top"] == top_entropy_tokens(trace.entropies).tolist()
    assert value["regions"] == [Region.box(1, 2, 30, 40, step=1).to_dict()]
    assert value["truth"] == [{"label": "red cat", "box_xyxy": [1, 2, 3, 4]}]
    assert len(value["image_share"]) == len(trace.tokens) - 1
    assert len(value["entropies"]) == len(trace.tokens)


def test_map_of_nothing_is_all_zero() -> None:
    trace = make_trace()
    trace.attention[:] = 0
    maps = answer_value(picture_value(Image.new("RGB", (320, 240)), "p"), "a", trace)["maps"]
    assert not unpacked(maps["reward"], "tokens").any()


def test_answer_of_one_token_has_no_maps_but_a_value() -> None:
    trace = make_trace(tokens=("<|im_end|>",))
    value = answer_value(picture_value(Image.new("RGB", (320, 240)), "p"), "a", trace)
    assert value["maps"]["centred"]["tokens"] == ""
    assert value["steps"] == []


def test_large_picture_is_sent_smaller_but_keeps_its_size_in_pixels() -> None:
    value = picture_value(Image.new("RGB", (4000, 1000), "red"), "p")
    assert (value["picture"]["width"], value["picture"]["height"]) == (4000, 1000)
    kind, data = value["picture"]["src"].split(",")
    assert kind == "data:image/jpeg;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (1280, 320)


def test_small_picture_is_sent_without_loss() -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (50, 60, 3), dtype=np.uint8))
    kind, data = data_url(picture, 1280).split(",")
    assert kind == "data:image/png;base64"
    sent = Image.open(io.BytesIO(base64.b64decode(data)))
    assert np.array_equal(np.asarray(sent), np.asarray(picture))


def test_streaming_value_has_the_tokens_so_far_and_no_maps() -> None:
    shown = picture_value(Image.new("RGB", (32, 24)), "p")
    value = streaming_value(shown, "a", ("The", " cat"))
    assert value["tokens"] == ["The", " cat"]
    assert value["status"] == "streaming"
    assert "maps" not in value
