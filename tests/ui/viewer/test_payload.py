"""Figures for drawn boxes and maps as bytes, against the same formulas applied by hand."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest

from sayo_app.core.attention.heatmap import mean_map, token_maps
from sayo_app.core.attention.metrics import (
    METRICS,
    region_energy,
    region_metrics,
    sayo_log_ratio,
    sayo_reward,
)
from sayo_app.core.attention.trace import AttentionTrace
from sayo_app.core.geometry.cells import region_mask
from sayo_app.core.geometry.grid import ImageGrid
from sayo_app.core.geometry.region import Region
from sayo_app.ui.viewer.payload import region_numbers, timeline, view_data
from tests.ui.driving import make_trace


def numbers_of(trace: AttentionTrace, regions: list[Region], view: str = "reward") -> dict[str, Any]:
    return region_numbers(trace, token_maps(trace, view), regions)


@pytest.mark.parametrize("view", ["centred", "reward"])
def test_box_for_the_whole_answer(view: str) -> None:
    trace = make_trace()
    regions = [Region.box(0, 0, 160, 120)]
    mask = region_mask(regions, trace.grid)
    rows = trace.attention[:, -1].astype(float)
    numbers = numbers_of(trace, regions, view)
    assert numbers["answer"]["sayo"] == [pytest.approx(sayo_reward(rows, trace.entropies, mask), abs=1e-4)]
    wanted = [sayo_log_ratio(rows[i : i + 1], mask) for i in range(len(rows))]
    assert numbers["token"]["sayo"] == pytest.approx(wanted, abs=1e-4)
    whole = region_metrics(mean_map(token_maps(trace, view)), mask, trace.grid)
    for name in {*whole} - {"sayo"}:
        assert numbers["answer"][name] == [pytest.approx(whole[name], abs=1e-4)]
        each = [region_metrics(one, mask, trace.grid)[name] for one in token_maps(trace, view)]
        assert numbers["token"][name] == pytest.approx(each, abs=1e-4)


def test_every_figure_with_a_region_is_there() -> None:
    numbers = numbers_of(make_trace(), [Region.box(0, 0, 160, 120)])
    wanted = {name for name, metric in METRICS.items() if metric.of_region}
    for part in ("token", "step", "answer"):
        assert {*numbers[part]} == wanted


def test_token_that_looks_into_the_box_has_more_reward_than_one_that_does_not() -> None:
    trace = make_trace()  # token i looks hardest at cell i, 40 x 40 px each
    reward = numbers_of(trace, [Region.box(0, 0, 40, 40)])["token"]["sayo"]
    assert reward[0] > 0.9
    assert max(reward[1:]) < 0


def test_box_of_a_step_counts_for_its_tokens_only() -> None:
    trace = make_trace()
    first, second = trace.steps[0], trace.steps[1]
    numbers = numbers_of(trace, [Region.box(0, 0, 160, 120, step=second.index)])
    assert numbers["step"]["sayo"][first.index] is None
    held = [value is not None for value in numbers["token"]["energy"]]
    assert held == [second.start <= token < second.stop for token in range(len(held))]
    mask = region_mask([Region.box(0, 0, 160, 120)], trace.grid)
    wanted = region_energy(mean_map(token_maps(trace, "reward")[second.start : second.stop]), mask)
    assert numbers["step"]["energy"][second.index] == pytest.approx(wanted, abs=1e-4)
    # The whole answer is measured against all boxes.
    assert numbers["answer"]["energy"][0] is not None


def test_one_map_in_all_measures_the_same_for_every_token() -> None:
    trace = make_trace()
    one = token_maps(trace, "raw")[:1]
    numbers = region_numbers(trace, one, [Region.box(0, 0, 160, 120)], scope="answer")
    assert len(numbers["token"]["energy"]) == len(trace.attention)
    assert {*numbers["token"]["energy"], *numbers["step"]["energy"]} == {numbers["answer"]["energy"][0]}


def test_small_box_is_said_to_be_small() -> None:
    notes = numbers_of(make_trace(), [Region.box(0, 0, 160, 120), Region.box(3, 3, 8, 8)])["notes"]
    assert len(notes) == 1
    assert notes[0].startswith("Box 2: ")
    small = Region.polygon([(3, 3), (8, 3), (8, 8)])
    assert numbers_of(make_trace(), [small])["notes"][0].startswith("Polygon 1: ")
    assert "smaller than one image token" in notes[0]


def test_attention_of_nothing_gives_no_figures_instead_of_nan() -> None:
    trace = make_trace()
    trace.attention[:] = 0
    numbers = numbers_of(trace, [Region.box(0, 0, 160, 120)])
    found = [*numbers["token"]["energy"], *numbers["answer"]["sayo"]]
    assert all(value is None or np.isfinite(value) for value in found)


def test_answer_of_one_token() -> None:
    trace = make_trace(tokens=("<|im_end|>",))
    assert numbers_of(trace, [Region.box(0, 0, 160, 120)])["token"]["sayo"] == []
    assert timeline(trace, [Region.box(0, 0, 160, 120)]) is None


def test_timeline_of_the_reward_view() -> None:
    """Token 0 has 0.2 in the box's one cell and 47 cells of about 0.0015 elsewhere: 0.2 / 0.27 = 74 %."""
    trace = make_trace()
    regions = [Region.box(0, 0, 40, 40)]
    found = timeline(trace, regions)
    assert found is not None
    energy, contributions = found
    assert energy[0] == pytest.approx(0.74, abs=0.02) and max(energy[1:]) < 0.02
    assert contributions == pytest.approx(numbers_of(trace, regions)["token"]["sayo"], abs=1e-4)
    assert timeline(trace, []) is None


def unpacked(part: dict[str, Any], n_images: int) -> np.ndarray:
    levels = np.frombuffer(base64.b64decode(part["bytes"]), dtype=np.uint8).reshape(-1, n_images)
    return levels / 255 * np.array(part["peaks"])[:, None]


@pytest.mark.parametrize("view", ["centred", "raw"])
def test_maps_come_back_from_their_bytes(view: str) -> None:
    trace = make_trace()
    maps = token_maps(trace, view)
    data = view_data(trace, maps, "token")
    half = maps.max() / 255  # half a level of the highest peak, and its four digits
    np.testing.assert_allclose(unpacked(data["token"], 48), maps, atol=half)
    steps = np.stack([mean_map(token_maps(trace, view)[step.start : step.stop]) for step in trace.steps])
    np.testing.assert_allclose(unpacked(data["step"], 48), steps, atol=half)
    np.testing.assert_allclose(unpacked(data["answer"], 48)[0], mean_map(token_maps(trace, view)), atol=half)


def test_one_map_in_all_is_sent_once() -> None:
    trace = make_trace()
    data = view_data(trace, np.full((1, 48), 0.5), "answer")
    assert data["scope"] == "answer" and data["token"] == {"bytes": "", "peaks": []}
    assert unpacked(data["answer"], 48).tolist() == [[0.5] * 48]
    assert unpacked(data["step"], 48).shape == (len(trace.steps), 48)


def test_map_of_nothing_is_all_zero() -> None:
    data = view_data(make_trace(), np.zeros((8, 48)), "token")
    assert data["token"]["peaks"] == [0.0] * 8
    assert not unpacked(data["token"], 48).any()


def test_maps_of_an_answer_without_steps() -> None:
    trace = make_trace(tokens=("<|im_end|>",))
    data = view_data(trace, token_maps(trace, "raw"), "token")
    assert data["token"]["bytes"] == "" and data["step"]["peaks"] == []
    assert data["answer"]["peaks"] == [0.0]


def test_numbers_of_the_second_picture_are_of_its_own_tokens() -> None:
    trace = make_trace()
    grids = (ImageGrid.regular((40, 40), (1, 1)), ImageGrid.regular((470, 10), (1, 47)))
    both = AttentionTrace(**{**vars(trace), "grids": grids})
    second = both.of_picture(1)
    numbers = region_numbers(second, token_maps(both, "raw")[:, 1:], [Region.box(0, 0, 10, 10)])
    # Token 1 looks at image token 1, the first of the second picture.
    assert int(np.argmax(numbers["token"]["energy"])) == 1
